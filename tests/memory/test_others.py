"""What other agents and tools said in a history: in words, once, and before the question."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from remote_agents import ClientToolCall, Message
from remote_agents.sandbox import Sandbox
from remote_agents.types import Origin
from tests.memory.ways import REMEMBERING, WAYS, ask, client, received

ENDPOINTS = [*REMEMBERING, "cloudbase_openai", "cloudbase_ag_ui"]
TOLD_ALONG = ["cloudbase", "cloudbase_ag_ui", "ag_ui"]
QUESTIONS = ("How many vacation days do I get?", "How long is parental leave?")


def handed(number: int) -> list[Message]:
    """A question that another agent passed on with a tool of its own."""
    call = ClientToolCall(f"c{number}", "transfer_to_handbook", {})
    note = f"Note {number}: transferred"
    return [
        Message("user", QUESTIONS[number]),
        Message("assistant", "", tool_calls=[call]),
        Message("tool", note, tool_call_id=call.id, name=call.name),
    ]


@pytest.mark.parametrize("origin", [None, Origin("")], ids=["unmarked", "marked"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_a_question_that_was_passed_on_is_last_and_the_note_is_told_once(
    sandbox: Sandbox, endpoint: str, way: str, origin: Origin | None
) -> None:
    agent, history = client(sandbox, endpoint), list[Any]()
    for number, fact in enumerate(("25", "16 weeks")):
        history += handed(number)
        history[-2] = replace(history[-2], origin=origin)
        reply = await ask(agent, way, history, session_id=f"{endpoint} {way} {origin}")
        assert received(sandbox)[-1].endswith(QUESTIONS[number])
        assert fact in reply.text
        history.append(reply)
    if endpoint in REMEMBERING:
        held = sandbox.conversation(endpoint, str(reply.conversation_id))
        notes = [row["content"] for row in held if "transferred" in row["content"]]
        assert [note.count("Note") for note in notes] == [1, 1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", ["ag_ui", "cloudbase_ag_ui"])
@pytest.mark.parametrize("known", ["by its mark", "by its name"])
async def test_the_result_of_a_call_of_its_own_is_answered(
    sandbox: Sandbox, endpoint: str, way: str, known: str
) -> None:
    agent = client(sandbox, endpoint)
    origin = Origin(agent.agent.name) if known == "by its mark" else None
    tools = [] if origin else [{"name": "get_weather", "parameters": {"type": "object"}}]
    call = ClientToolCall("w1", "get_weather", {"city": "Oslo"})
    history = [
        Message("user", "What is the weather in Oslo?"),
        Message("assistant", "", (), origin, tool_calls=[call]),
        Message("tool", "Rain in Oslo, 7 degrees.", tool_call_id="w1"),
    ]
    reply = await ask(agent, way, history, tools=tools)
    assert sandbox.requests()[-1]["body"]["messages"][-1]["role"] == "tool"
    assert "Rain in Oslo" in reply.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", TOLD_ALONG)
async def test_a_history_that_goes_along_says_who_spoke_and_what_was_called(
    sandbox: Sandbox, endpoint: str, way: str
) -> None:
    agent, session = client(sandbox, endpoint), f"{endpoint} {way} names"
    call = ClientToolCall("b1", "book", {"城市": "北京"})
    history: list[Any] = [
        Message("user", "Lunch?", name="Alice"),
        Message("assistant", "", (), Origin(""), tool_calls=[call]),
        Message("tool", "no room", tool_call_id="b1", name="book", failed=True),
        Message("assistant", "At noon.", (), Origin(""), name="guide"),
        Message("user", "And dinner?", name="Bob"),
    ]
    for _ in range(2):
        reply = await ask(agent, way, history, session_id=session)
        body = sandbox.requests()[-1]["body"]
        said = str(body.get("history") or body["messages"])
        assert all(f"{name}: " in said for name in ("Alice", "guide", "book (error)")), said
        assert "北京" in said
        history += [reply, Message("user", "Thanks.")]
    assert "Bob: And dinner?" in said
