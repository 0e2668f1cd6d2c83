"""What OpenTelemetry, a log and a metric see of a turn, and what a service is told."""

import logging
import subprocess
import sys
import uuid
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from remote_agents import AgentError, BlueNexus, TurnRecord, observability
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way, make
from tests.raw_server import JSON, head, serving

QUESTION = "How many vacation days does Zaphod get?"


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_turn_is_a_span_and_a_record(
    framework: str,
    streamed: bool,
    awaited: bool,
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
    turns: list[TurnRecord],
) -> None:
    settings = sandbox.kwargs("bluenexus")
    way = Way(framework, "bluenexus", streamed=streamed, awaited=awaited, **settings)
    answer = await way.ask(QUESTION, session=(session := uuid.uuid4().hex))
    (span,) = spans.get_finished_spans()
    told = dict(span.attributes or {})
    assert span.kind is trace.SpanKind.CLIENT
    assert told["gen_ai.operation.name"] == "invoke_agent"
    assert told["gen_ai.provider.name"] == "bluenexus"
    assert told["gen_ai.agent.id"] == settings["agent_id"]
    assert told["gen_ai.conversation.id"] == answer.metadata["conversation_id"]
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert told["session.id"] == session
    assert told["remote_agents.memory"] == "new"
    assert told["server.address"] == "127.0.0.1"
    (turn,) = turns
    assert (turn.outcome, turn.streamed) == ("ok", streamed)
    assert 0 < (turn.first_event_seconds or 0) <= turn.seconds
    assert "Zaphod" not in f"{told}{turn}"
    assert answer.text not in f"{told}{turn}"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_service_is_told_who_asks_and_in_which_trace(
    framework: str, spans: InMemorySpanExporter
) -> None:
    reply = b'{"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}'
    with serving([head(JSON, length=len(reply)), reply]) as server:
        model: Any = make(framework, "bluenexus", base_url=server.url, api_key="k")
        getattr(
            model, {"plain": "ask", "langchain": "invoke", "llamaindex": "complete"}[framework]
        )("Hi")
    (span,) = spans.get_finished_spans()
    top = server.requests[0].lower()
    names = {"plain": b"python/", "langchain": b"langchain-core/", "llamaindex": b"llama-index"}
    assert b"\r\nuser-agent: remote-agents/0.1.0 (" + names[framework] in top
    place = f"{span.context.trace_id:032x}-{span.context.span_id:016x}"
    assert f"traceparent: 00-{place}-".encode() in top


def test_a_turn_that_fails_or_is_left(
    sandbox: Sandbox, spans: InMemorySpanExporter, turns: list[TurnRecord]
) -> None:
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    sandbox.fail_next(status=500)
    with pytest.raises(Exception, match="500"):
        agent.ask(QUESTION)
    events = agent.stream(QUESTION)
    next(events)
    events.close()
    assert [turn.outcome for turn in turns] == ["ServerError", "left"]
    failed, left = spans.get_finished_spans()
    assert (failed.attributes or {})["error.type"] == "ServerError"
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert left.status.status_code is trace.StatusCode.UNSET


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_turn_that_fails_says_what_memory_did(
    framework: str,
    streamed: bool,
    awaited: bool,
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
    turns: list[TurnRecord],
) -> None:
    settings = {**sandbox.kwargs("bluenexus"), "max_retries": 0}
    way = Way(framework, "bluenexus", streamed=streamed, awaited=awaited, **settings)
    session = uuid.uuid4().hex
    sandbox.fail_next(status=500)
    with pytest.raises(AgentError):
        await way.ask(QUESTION, session=session)
    answer = await way.ask(QUESTION, session=session)
    sandbox.drop_after(events=1)
    with pytest.raises(AgentError):
        await way.ask(QUESTION, session=session)
    told = [dict(span.attributes or {}) for span in spans.get_finished_spans()]
    refused, _, dropped = ({**turn.facts} for turn in turns)
    assert (refused["memory"], refused["memory_reason"]) == ("new", "first_turn")
    assert (dropped["memory"], dropped["memory_reason"]) == ("continued", "session")
    for span, facts in zip(told[::2], (refused, dropped), strict=True):
        assert span["remote_agents.memory"] == facts["memory"]
        assert span["remote_agents.memory_reason"] == facts["memory_reason"]
    assert told[2]["gen_ai.conversation.id"] == answer.metadata["conversation_id"]


def test_a_stream_that_is_left_says_what_memory_did(
    sandbox: Sandbox, turns: list[TurnRecord]
) -> None:
    events = BlueNexus(**sandbox.kwargs("bluenexus")).stream(QUESTION, session_id="left")
    next(events)
    events.close()
    (turn,) = turns
    assert (turn.outcome, turn.facts["memory"]) == ("left", "new")
    assert turn.facts["conversation_id"]


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_log_record_has_the_facts_as_fields(
    endpoint: str, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "remote_agents")
    reply = make("plain", endpoint, **sandbox.kwargs(endpoint)).ask(QUESTION)
    (record,) = [each for each in caplog.records if hasattr(each, "agent_id")]
    assert record.endpoint == endpoint
    assert record.conversation_id == reply.conversation_id
    assert record.seconds > 0


def test_nothing_of_it_loads_where_it_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from remote_agents import BlueNexus, AgentConnectionError\n"
        "try: BlueNexus(api_key='k', base_url='http://127.0.0.1:9', max_retries=0).ask('Hi')\n"
        "except AgentConnectionError: print([m for m in sys.modules if 'opentelemetry.' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nobody_looks_at_a_turn_that_nobody_would_see(sandbox: Sandbox) -> None:
    agent = BlueNexus(**sandbox.kwargs("bluenexus")).agent
    assert observability.observed(agent, {}, stream=True) is None
