"""What OpenTelemetry, a log and a metric see of a turn, and what a service is told."""

import asyncio
import logging
import subprocess
import sys
import uuid
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from remote_agents import (
    AgentError,
    BlueNexus,
    ConfigurationError,
    TurnRecord,
    observability,
    on_turn,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way, asked, make
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
@pytest.mark.parametrize("of_the_call", [False, True])
def test_a_span_has_what_was_asked_for(
    framework: str, *, of_the_call: bool, sandbox: Sandbox, spans: InMemorySpanExporter
) -> None:
    wanted: dict[str, Any] = {
        "model": "llama-3.3-70b-instruct",
        "temperature": 0.3,
        "top_p": 0.9,
        "top_k": 40,
        "frequency_penalty": 0.2,
        "presence_penalty": 0.1,
        "seed": 3,
    }
    of_services = {**wanted, "n": 2, "max_completion_tokens": 50}
    given = ({}, of_services) if of_the_call else (of_services, {})
    model: Any = make(framework, "private_ai", **sandbox.kwargs("private_ai"), **given[0])
    asks = {"plain": "ask", "langchain": "invoke", "llamaindex": "complete"}
    for changes in ({}, dict.fromkeys(wanted), {"n": 1}):
        getattr(model, asks[framework])(QUESTION, **{**given[1], **changes})
    told = [
        {
            name.removeprefix("gen_ai.request."): value
            for name, value in (span.attributes or {}).items()
            if name.startswith("gen_ai.request.")
        }
        for span in spans.get_finished_spans()
    ]
    assert told == [
        {**wanted, "choice.count": 2, "max_tokens": 50},
        {"choice.count": 2, "max_tokens": 50},
        {**wanted, "max_tokens": 50},
    ]


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


def a_way(
    sandbox: Sandbox,
    framework: str,
    how: tuple[bool, bool],
    endpoint: str = "bluenexus",
    **settings: Any,
) -> Way:
    settings = {**sandbox.kwargs(endpoint), "max_retries": 0, **settings}
    return Way(framework, endpoint, streamed=how[0], awaited=how[1], **settings)


hows = pytest.mark.parametrize(
    "how",
    [(streamed, awaited) for streamed in (False, True) for awaited in (False, True)],
    ids=["whole", "whole-async", "streamed", "streamed-async"],
)
frameworks = pytest.mark.parametrize("framework", FRAMEWORKS)


@frameworks
@hows
@pytest.mark.parametrize("refused", [{"memory": "bad"}, {"nonsense": 1}, {"timeout": "soon"}])
async def test_a_turn_that_is_refused_is_seen_too(
    framework: str,
    how: tuple[bool, bool],
    refused: dict[str, object],
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
    turns: list[TurnRecord],
) -> None:
    with pytest.raises(AgentError):
        await a_way(sandbox, framework, how).ask(QUESTION, **refused)
    assert [(turn.outcome, turn.streamed) for turn in turns] == [("ConfigurationError", how[0])]
    (span,) = spans.get_finished_spans()
    assert (span.attributes or {})["error.type"] == "ConfigurationError"


def _unfoldable(messages: object) -> list[Any]:
    raise ZeroDivisionError


@frameworks
@hows
@pytest.mark.parametrize("session", [None, "s"])
async def test_a_function_of_the_caller_that_fails_is_a_failed_turn(
    framework: str,
    how: tuple[bool, bool],
    session: str | None,
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
    turns: list[TurnRecord],
) -> None:
    answer = await a_way(sandbox, framework, how, "maiagent").ask("Hi")
    way = a_way(sandbox, framework, how, "maiagent", fold=_unfoldable)
    history = [way.question("Hello"), answer.message]
    turns.clear()
    spans.clear()
    with pytest.raises(ZeroDivisionError):
        await way.ask(QUESTION, history, session)
    assert [turn.outcome for turn in turns] == ["ZeroDivisionError"]
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR


class _Begun(SpanProcessor):
    def __init__(self) -> None:
        self.many = 0

    def on_start(self, span: object, parent_context: object = None) -> None:
        self.many += 1


@frameworks
@pytest.mark.parametrize("awaited", [False, True])
async def test_a_stream_that_nobody_reads_is_no_turn(
    framework: str,
    awaited: bool,
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
    turns: list[TurnRecord],
) -> None:
    provider: Any = trace.get_tracer_provider()
    provider.add_span_processor(begun := _Begun())
    way = a_way(sandbox, framework, (True, awaited))
    method = "stream_chat" if framework == "llamaindex" else "stream"
    stream = getattr(way.model, f"a{method}" if awaited else method)([way.question(QUESTION)])
    unread = await stream if hasattr(stream, "__await__") else stream
    del stream, unread
    assert begun.many == len(turns) == 0
    await way.leave(QUESTION)
    assert begun.many == len(spans.get_finished_spans()) == len(turns) == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_turn_whose_task_is_cancelled_is_left(
    streamed: bool, sandbox: Sandbox, spans: InMemorySpanExporter, turns: list[TurnRecord]
) -> None:
    way = a_way(sandbox, "plain", (streamed, True))
    sandbox.slow_first_byte(seconds=5)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(way.ask(QUESTION), 0.3)
    assert [turn.outcome for turn in turns] == ["left"]
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.UNSET


@frameworks
@hows
async def test_an_observer_that_fails_costs_nobody_his_answer(
    framework: str,
    how: tuple[bool, bool],
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str] = []
    stops = [on_turn(lambda turn: seen.index("?")), on_turn(lambda turn: seen.append(turn.outcome))]
    try:
        way = a_way(sandbox, framework, how)
        assert (await way.ask(QUESTION)).text
        sandbox.fail_next(status=500, body={"error": "out of bananas"})
        with pytest.raises(AgentError, match="500"):
            await way.ask(QUESTION)
    finally:
        for stop in stops:
            stop()
    assert seen == ["ok", "ServerError"]
    failures = [each for each in caplog.records if each.name == "remote_agents.observability"]
    assert [each.levelname for each in failures] == ["ERROR", "ERROR"]
    assert "ValueError" in caplog.text
    assert "bananas" not in caplog.text


async def _later(_: TurnRecord) -> None:
    raise AssertionError


@pytest.mark.parametrize("observer", ["count", None, _later])
def test_what_cannot_be_called_at_once_is_no_observer(observer: Any) -> None:
    with pytest.raises(ConfigurationError, match="on_turn takes a function"):
        on_turn(observer)


class _Failing(SpanProcessor):
    def on_start(self, span: object, parent_context: object = None) -> None:
        raise ZeroDivisionError

    def on_end(self, span: object) -> None:
        raise ZeroDivisionError


def test_a_tracer_that_fails_costs_nobody_his_answer(
    sandbox: Sandbox, spans: InMemorySpanExporter, turns: list[TurnRecord]
) -> None:
    provider: Any = trace.get_tracer_provider()
    provider.add_span_processor(_Failing())
    assert asked(a_way(sandbox, "plain", (False, False)), QUESTION).text
    assert [turn.outcome for turn in turns] == ["ok"]


def test_an_observer_may_take_itself_away(sandbox: Sandbox) -> None:
    way, seen = a_way(sandbox, "plain", (False, False)), list[str]()

    def once(turn: TurnRecord) -> None:
        seen.append("once")
        stop()

    stop, stop_other = on_turn(once), on_turn(lambda turn: seen.append("each"))
    asked(way, QUESTION)
    asked(way, QUESTION)
    stop_other()
    assert seen == ["once", "each", "each"]


def test_an_observer_is_taken_away_as_often_as_one_likes(sandbox: Sandbox) -> None:
    seen = list[TurnRecord]()
    stops = [on_turn(seen.append), on_turn(seen.append)]
    stops[0]()
    stops[0]()
    asked(a_way(sandbox, "plain", (False, False)), QUESTION)
    stops[1]()
    assert len(seen) == 1


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
    assert observability.observed(agent, [], {}, stream=True) is None
