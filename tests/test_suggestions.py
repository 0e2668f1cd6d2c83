"""Questions that a user may ask next: with the answer, where they were asked for."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from remote_agents import AgentError, ConfigurationError
from remote_agents.sandbox import Sandbox
from remote_agents.services.cloudbase.suggestions import questions_in
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, make
from tests.raw_server import CLOSE, EVENTS, JSON, head, serving

QUESTION = "How many vacation days do I get?"
CALLS = {
    "plain": ("ask", "stream"),
    "langchain": ("invoke", "stream"),
    "llamaindex": ("chat", "stream_chat"),
}
each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)
each_way = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
each_loop = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])


def prompt(framework: str) -> Any:
    if framework == "llamaindex":
        from llama_index.core.llms import ChatMessage

        return [ChatMessage(role="user", content=QUESTION)]
    return QUESTION


async def asked(model: Any, framework: str, streamed: bool, awaited: bool, **call: Any) -> Any:
    """The last thing that a call gives: a reply, a message, or the chunk with the metadata."""
    name = CALLS[framework][streamed]
    result = getattr(model, f"a{name}" if awaited else name)(prompt(framework), **call)
    if hasattr(result, "__await__"):
        result = await result
    if streamed:
        items = [item async for item in result] if awaited else list(result)
        result = items[-1]
        if framework == "langchain":
            result = next(i for i in items if "reply_id" in i.response_metadata)
    return result


def metadata(framework: str, result: Any, streamed: bool) -> dict[str, Any]:
    if framework == "plain":
        return (result.reply if streamed else result).metadata()
    return (
        result.response_metadata if framework == "langchain" else result.message.additional_kwargs
    )


def model_of(box: Sandbox, framework: str, endpoint: str, **settings: str) -> Any:
    return make(framework, endpoint, **{**box.kwargs(endpoint), **settings})


@each_loop
@each_way
@each_framework
@pytest.mark.parametrize("agent_id", ["bot-handbook", "agent-handbook"])
async def test_questions_come_with_the_answer(
    agent_id: str, framework: str, streamed: bool, awaited: bool, sandbox: Sandbox
) -> None:
    model = model_of(sandbox, framework, "cloudbase", agent_id=agent_id)
    result = await asked(model, framework, streamed, awaited, suggest=True)
    known = metadata(framework, result, streamed)
    assert known["suggested_questions"]
    assert all(each.endswith("?") for each in known["suggested_questions"])
    sent = [each for each in sandbox.requests("cloudbase") if "recommend" in each["path"]]
    assert [each["body"]["msg"] for each in sent] == [QUESTION]
    assert sent[0]["body"]["history"][-1]["role"] == "assistant"
    assert len(sandbox.turns("cloudbase")) == 1


@each_way
@each_framework
async def test_nothing_is_asked_for_unless_it_is(
    framework: str, streamed: bool, sandbox: Sandbox
) -> None:
    model = model_of(sandbox, framework, "cloudbase")
    for call in ({}, {"suggest": False}):
        result = await asked(model, framework, streamed, False, **call)
        assert "suggested_questions" not in metadata(framework, result, streamed)
    assert not [each for each in sandbox.requests("cloudbase") if "recommend" in each["path"]]


@each_way
@each_framework
async def test_an_answer_stands_where_the_questions_fail(
    framework: str, streamed: bool, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.fail_next(500, endpoint="cloudbase", match="recommend")
    model = model_of(sandbox, framework, "cloudbase")
    with caplog.at_level(logging.WARNING, "remote_agents"):
        result = await asked(model, framework, streamed, False, suggest=True)
    known = metadata(framework, result, streamed)
    assert known["finish_reason"] == "stop"
    assert "suggested_questions" not in known
    assert "what should follow failed" in caplog.text


@each_framework
@pytest.mark.parametrize("endpoint", [name for name in ENDPOINT_NAMES if name != "cloudbase"])
async def test_the_other_services_have_none(
    endpoint: str, framework: str, sandbox: Sandbox
) -> None:
    model = model_of(sandbox, framework, endpoint)
    await asked(model, framework, False, False, suggest=False)
    with pytest.raises(AgentError, match="suggest") as caught:
        await asked(model, framework, False, False, suggest=True)
    assert isinstance(caught.value, ConfigurationError)


def test_questions_of_any_look() -> None:
    frames = '{"type": "text", "content": "One?\\nTw"}', '{"type": "text", "content": "o?"}'
    stream = "".join(f"data: {frame}\n\n" for frame in frames)
    assert questions_in(stream + "data: [DONE]\n\n") == ["One?", "Two?"]
    assert questions_in({"type": "text", "content": " One? \n\n"}) == ["One?"]
    assert questions_in(None) == []


ANSWER = b'data: {"type": "text", "content": "Hello"}\n\ndata: {"finish_reason": "stop"}\n\n'
QUESTIONS = b'{"type": "text", "content": "One?\\nTw"}\n{"type": "text", "content": "o?"}\n'


@each_loop
@pytest.mark.parametrize("kind", [EVENTS, JSON])
async def test_questions_are_read_whatever_type_they_are_said_to_be_of(
    kind: str, awaited: bool
) -> None:
    bodies = iter([head(EVENTS) + ANSWER, head(kind) + QUESTIONS])
    with serving([lambda talk: talk.sock.sendall(next(bodies)), CLOSE]) as server:
        client = make("plain", "cloudbase", base_url=server.url, api_key="k", agent_id="bot-a")
        result = await asked(client, "plain", False, awaited, suggest=True, memory="client")
    assert result.suggested_questions == ["One?", "Two?"]
