"""The chat store over the conversations that a service keeps: read, and never written."""

import asyncio
import time
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.memory import (
    ChatMemoryBuffer,
    InsertMethod,
    Memory,
    StaticMemoryBlock,
)
from llama_index.core.storage.chat_store.base_db import MessageStatus

from llamaindex_agents import RemoteChatStore
from llamaindex_agents._views import CachedConversation
from remote_agents import ConfigurationError, InMemorySessionStore
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import (
    FOLLOW_UP,
    HOW,
    LISTING,
    PART_TIME,
    QUESTION,
    WAYS,
    Build,
    chatted,
    last,
)
from tests.llamaindex.local import memory


def plain(llm: Any) -> Any:
    return llm.client


def buffered(store: RemoteChatStore) -> Any:
    return ChatMemoryBuffer.from_defaults(
        chat_store=store, chat_store_key="alice", token_limit=20_000
    )


def remembered(store: RemoteChatStore) -> Any:
    return Memory.from_defaults(session_id="alice", chat_store=store, token_limit=20_000)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", [buffered, remembered])
@pytest.mark.parametrize("service", LISTING)
async def test_chat_store_reads_and_never_writes(
    sandbox: Sandbox, build: Build, service: str, kind: Any, how: str
) -> None:
    llm = build(service, session_store=InMemorySessionStore()).for_session("alice")
    llm.chat([ChatMessage(QUESTION)])
    store = RemoteChatStore(client=plain(llm))
    chat_memory = kind(store)
    engine = SimpleChatEngine.from_defaults(llm=llm, memory=chat_memory)
    assert (await chatted(engine, how, FOLLOW_UP))[0].startswith(PART_TIME)
    await chatted(engine, how, "And after five years?")
    known = llm.agent.session("alice")
    held = sandbox.conversation(service, known.conversation_id)
    assert [m["content"] for m in held if m["role"] == "user"] == [
        QUESTION,
        FOLLOW_UP,
        "And after five years?",
    ]
    messages = await chat_memory.aget_all()
    assert [(m.role.value, m.content) for m in messages] == [
        (m["role"], m["content"]) for m in held
    ]
    store.cache_seconds = 0
    assert [m.content for m in chat_memory.get_all()] == [m.content for m in messages]
    assert messages[-1].additional_kwargs["reply_id"]
    listings = [r for r in sandbox.requests(service) if r["method"] == "GET"]
    assert len(listings) <= 3


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", [buffered, remembered])
@pytest.mark.parametrize("service", LISTING)
async def test_a_key_of_ones_own_never_reaches_the_service(
    sandbox: Sandbox, build: Build, service: str, kind: Any, how: str
) -> None:
    """A service that is asked for the messages of "alice" says that this is no valid UUID."""
    llm = build(service, session_store=InMemorySessionStore()).for_session("alice")
    store = RemoteChatStore(client=plain(llm), cache_seconds=0)
    engine = SimpleChatEngine.from_defaults(llm=llm, memory=kind(store))
    for question in (QUESTION, FOLLOW_UP):
        await chatted(engine, how, question)
    assert "alice" not in str(sandbox.requests(service))
    assert len(await store.aget_messages("alice")) == 4


@pytest.mark.parametrize("service", LISTING)
async def test_a_conversation_that_was_begun_elsewhere(build: Build, service: str) -> None:
    answer = build(service, memory="server").chat([ChatMessage(QUESTION)]).message
    conversation_id = answer.additional_kwargs["conversation_id"]
    client = plain(build(service, session_store=InMemorySessionStore()))
    store = RemoteChatStore(client=client, conversations={"bob": conversation_id})
    assert store.get_messages("alice") == await store.aget_messages("alice") == []
    assert [m.content for m in store.get_messages("bob")] == [QUESTION, answer.content]
    assert store.to_dict()["conversations"] == {"bob": conversation_id}
    store.set_messages("bob", [])
    assert await store.aget_messages("bob") == []


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", [buffered, remembered])
@pytest.mark.parametrize("service", LISTING)
async def test_what_a_chat_store_reads_is_gone_on_from(
    sandbox: Sandbox, build: Build, service: str, kind: Any, how: str
) -> None:
    """In another process, which knows of a dialogue only what the service has stored of it."""
    answer = build(service, memory="server").chat([ChatMessage(QUESTION)]).message
    conversation_id = answer.additional_kwargs["conversation_id"]
    llm = build(service, session_store=InMemorySessionStore()).for_session("alice")
    store = RemoteChatStore(client=plain(llm), conversations={"alice": conversation_id})
    engine = SimpleChatEngine.from_defaults(llm=llm, memory=kind(store))
    assert (await chatted(engine, how, FOLLOW_UP))[0].startswith(PART_TIME)
    assert sandbox.turns(service)[-1]["conversation_id"] == conversation_id
    assert sandbox.turns(service)[-1]["messages"][-1]["content"] == FOLLOW_UP
    held = sandbox.conversation(service, conversation_id)
    assert [m["content"] for m in held if m["role"] == "user"] == [QUESTION, FOLLOW_UP]


@pytest.mark.parametrize("kind", [buffered, remembered])
async def test_a_memory_over_the_chat_store_can_be_reset(build: Build, kind: Any) -> None:
    llm = build("bluenexus", session_store=InMemorySessionStore()).for_session("alice")
    chat_memory = kind(RemoteChatStore(client=plain(llm), cache_seconds=0))
    for reset in (chat_memory.reset, chat_memory.areset):
        await llm.achat([ChatMessage(QUESTION)])
        assert len(chat_memory.get_all()) == len(await chat_memory.aget_all()) == 2
        if (result := reset()) is not None:
            await result
        assert llm.agent.session("alice") is None
        assert chat_memory.get_all() == []
    await chat_memory.aset([ChatMessage("one"), ChatMessage("two")])
    assert [m.content for m in chat_memory.get_all()] == ["one", "two"]
    chat_memory.set([ChatMessage("three")])
    assert [m.content for m in await chat_memory.aget_all()] == ["three"]


@pytest.mark.parametrize("kind", [ChatMemoryBuffer, Memory])
def test_a_memory_over_the_chat_store_can_be_made_with_a_history(build: Build, kind: Any) -> None:
    store = RemoteChatStore(client=plain(build("bluenexus")))
    key = {"chat_store_key" if kind is ChatMemoryBuffer else "session_id": "alice"}
    history = [ChatMessage("one"), ChatMessage("two")]
    chat_memory = kind.from_defaults(chat_history=history, chat_store=store, **key)
    store.add_message("alice", ChatMessage("three"))
    assert [m.content for m in chat_memory.get_all()] == ["one", "two", "three"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", [buffered, remembered])
@pytest.mark.parametrize("service", LISTING)
async def test_system_messages_do_not_double_a_dialogue(
    build: Build, service: str, kind: Any, how: str
) -> None:
    """Some services hold them in front of the user's text, one as messages of their own."""
    llm = build(service, session_store=InMemorySessionStore()).for_session("alice")
    store = RemoteChatStore(client=plain(llm), cache_seconds=0)
    for prompt in ("Be kind.", "Be brief."):
        engine = SimpleChatEngine.from_defaults(llm=llm, memory=kind(store), system_prompt=prompt)
        for question in (QUESTION, FOLLOW_UP):
            await chatted(engine, how, question)
    said = [m for m in await store.aget_messages("alice") if m.role is not MessageRole.SYSTEM]
    assert [m.content for m in said[::2]] == [QUESTION, FOLLOW_UP] * 2
    assert [m.role for m in said[1::2]] == [MessageRole.ASSISTANT] * 4


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("service", LISTING)
async def test_a_reply_that_stop_cut_does_not_double_a_dialogue(
    build: Build, service: str, way: str
) -> None:
    llm = build(service, session_store=InMemorySessionStore()).for_session("alice")
    store = RemoteChatStore(client=plain(llm), cache_seconds=0)
    for question in (QUESTION, FOLLOW_UP):
        await store.async_add_message("alice", ChatMessage(question))
        answer = (await last(llm, way, [ChatMessage(question)], stop=["days"])).message
        assert "days" not in answer.content
        await store.async_add_message("alice", answer)
        assert (await store.aget_messages("alice"))[-1] == answer
    said = [message.content for message in await store.aget_messages("alice")]
    assert len(said) == 4
    assert said[::2] == [QUESTION, FOLLOW_UP]


def dialogue(*texts: str) -> list[ChatMessage]:
    roles = (MessageRole.USER, MessageRole.ASSISTANT)
    return [ChatMessage(text, role=roles[at % 2]) for at, text in enumerate(texts)]


def test_an_equal_reply_goes_before_one_that_only_begins_so() -> None:
    view = CachedConversation()
    view.take(dialogue("Hi", "Hello"))
    view.take(told := dialogue("Hi", "Hello", "Hi", "Hello again"))
    assert view.messages == told


def test_two_long_dialogues_are_compared_at_once() -> None:
    view = CachedConversation()
    view.added = dialogue(*(f"ours {at}" for at in range(2000)))
    began = time.perf_counter()
    view.take(dialogue(*(f"theirs {at}" for at in range(2000))))
    assert time.perf_counter() - began < 2
    assert len(view.messages) == 4000


@pytest.mark.parametrize("service", LISTING)
async def test_a_dialogue_that_begins_with_a_system_message(build: Build, service: str) -> None:
    llm = build(service, session_store=InMemorySessionStore()).for_session("alice")
    store = RemoteChatStore(client=plain(llm), cache_seconds=0)
    said = [ChatMessage(role="system", content="Be kind."), ChatMessage(QUESTION)]
    store.set_messages("alice", said)
    answer = llm.chat(said).message
    store.add_message("alice", answer)
    for _ in range(2):
        assert await store.aget_messages("alice") == [*said, answer]


@pytest.mark.parametrize("insert_method", InsertMethod)
async def test_what_a_memory_inserts_stays_out_of_the_chat_store(
    build: Build, insert_method: InsertMethod
) -> None:
    llm = build("bluenexus", session_store=InMemorySessionStore()).for_session("alice")
    llm.chat([ChatMessage(role="system", content="Be kind."), ChatMessage(QUESTION)])
    store = RemoteChatStore(client=plain(llm))
    before = [message.content for message in store.get_messages("alice")]
    chat_memory = Memory.from_defaults(
        session_id="alice",
        chat_store=store,
        memory_blocks=[StaticMemoryBlock(static_content="The user is called Alice.")],
        insert_method=insert_method,
    )
    for _ in range(2):
        told = [message.content or "" for message in await chat_memory.aget()]
        assert "\n".join(told).count("called Alice") == 1
    assert [message.content for message in store.get_messages("alice")] == before


async def test_a_chat_store_is_both_of_llamaindexs_kinds(build: Build) -> None:
    llm = build("bluenexus", session_store=InMemorySessionStore()).for_session("alice")
    llm.chat([ChatMessage(QUESTION)])
    store = RemoteChatStore(client=plain(llm))
    at_once, awaited = store.get_messages("alice"), await store.get_messages("alice")
    assert type(awaited) is list
    assert at_once == awaited == await store.aget_messages("alice")
    assert [m.role.value for m in at_once] == ["user", "assistant"]
    (first,) = await store.archive_oldest_messages("alice", 1)
    assert first.content == QUESTION
    assert await store.get_messages("alice", limit=5) == store.get_messages("alice") == at_once[1:]
    assert await store.get_messages("alice", MessageStatus.ARCHIVED) == [first]
    assert await store.get_messages("alice", None, offset=1) == at_once[1:]
    assert (await store.count_messages("alice"), await store.count_messages("alice", None)) == (
        1,
        2,
    )
    assert store.get_keys() == await store.get_keys() == await store.aget_keys() == ["alice"]
    for message in (store.add_message("bob", first), store.set_messages("bob", [first])):
        assert await message is None
        with pytest.raises(KeyError):
            message.throw(KeyError("bob"))
    with pytest.raises(NotImplementedError, match="cannot be deleted"):
        store.delete_last_message("alice")
    with pytest.raises(NotImplementedError, match="cannot be deleted"):
        await store.delete_message("alice", 0)
    assert store.delete_messages("alice") == at_once
    assert await store.delete_messages("bob") == [first]


def test_a_service_that_lists_nothing_is_refused(build: Build) -> None:
    with pytest.raises(ConfigurationError, match="PrivateAI cannot list messages"):
        RemoteChatStore(client=plain(build("private_ai")))
    assert asyncio.run(memory().aget()) == []
