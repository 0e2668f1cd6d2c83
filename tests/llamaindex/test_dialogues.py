"""The history decides: LlamaIndex's engine over a bound LLM, and the one whose memory is remote."""

from collections.abc import Sequence
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine

from remote_agents import ENDPOINTS, InMemorySessionStore
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import FOLLOW_UP, KEEPING, QUESTION, SERVICES, Build
from tests.llamaindex.local import memory

HOW = pytest.mark.parametrize("how", ["chat", "achat", "stream_chat", "astream_chat"])
SECRET, ASKED = "My secret word is {}.", "What is my secret word?"


async def say(engine: Any, how: str, message: str, **kwargs: Any) -> str:
    answer = getattr(engine, how)(message, **kwargs)
    answer = await answer if how.startswith("a") else answer
    if how == "stream_chat":
        return "".join(answer.response_gen)
    if how == "astream_chat":
        return "".join([token async for token in answer.async_response_gen()])
    return str(answer)


def said(*texts: str) -> list[ChatMessage]:
    roles = ("user", "assistant")
    return [ChatMessage(text, role=roles[at % 2]) for at, text in enumerate(texts)]


def new_of(sandbox: Sandbox, service: str) -> list[str]:
    """What was new in the last turn, of those services that are sent nothing else."""
    sent = [message["content"] for message in sandbox.turns(service)[-1]["messages"]]
    return sent[-1:] if ENDPOINTS[service].context else sent


def conversations(sandbox: Sandbox, service: str) -> list[str | None]:
    return [turn["conversation_id"] for turn in sandbox.turns(service)]


def simple(llm: Any, history: Sequence[ChatMessage] = ()) -> SimpleChatEngine:
    kept = memory()
    kept.set(list(history))
    return SimpleChatEngine.from_defaults(llm=llm, memory=kept)


# --- LlamaIndex's own engine, whose memory is the history --------------------------------------


@HOW
@pytest.mark.parametrize("service", SERVICES)
async def test_a_reset_engine_knows_nothing_of_before(build: Build, service: str, how: str) -> None:
    engine = simple(build(service, session_store=InMemorySessionStore()).for_session("alice"))
    await say(engine, how, SECRET.format("zebra-17"))
    assert "zebra-17" in await say(engine, how, ASKED)
    engine.reset()
    assert "zebra-17" not in await say(engine, how, ASKED)
    await say(engine, how, SECRET.format("lion-3"))
    assert "lion-3" in await say(engine, how, ASKED)


@HOW
@pytest.mark.parametrize("service", KEEPING)
async def test_a_plain_dialogue_sends_what_is_new(
    sandbox: Sandbox, build: Build, service: str, how: str
) -> None:
    engine = simple(build(service, session_store=InMemorySessionStore()).for_session("alice"))
    for word in ("zebra-17", "lion-3", "tiger-5"):
        await say(engine, how, SECRET.format(word))
        assert new_of(sandbox, service) == [SECRET.format(word)]
    assert len({*conversations(sandbox, service)[1:]}) == 1


@HOW
@pytest.mark.parametrize("service", KEEPING)
async def test_marks_in_a_memory_outlive_a_store(
    sandbox: Sandbox, build: Build, service: str, how: str
) -> None:
    """Streaming engines keep no block but the text, and `additional_kwargs`."""
    kept = memory()
    for word in ("zebra-17", "lion-3", "tiger-5"):
        llm = build(service, session_store=InMemorySessionStore()).for_session("alice")
        engine = SimpleChatEngine.from_defaults(llm=llm, memory=kept)
        await say(engine, how, SECRET.format(word))
        assert new_of(sandbox, service) == [SECRET.format(word)]
    assert len({*conversations(sandbox, service)[1:]}) == 1


@HOW
@pytest.mark.parametrize("service", KEEPING)
async def test_a_trimmed_history_goes_on_and_an_edited_one_begins_anew(
    sandbox: Sandbox, build: Build, service: str, how: str
) -> None:
    first, second, third = QUESTION, FOLLOW_UP, "How do I report a phishing mail?"
    llm = build(service, session_store=InMemorySessionStore()).for_session("alice")
    engine = simple(llm)
    await say(engine, how, first)
    await say(engine, how, second)
    history = engine.chat_history
    await say(simple(llm, history[2:]), how, third)
    assert new_of(sandbox, service) == [third]
    edited = [*said("When is salary paid?", "At the end."), *history[2:]]
    await say(simple(llm, edited), how, third)
    sent = " ".join(message["content"] for message in sandbox.turns(service)[-1]["messages"])
    assert [text in sent for text in (first, "When is salary paid?", second, third)] == [
        False,
        True,
        True,
        True,
    ]
    assert conversations(sandbox, service)[-1] != conversations(sandbox, service)[-2]


# --- the engine whose memory is on the server ---------------------------------------------------


@HOW
@pytest.mark.parametrize("service", SERVICES)
async def test_a_history_that_is_passed_in_is_the_dialogue(
    sandbox: Sandbox, build: Build, service: str, how: str
) -> None:
    engine = build(service, session_store=InMemorySessionStore()).as_chat_engine("alice")
    await say(engine, how, SECRET.format("zebra-17"))
    other = said(SECRET.format("lion-3"), "Noted.")
    answer = await say(engine, how, ASKED, chat_history=other)
    assert "lion-3" in answer
    assert "zebra-17" not in answer
    answer = await say(engine, how, ASKED)
    assert "lion-3" in answer
    assert service not in KEEPING or new_of(sandbox, service) == [ASKED]
    assert "lion-3" not in await say(engine, how, ASKED, chat_history=[])
    await say(engine, how, SECRET.format("tiger-5"))
    assert "tiger-5" in await say(engine, how, ASKED)


@HOW
@pytest.mark.parametrize("service", KEEPING)
async def test_engines_of_one_session_lead_one_dialogue(
    sandbox: Sandbox, build: Build, service: str, how: str
) -> None:
    llm = build(service, session_store=InMemorySessionStore())
    one, two = llm.as_chat_engine("alice"), llm.as_chat_engine("alice")
    for word, engine in (("zebra-17", one), ("lion-3", two), ("tiger-5", one), ("wolf-8", two)):
        await say(engine, how, SECRET.format(word))
        assert new_of(sandbox, service) == [SECRET.format(word)]
    await say(llm.as_chat_engine("alice"), how, ASKED)
    assert new_of(sandbox, service) == [ASKED]
    assert len({*conversations(sandbox, service)[1:]}) == 1


def shared(build: Build, service: str) -> Any:
    """An LLM whose engines share one store; `cloudbase_ag_ui` is CloudBase's other dialect."""
    settings: dict[str, Any] = {"session_store": InMemorySessionStore()}
    if service == "cloudbase_ag_ui":
        service, settings["agent_id"] = "cloudbase", "agent-handbook"
    return build(service, **settings)


def heard(sandbox: Sandbox, service: str) -> list[str]:
    """What the service holds of its newest conversation that a user said."""
    service = service.removesuffix("_ag_ui") if service.startswith("cloudbase") else service
    held = sandbox.conversation(service, str(conversations(sandbox, service)[-1]))
    return [row["content"] for row in held if row["role"] == "user"]


@HOW
@pytest.mark.parametrize("service", [*KEEPING, "cloudbase_ag_ui"])
async def test_an_engine_knows_what_another_one_was_told_and_tells_nothing_twice(
    sandbox: Sandbox, build: Build, service: str, how: str
) -> None:
    llm = shared(build, service)
    one, two = llm.as_chat_engine("alice"), llm.as_chat_engine("alice")
    told = [SECRET.format("zebra-17"), "My lucky number is 4711.", "Thanks.", "Hello."]
    for text, engine in zip(told, (one, two, two, one), strict=True):
        await say(engine, how, text)
    assert "zebra-17" in await say(two, how, ASKED)
    assert "4711" in await say(one, how, "What is my lucky number?")
    assert heard(sandbox, service) == [*told, ASKED, "What is my lucky number?"]


@HOW
@pytest.mark.parametrize("service", [*KEEPING, "cloudbase_ag_ui"])
async def test_what_one_engine_forgot_no_other_one_tells_again(
    sandbox: Sandbox, build: Build, service: str, how: str
) -> None:
    llm = shared(build, service)
    one, two = llm.as_chat_engine("alice"), llm.as_chat_engine("alice")
    await say(one, how, SECRET.format("zebra-17"))
    two.reset()
    await say(two, how, "My lucky number is 4711.")
    assert "zebra-17" not in await say(one, how, ASKED)
    assert heard(sandbox, service) == ["My lucky number is 4711.", ASKED]


@pytest.mark.parametrize("service", [*KEEPING, "cloudbase_ag_ui"])
def test_an_engine_whose_stream_was_left_tells_nothing_twice(
    sandbox: Sandbox, build: Build, service: str
) -> None:
    engine = shared(build, service).as_chat_engine("alice")
    told = [SECRET.format("zebra-17"), "Count to 300", "Thanks."]
    for text in told:
        answer = engine.stream_chat(text)
        for _ in answer.response_gen:
            if text == "Count to 300":
                break
        answer.response_gen.close()
    assert "zebra-17" in engine.chat(ASKED).response
    assert heard(sandbox, service) == [*told, ASKED]


@HOW
@pytest.mark.parametrize("service", SERVICES)
async def test_a_reset_session_begins_anew(build: Build, service: str, how: str) -> None:
    llm = build(service, session_store=InMemorySessionStore())
    engine = llm.as_chat_engine("alice")
    await say(engine, how, SECRET.format("zebra-17"))
    assert "zebra-17" in await say(engine, how, ASKED)
    engine.reset()
    assert engine.chat_history == []
    assert "zebra-17" not in await say(engine, how, ASKED)
