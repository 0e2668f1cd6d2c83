"""What a model wants back with a call of the caller's tools: a signature, or its thoughts.

The frames are those of ag2 1.2.1, whose server reads the value in the call that comes back, and of
Pydantic AI's, which reads the reasoning before it.
"""

from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from llama_index.core.llms import ChatMessage

from remote_agents import ClientToolCall, Message
from remote_agents.testing.ways import FRAMEWORKS, Way
from remote_agents.types import Origin, Turn
from remote_agents.wire.ag_ui import run_input
from tests.ag_ui.runs import FINISHED, bodies, run, whole
from tests.raw_server import serving

FORM = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALL = {"type": "TOOL_CALL_CHUNK", "toolCallId": "w1", "toolCallName": "get_weather", "delta": "{}"}
SIGNATURE = '{"signature": "SIG"}'


def thought(thought_id: str, *pieces: str, signature: str = SIGNATURE) -> list[dict[str, Any]]:
    known = {"messageId": thought_id}
    said = [{"type": "REASONING_MESSAGE_CONTENT", **known, "delta": piece} for piece in pieces]
    return [
        {"type": "REASONING_START", **known},
        *said,
        sealed("message", thought_id, signature),
        {"type": "REASONING_END", **known},
    ]


def sealed(subtype: str, entity: str, value: str) -> dict[str, Any]:
    known = {"subtype": subtype, "entityId": entity, "encryptedValue": value}
    return {"type": "REASONING_ENCRYPTED_VALUE", **known}


CALLED = [
    *thought("re1", "I must ", "look."),
    *thought("redacted"),
    *thought("of-a-thread", "As LangGraph and ADK sign it.", signature="U0lH"),
    *thought("of-a-number", signature="17"),
    CALL,
    sealed("tool-call", "w1", "c2lnLXcx"),
    sealed("message", "of-a-result", "b3RoZXI="),
    {**FINISHED, "outcome": {"type": "success", "pendingToolCallIds": ["w1"]}},
]
THOUGHTS = [
    {"id": name, "role": "reasoning", "content": content, "encryptedValue": SIGNATURE}
    for name, content in (("re1", "I must look."), ("redacted", ""))
]
RESULTS: dict[str, Any] = {
    "plain": Message("tool", "sunny", tool_call_id="w1"),
    "langchain": ToolMessage("sunny", tool_call_id="w1"),
    "llamaindex": ChatMessage("sunny", role="tool", additional_kwargs={"tool_call_id": "w1"}),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("awaited", [True, False])
@pytest.mark.parametrize("other", [True, False])
async def test_it_goes_back_with_the_call_to_the_agent_that_gave_it(
    framework: str, streamed: bool, awaited: bool, other: bool
) -> None:
    with serving(run(*CALLED), run(*whole("1", "Sunny."), FINISHED)) as server:
        known: dict[str, Any] = {"streamed": streamed, "awaited": awaited}
        way = Way(framework, "ag_ui", base_url=server.url, **known)
        called = await way.ask("The weather?", tools=[FORM])
        if other:
            way = Way(framework, "ag_ui", base_url=f"{server.url}/other", **known)
        dialogue = [way.question("The weather?"), called.message, RESULTS[framework]]
        assert (await way.ask("And so?", dialogue, tools=[FORM])).text == "Sunny."
        messages = bodies(server)[1]["messages"]
    thoughts = [each for each in messages if each["role"] == "reasoning"]
    assert thoughts == ([] if other else THOUGHTS)
    assert [each["role"] for each in messages[:-3]] == [
        "user",
        *(each["role"] for each in thoughts),
    ]
    (call,) = next(each for each in messages if each["role"] == "assistant")["toolCalls"]
    assert call["id"] == "w1"
    assert call.get("encryptedValue") == (None if other else "c2lnLXcx")


def test_a_thought_leaves_its_message_the_id_and_what_is_none_is_not_sent() -> None:
    known = {"id": "1", "content": "Hm.", "encryptedValue": SIGNATURE}
    odd = [
        1,
        None,
        [],
        {},
        {"id": {}, "encryptedValue": SIGNATURE},
        {"id": "2"},
        {**known, "id": 3},
    ]
    about = {"agent": "a", "raw": {"thoughts": [*odd, known, {**known, "content": 7}]}}
    calls = [ClientToolCall("w1", "get_weather")]
    called = Message("assistant", "", origin=Origin.of(about), id="1", tool_calls=calls)
    result = Message("tool", "sunny", id="2", tool_call_id="w1")
    messages = run_input(Turn("a", [result], history=[called]), "t")["messages"]
    assert [(each["id"], each["role"], each["content"]) for each in messages] == [
        ("1-2", "reasoning", "Hm."),
        ("1-3", "reasoning", ""),
        ("1", "assistant", ""),
        ("2", "tool", "sunny"),
    ]
