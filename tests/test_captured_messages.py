"""A span has the messages of its turn where the environment asks for them, and only there."""

import json
import uuid
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from remote_agents import AGUI, AgentError, BlueNexus, ClientToolCall, Message, captured_messages
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way

QUESTION = "How many vacation days do I get?"
ASKED_BY = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def attributes_of(spans: InMemorySpanExporter) -> dict[str, Any]:
    """What the only span says."""
    (span,) = spans.get_finished_spans()
    return dict(span.attributes or {})


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("service", ENDPOINT_NAMES)
async def test_a_span_has_what_was_asked_and_answered(
    service: str,
    framework: str,
    streamed: bool,
    awaited: bool,
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ASKED_BY, "SPAN_ONLY")
    settings = sandbox.kwargs(service)
    way = Way(framework, service, streamed=streamed, awaited=awaited, **settings)
    answer = await way.ask(QUESTION)
    told = attributes_of(spans)
    (asked,) = json.loads(told["gen_ai.input.messages"])
    (said,) = json.loads(told["gen_ai.output.messages"])
    assert asked == {"role": "user", "parts": [{"type": "text", "content": QUESTION}]}
    assert (said["role"], said["finish_reason"]) == ("assistant", "stop")
    assert said["parts"][-1] == {"type": "text", "content": answer.text}
    assert "25" in answer.text
    assert settings["api_key"] not in str(told)


@pytest.mark.parametrize(
    "mode",
    [None, "", "NO_CONTENT", "EVENT_ONLY", "false", "SPAN_AND_EVENT", "span_only", "true"],
)
def test_only_the_modes_for_spans_ask_for_them(
    mode: str | None,
    sandbox: Sandbox,
    spans: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ASKED_BY, raising=False)
    if mode is not None:
        monkeypatch.setenv(ASKED_BY, mode)
    answer = BlueNexus(**sandbox.kwargs("bluenexus")).ask(QUESTION)
    told, captured = attributes_of(spans), mode in ("SPAN_AND_EVENT", "span_only", "true")
    assert ("gen_ai.input.messages" in told) is captured
    assert ("gen_ai.output.messages" in told) is captured
    assert (json.dumps(answer.text)[1:-1] in str(told)) is captured


@pytest.mark.parametrize("outcome", ["ok", "failed", "left", "nothing"])
def test_an_answer_is_told_as_far_as_it_came(
    outcome: str, sandbox: Sandbox, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED_BY, "true")
    agent = BlueNexus(**sandbox.kwargs("bluenexus"), max_retries=0)
    if outcome == "failed":
        sandbox.drop_after(events=3)
    elif outcome == "nothing":
        sandbox.fail_next(status=500)
    events, said = agent.stream(QUESTION, session_id=uuid.uuid4().hex), ""
    try:
        for event in events:
            said += getattr(event, "text", "")
            if said and outcome == "left":
                break
    except AgentError as error:
        said = error.partial
    events.close()
    told = attributes_of(spans)
    if outcome == "nothing":
        assert "gen_ai.output.messages" not in told
        return
    (answer,) = json.loads(told["gen_ai.output.messages"])
    assert answer["parts"][-1] == {"type": "text", "content": said}
    assert answer["finish_reason"] == ("stop" if outcome == "ok" else "error")


def test_thoughts_are_told_where_no_answer_came(
    sandbox: Sandbox, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED_BY, "true")
    agent = AGUI(**sandbox.kwargs("ag_ui"), max_retries=0)
    sandbox.drop_after(events=4)
    with pytest.raises(AgentError):
        agent.ask(QUESTION)
    (answer,) = json.loads(attributes_of(spans)["gen_ai.output.messages"])
    assert [part["type"] for part in answer["parts"]] == ["reasoning"]
    assert "vacation" in answer["parts"][0]["content"]


def test_a_dialogue_with_tools_is_told_whole() -> None:
    call = ClientToolCall("c1", "look_up", {"day": "May 1"})
    dialogue = [
        Message("system", "Be brief."),
        Message("user", "Is May 1 free? \ud83d"),
        Message("assistant", "", tool_calls=[call]),
        Message("tool", "Yes.", tool_call_id="c1"),
    ]
    told = captured_messages.as_input(dialogue)
    assert json.loads(told.encode().decode()) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Is May 1 free? ?"}]},
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "c1", "name": "look_up", "arguments": call.arguments}
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "Yes."}]},
    ]
