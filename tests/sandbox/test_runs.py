"""The events of an AG-UI run of an agent of CloudBase, in the order of Tencent's server."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest

from remote_agents import Transcript
from tests.sandbox.calls import Caller, frames, text_of, user

VACATION = "How many vacation days do I get?"


def of_newer_agent(
    call: Caller, question: str, agent: str = "ag_ui", **more: Any
) -> httpx.Response:
    """The reply of an agent of CloudBase that speaks AG-UI."""
    path = call.path("cloudbase", call.box.agents["cloudbase"][f"{agent}_agent_id"])
    messages = [{"id": "m1", **user(question)}]
    body = {"threadId": "thread-7", "runId": "run-7", "messages": messages, "tools": [], **more}
    return call.http.post(path, json=body, headers=call.headers("cloudbase"))


def forms_of(seen: list[Any]) -> list[tuple[str, object]]:
    """The events in their order, each with what it is made of; not the model's own steps."""
    said = ((event["type"], form_of(event)) for event in seen if event["type"] != "RAW")
    return [form for form, _ in groupby(said) if not form[0].startswith("THINKING")]


def form_of(value: object) -> object:
    """What a value is made of: names of fields, and items."""
    if isinstance(value, list):
        return [form_of(item) for item in value]
    # What a tool takes differs.
    skipped = ("args", "arguments", "parameters")
    items = value.items() if isinstance(value, dict) else ()
    return sorted((name, form_of(item)) for name, item in items if name not in skipped)


def test_cloudbase_ag_ui_frames(call: Caller) -> None:
    reply = of_newer_agent(call, VACATION)
    seen = frames(reply)
    assert seen[0] == {"type": "RUN_STARTED", "threadId": "thread-7", "runId": "run-7"}
    assert seen[-1] == {"type": "RUN_FINISHED", "threadId": "thread-7", "runId": "run-7"}
    kinds = dict.fromkeys(event["type"] for event in seen)
    assert [kind for kind in kinds if kind.startswith("THINKING")] == THINKING
    assert "25" in text_of(reply)
    assert "[DONE]" not in reply.text


THINKING = [
    "THINKING_START",
    "THINKING_TEXT_MESSAGE_START",
    "THINKING_TEXT_MESSAGE_CONTENT",
    "THINKING_TEXT_MESSAGE_END",
    "THINKING_END",
]
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
ENDINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "tencent": (VACATION, {}),
    "tencent_tools": ("What is the weather in Paris?", {"tools": [TOOL]}),
    "tencent_person": ("delete it", {"agent": "approval"}),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_run_of_an_agent_of_cloudbase_is_told_as_tencents_server_tells_it(
    call: Caller, ending: str
) -> None:
    question, more = ENDINGS[ending]
    path = Path(__file__).parents[1] / f"wire/cloudbase.{ending}.txt"
    captured = Transcript.read(path.read_text("utf-8")).interactions[0].pieces
    lines = b"".join(captured).decode().splitlines()
    told = forms_of([json.loads(line[6:]) for line in lines if line.startswith("data: {")])
    forms = forms_of(frames(of_newer_agent(call, question, threadId=ending, **more)))
    if ending == "tencent":  # the agent's own search
        calls = [f"TOOL_CALL_{kind}" for kind in ("START", "ARGS", "END", "RESULT")]
        assert [kind for kind, _ in forms[2:6]] == calls
        del forms[2:6]
    assert forms == told


def test_a_thread_that_waits_for_a_person_asks_again_and_does_nothing_else(call: Caller) -> None:
    of_newer_agent(call, "delete it", "approval", threadId="waits")
    seen = frames(of_newer_agent(call, "and this", "approval", threadId="waits"))
    assert [event["type"] for event in seen] == [*["RUN_STARTED"] * 2, "CUSTOM", "RUN_FINISHED"]
    assert seen[2]["value"] == "{'question': 'May I do this: delete it'}"


def test_a_modern_agent_goes_back_to_a_question_that_was_edited_and_asks_it_alone(
    call: Caller,
) -> None:
    path, headers = call.path("ag_ui"), call.headers("ag_ui")
    body = {"threadId": "goes-back", "runId": "r", "tools": [], "context": [], "state": {}}
    said = [{"id": str(n), **user(t)} for n, t in enumerate(("Hello.", "Thanks.", VACATION))]
    for messages in (said[:1], said[:2], [{**said[0], "content": "Good morning."}, *said[1:]]):
        given = {**body, "messages": messages, "forwardedProps": {}}
        reply = call.http.post(path, json=given, headers=headers)
    assert text_of(reply).startswith("Hello!")
    held = [row["content"] for row in call.box.conversation("ag_ui", "goes-back")]
    assert held == ["Good morning.", text_of(reply)]
