"""An answer that broke off on its way is read where it was stored, and never asked for again."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage
from llama_index.core.llms import ChatMessage

import remote_agents
from remote_agents import (
    AgentError,
    ConfigurationError,
    ConversationNotFoundError,
    RemoteFailureError,
    StreamInterruptedError,
)
from remote_agents.resources.items import Message
from remote_agents.resources.recovery import stored_answer
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way, make
from tests.resources.calls import Way as Calls, client_of

STORING = ("bluenexus", "cloudbase", "maiagent")
QUESTION = "How many vacation days do I get?"


async def broken_off(
    box: Sandbox, framework: str, endpoint: str, *, awaited: bool = False, after: int = 8
) -> tuple[Any, AgentError]:
    """A model, and what a turn of it ended with whose connection was lost."""
    way = Way(framework, endpoint, streamed=True, awaited=awaited, **box.kwargs(endpoint))
    chat = "send-message" if endpoint == "cloudbase" else "completions"
    box.drop_after(after, endpoint=endpoint, match=chat)
    with pytest.raises(AgentError) as caught:
        await way.ask(QUESTION, session=f"{framework}-{awaited}-{after}")
    return way.model, caught.value


def client_behind(framework: str, model: Any) -> Any:
    return model if framework == "plain" else model.client


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("endpoint", STORING)
async def test_the_whole_answer_is_there(
    endpoint: str, framework: str, awaited: bool, sandbox: Sandbox
) -> None:
    model, error = await broken_off(sandbox, framework, endpoint, awaited=awaited)
    whole = client_of(sandbox, endpoint).ask(QUESTION, memory="client").text
    assert 0 < len(error.partial) < len(whole)
    turns = len(sandbox.turns(endpoint))
    client = client_behind(framework, model)
    reply = await client.arecover(error) if awaited else client.recover(error)
    assert reply.text == whole
    assert reply.conversation_id == error.conversation_id
    assert reply.finish_reason == "stop"
    assert len(sandbox.turns(endpoint)) == turns
    assert all(each["method"] == "GET" for each in sandbox.requests(endpoint)[-1:])
    if endpoint == "maiagent":
        assert reply.citations[0].title == "vacation.md"


MESSAGES: dict[str, Any] = {
    "plain": lambda reply: reply,
    "langchain": lambda reply: AIMessage(reply.text, response_metadata=reply.metadata()),
    "llamaindex": lambda reply: ChatMessage(
        role="assistant", content=reply.text, additional_kwargs=reply.metadata()
    ),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("endpoint", STORING)
async def test_the_dialogue_goes_on_behind_a_recovered_answer(
    endpoint: str, framework: str, awaited: bool, streamed: bool, sandbox: Sandbox
) -> None:
    after = 6 + streamed  # a session of its own
    model, error = await broken_off(sandbox, framework, endpoint, awaited=awaited, after=after)
    client = client_behind(framework, model)
    reply = await client.arecover(error) if awaited else client.recover(error)
    way = Way(framework, endpoint, streamed=streamed, awaited=awaited, **sandbox.kwargs(endpoint))
    way.model = model
    history = [way.question(QUESTION), MESSAGES[framework](reply)]
    for question in ("Thanks.", "How long is parental leave?"):
        answer = await way.ask(question, history, f"{framework}-{awaited}-{after}")
        assert answer.metadata["memory_reason"] == "history"
        history += [way.question(question), answer.message]
    held = sandbox.conversation(endpoint, error.conversation_id)
    assert [each["role"] for each in held] == ["user", "assistant"] * 3
    assert sum(reply.text in each["content"] for each in held) == 1


@pytest.mark.parametrize("endpoint", STORING)
async def test_an_answer_is_found_behind_later_turns(endpoint: str, sandbox: Sandbox) -> None:
    client, error = await broken_off(sandbox, "plain", endpoint)
    client.ask("How long is parental leave?", conversation_id=error.conversation_id)
    assert client.recover(error).text.startswith(error.partial)


@pytest.mark.parametrize("endpoint", [name for name in ENDPOINT_NAMES if name not in STORING])
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_service_that_stores_no_answers_refuses(
    endpoint: str, kind: str, sandbox: Sandbox
) -> None:
    client, error = client_of(sandbox, endpoint), StreamInterruptedError(conversation_id="c")
    with pytest.raises(ConfigurationError, match="stores no answers"):
        await Calls(kind)(client.recover, error)
    assert sandbox.requests(endpoint) == []


@pytest.mark.parametrize("endpoint", STORING)
def test_an_error_that_names_no_conversation_is_refused(endpoint: str, sandbox: Sandbox) -> None:
    with pytest.raises(ConversationNotFoundError, match="names no conversation"):
        make("plain", endpoint, **sandbox.kwargs(endpoint)).recover(StreamInterruptedError())


# --- which message it is ---------------------------------------------------------------------


def history(*said: tuple[str, str], **last: Any) -> list[Message]:
    *first, end = [{"role": role, "content": content} for role, content in said]
    return [Message(each) for each in (*first, {**end, **last})]


def lost(question: str, partial: str = "") -> AgentError:
    error = StreamInterruptedError(conversation_id="c", partial=partial)
    error.question = question
    return error


ASKED = [("user", "Hi"), ("assistant", "Hello."), ("user", "Days?")]


def test_no_answer_yet() -> None:
    assert stored_answer([], lost("Days?")) is None
    assert stored_answer(history(*ASKED), lost("Days?")) is None
    assert stored_answer(history(*ASKED[:2]), lost("Days?")) is None
    waiting = history(*ASKED, ("assistant", "25"), status="pending")
    assert stored_answer(waiting, lost("Days?")) is None


def test_an_earlier_answer_to_the_same_words_is_not_taken() -> None:
    before = history(("user", "Go on"), ("assistant", "Chapter one."))
    assert stored_answer(before, lost("Go on", "Chapter two")) is None
    after = [*before, *history(("user", "Go  on"), ("assistant", "Chapter two\nends."))]
    found = stored_answer(after, lost("Go on", "Chapter two"))
    assert found is not None
    assert found.content == "Chapter two\nends."


def test_an_answer_that_was_stored_as_failed() -> None:
    failed = history(*ASKED, ("assistant", "25"), status="error")
    with pytest.raises(RemoteFailureError, match="stored the answer as failed"):
        stored_answer(failed, lost("Days?"))


def test_the_question_is_no_part_of_what_an_error_says() -> None:
    assert "Days?" not in str(lost("Days?")) + repr(lost("Days?"))
    assert remote_agents.AgentError().question == ""
