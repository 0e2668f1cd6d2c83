"""The agent itself as query engine, chat engine, retriever, tool, and as chat store."""

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
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.storage.chat_store.base_db import MessageStatus

from llamaindex_agents import AgentQueryEngine, AgentRetriever, RemoteChatStore
from llamaindex_agents.chat_store import View
from remote_agents import ConfigurationError, InMemorySessionStore
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import (
    CITING,
    FOLLOW_UP,
    KEEPING,
    QUESTION,
    SERVICES,
    WAYS,
    Build,
    last,
)
from tests.llamaindex.local import memory

PART_TIME = "Part-time staff receive vacation days"
LISTING = ("cloudbase", "bluenexus", "maiagent")


async def queried(engine: AgentQueryEngine, is_async: bool) -> tuple[str, Any]:
    """The text of an answer, streamed or not, and the response after it has ended."""
    response = await engine.aquery(QUESTION) if is_async else engine.query(QUESTION)
    if hasattr(response, "async_response_gen"):
        assert response.source_nodes == []
        return "".join([token async for token in response.async_response_gen()]), response
    if hasattr(response, "response_gen"):
        assert response.source_nodes == []
        return "".join(response.response_gen), response
    return response.response, response


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("service", SERVICES)
async def test_query_engine(build: Build, service: str, streaming: bool, is_async: bool) -> None:
    llm = build(service)
    text, response = await queried(llm.as_query_engine(streaming=streaming), is_async)
    assert "25 vacation days" in text
    assert response.metadata["agent"] == llm.agent.name
    assert response.metadata["finish_reason"] == "stop"
    assert response.metadata["request_id"]
    assert bool(response.source_nodes) == (service in CITING)
    for node in response.source_nodes:
        assert node.node.text
        assert node.score > 0
        assert node.metadata["title"] == "vacation.md"
        assert node.metadata["url"].endswith("/documents/vacation.md")
    assert len({node.node_id for node in response.source_nodes}) == len(response.source_nodes)


@pytest.mark.parametrize("service", KEEPING)
def test_a_query_of_a_bound_llm_is_a_turn(build: Build, service: str) -> None:
    alice = build(service, session_store=InMemorySessionStore()).for_session("alice")
    engine = alice.as_query_engine()
    first, second = engine.query(QUESTION), engine.query(FOLLOW_UP)
    assert str(second).startswith(PART_TIME)
    assert first.metadata["conversation_id"] == second.metadata["conversation_id"]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("service", CITING)
async def test_retriever(build: Build, service: str, is_async: bool) -> None:
    retriever = AgentRetriever(llm=build(service), similarity_top_k=1)
    found = [
        await retriever.aretrieve(QUESTION) if is_async else retriever.retrieve(QUESTION)
        for _ in range(2)
    ]
    assert [node.node_id for node in found[0]] == [node.node_id for node in found[1]]
    assert len(found[0]) == 1
    assert "25 vacation days" in found[0][0].text
    assert 0 < found[0][0].score < 1
    wide = build(service).as_retriever(similarity_top_k=8).retrieve(QUESTION)
    assert [node.score for node in wide] == sorted((n.score for n in wide), reverse=True)


def test_the_retriever_of_one_agent_feeds_another(build: Build) -> None:
    engine = RetrieverQueryEngine.from_args(
        build("maiagent").as_retriever(), llm=build("bluenexus")
    )
    response = engine.query(QUESTION)
    assert "25 vacation days" in str(response)
    assert response.source_nodes[0].metadata["title"] == "vacation.md"


def test_the_system_prompt_of_an_llm_goes_along(sandbox: Sandbox, build: Build) -> None:
    build("bluenexus", system_prompt="Be brief.").as_query_engine().query(QUESTION)
    sent = sandbox.turns("bluenexus")[-1]["messages"]
    assert [message["role"] for message in sent] == ["system", "user"]


# --- chat engine -------------------------------------------------------------------------------

HOW = ("chat", "achat", "stream_chat", "astream_chat")


async def chatted(engine: Any, how: str, message: str, **kwargs: Any) -> tuple[str, Any]:
    answer = getattr(engine, how)(message, **kwargs)
    answer = await answer if how.startswith("a") else answer
    if how == "stream_chat":
        return "".join(answer.response_gen), answer
    if how == "astream_chat":
        return "".join([token async for token in answer.async_response_gen()]), answer
    return str(answer), answer


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("service", SERVICES)
async def test_chat_engine(sandbox: Sandbox, build: Build, service: str, how: str) -> None:
    llm = build(service, session_store=InMemorySessionStore())
    engine = llm.as_chat_engine("alice")
    assert "25 vacation days" in (await chatted(engine, how, QUESTION))[0]
    text, answer = await chatted(engine, how, FOLLOW_UP)
    assert text.startswith(PART_TIME)
    assert bool(answer.source_nodes) == (service in CITING)
    assert bool(answer.sources) == (service in ("ag_ui", "cloudbase"))
    again = llm.as_chat_engine("alice")
    assert (await chatted(again, how, "And after five years?"))[0]
    history = engine.chat_history
    if service in LISTING:
        history = again.chat_history
        assert len(history) == 6
    assert [m.role.value for m in history[:4]] == ["user", "assistant"] * 2
    assert (history[0].content, history[2].content) == (QUESTION, FOLLOW_UP)
    if service in KEEPING:
        assert sandbox.turns(service)[-1]["messages"][-1]["content"] == "And after five years?"


@pytest.mark.parametrize("service", KEEPING)
def test_a_reset_begins_a_new_conversation(build: Build, service: str) -> None:
    llm = build(service, session_store=InMemorySessionStore())
    engine = llm.as_chat_engine("alice")
    engine.chat(QUESTION)
    before = llm.agent.session("alice").conversation_id
    engine.reset()
    assert engine.chat_history == []
    assert not str(engine.chat(FOLLOW_UP)).startswith(PART_TIME)
    assert llm.agent.session("alice").conversation_id != before


@pytest.mark.parametrize("how", HOW)
async def test_a_history_that_is_passed_in_is_told(build: Build, how: str) -> None:
    history = [ChatMessage(QUESTION), ChatMessage(role="assistant", content="25 days.")]
    engine = build("private_ai", session_store=InMemorySessionStore()).as_chat_engine()
    text, _ = await chatted(engine, how, FOLLOW_UP, chat_history=history)
    assert text.startswith(PART_TIME)
    assert len(engine.chat_history) == 4


def test_a_lost_conversation_is_started_anew(sandbox: Sandbox, build: Build) -> None:
    llm = build("private_ai", session_store=InMemorySessionStore())
    engine = llm.as_chat_engine("alice")
    engine.chat(QUESTION)
    sandbox.expire_conversations()
    with pytest.warns(UserWarning, match="no longer has conversation"):
        assert str(engine.chat(FOLLOW_UP)).startswith(PART_TIME)


# --- tools -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_tool_keeps_the_response(build: Build, is_async: bool) -> None:
    tool = build("maiagent").as_tool(name="handbook", description="Knows the handbook.")
    output = await tool.acall(QUESTION) if is_async else tool.call(QUESTION)
    assert tool.metadata.name == "handbook"
    assert "25 vacation days" in output.content
    assert output.raw_output.source_nodes[0].metadata["title"] == "vacation.md"
    assert build("maiagent").as_tool().metadata.name.startswith("maiagent_")


# --- chat store --------------------------------------------------------------------------------


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
    view = View()
    view.take(dialogue("Hi", "Hello"))
    view.take(told := dialogue("Hi", "Hello", "Hi", "Hello again"))
    assert view.messages == told


def test_two_long_dialogues_are_compared_at_once() -> None:
    view = View()
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
