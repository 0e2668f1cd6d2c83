"""A history that other vendors' models wrote: nothing that was said in it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, ToolMessage

from tests.langchain.services import QUESTION, chat, every_service, summed

CALL: Any = {"name": "book", "args": {"at": 7}, "id": "1", "type": "tool_call"}
THOUGHT: Any = {"type": "reasoning", "id": "rs_1", "summary": []}
TOLD: dict[str, tuple[list[BaseMessage], list[str]]] = {  # what others said, and what of it arrives
    "a refusal": ([AIMessage("", additional_kwargs={"refusal": "I will not."})], ["I will not."]),
    "a refusal as a block": (
        [AIMessage([THOUGHT, {"type": "refusal", "refusal": "I will not."}])],
        ["I will not."],
    ),
    "a refusal in both places": (
        [
            AIMessage(
                [{"type": "refusal", "refusal": "I will not."}],
                additional_kwargs={"refusal": "I will not."},
            )
        ],
        ["I will not."],
    ),
    "a spoken answer": (
        [AIMessage("", additional_kwargs={"audio": {"id": "a", "transcript": "Hear me."}})],
        ["Hear me."],
    ),
    "a text behind thoughts": ([AIMessage([THOUGHT, {"type": "text", "text": "Yes."}])], ["Yes."]),
    "a call as Anthropic has it": (
        [
            AIMessage(
                [{"type": "tool_use", "id": "1", "name": "book", "input": {"at": 7}}],
                tool_calls=[CALL],
            ),
            ToolMessage([{"type": "text", "text": "no room"}], tool_call_id="1"),
        ],
        ["book", "no room"],
    ),
    "a function call of old": (
        [
            AIMessage(
                "",
                additional_kwargs={"function_call": {"name": "book", "arguments": '{"at": 7}'}},
            ),
            FunctionMessage(name="book", content="no room"),
        ],
        ["book", "7", "no room"],
    ),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("told", TOLD)
@every_service
async def test_what_other_models_said_arrives_once(
    sandbox: Any, service: str, told: str, streamed: bool
) -> None:
    said, wanted = TOLD[told]
    model, history = chat(sandbox, service), ["Go", *said, QUESTION]
    reply = (
        summed([chunk async for chunk in model.astream(history)])
        if streamed
        else model.invoke(history)
    )
    sent = json.dumps([m["content"] for m in sandbox.turns(service)[-1]["messages"]])
    calls = [m.get("toolCalls") for m in sandbox.requests(service)[-1]["body"].get("messages", ())]
    assert [words for words in wanted if words not in sent + json.dumps(calls)] == []
    assert sent.count(wanted[-1]) == 1
    assert "25 vacation days" in reply.text
