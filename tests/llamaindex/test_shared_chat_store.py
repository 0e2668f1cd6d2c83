"""One chat store that many users share: each account has dialogues of its own in it."""

import gc
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine

from llamaindex_agents import RemoteChatStore, _views
from remote_agents import ConfigurationError, InMemorySessionStore
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import HOW, LISTING, QUESTION, Build, chatted
from tests.llamaindex.test_chat_store import buffered, plain, remembered

SECRET, ASKED = "My secret word is heliotrope.", "What is my secret word?"
user: ContextVar[str] = ContextVar("user")


async def awaited() -> str:
    return user.get()


@pytest.fixture(autouse=True)
def _nobody() -> Iterator[None]:
    token = user.set("nobody")
    yield
    user.reset(token)


def bound(build: Build, service: str, account: Callable[[], Any] = user.get) -> Any:
    """An LLM whose user is whoever the context says, in the session "alice" of each."""
    settings = {"account": account, "session_store": InMemorySessionStore()}
    return build(service, **settings).for_session("alice")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", [buffered, remembered])
@pytest.mark.parametrize("service", LISTING)
async def test_what_one_user_said_is_not_sent_with_anothers_question(
    sandbox: Sandbox, build: Build, service: str, kind: Any, how: str
) -> None:
    llm = bound(build, service)
    store = RemoteChatStore(client=plain(llm))

    async def say(text: str) -> str:
        return (
            await chatted(SimpleChatEngine.from_defaults(llm=llm, memory=kind(store)), how, text)
        )[0]

    user.set("ann")
    await say(SECRET)
    user.set("bob")
    assert "heliotrope" not in await say(ASKED)
    assert "heliotrope" not in str(sandbox.turns(service)[-1]["messages"])
    assert len(await store.aget_messages("alice")) == len(store.get_messages("alice")) == 2
    user.set("ann")
    assert "heliotrope" in await say(ASKED)


@pytest.mark.parametrize("reset", ["set_messages", "delete_messages"])
@pytest.mark.parametrize("service", LISTING)
async def test_a_dialogue_that_one_user_begins_anew_stays_anothers(
    build: Build, service: str, reset: str
) -> None:
    llm = bound(build, service)
    old = str(llm.chat([ChatMessage(QUESTION)]).message.additional_kwargs["conversation_id"])
    store = RemoteChatStore(client=plain(llm), conversations={"old": old})
    for name in ("ann", "bob"):
        user.set(name)
        llm.chat([ChatMessage(QUESTION)])
        assert len(store.get_messages("alice")) == len(store.get_messages("old")) == 2
    for key in ("alice", "old"):
        getattr(store, reset)(key, *([[]] if reset == "set_messages" else []))
        assert store.get_messages(key) == []
    user.set("ann")
    assert len(store.get_messages("alice")) == len(await store.aget_messages("old")) == 2
    assert llm.agent.session("alice").turns == 1
    store.add_message("hers", ChatMessage("one"))
    assert store.get_keys() == await store.aget_keys() == ["alice", "old", "hers"]
    user.set("bob")
    assert store.get_messages("hers") == []


@pytest.mark.parametrize("how", ["achat", "astream_chat"])
@pytest.mark.parametrize("service", LISTING)
async def test_an_account_that_is_asked_with_asyncio(
    sandbox: Sandbox, build: Build, service: str, how: str
) -> None:
    llm = bound(build, service, awaited)
    store = RemoteChatStore(client=plain(llm), cache_seconds=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, text in (("ann", SECRET), ("bob", QUESTION), ("ann", ASKED)):
            user.set(name)
            engine = SimpleChatEngine.from_defaults(llm=llm, memory=remembered(store))
            said = (await chatted(engine, how, text))[0]
        assert "heliotrope" in said
        assert len(await store.aget_messages("alice")) == 4
        with pytest.raises(ConfigurationError, match="async function"):
            store.get_messages("alice")
        await remembered(store).areset()
        assert await store.aget_messages("alice") == []
        await remembered(store).aset([ChatMessage("one")])
        assert [m.content for m in await store.adelete_messages("alice")] == ["one"]
        await store.async_add_message("alice", ChatMessage("two"))
        await store.aset_messages("alice", [ChatMessage("three")])
        assert [m.content for m in await store.delete_messages("alice")] == ["three"]
        assert await store.aget_keys() == await store.get_keys() == ["alice"]
        gc.collect()


@pytest.mark.parametrize("service", LISTING)
async def test_a_key_that_is_asked_with_asyncio(
    sandbox: Sandbox, build: Build, service: str
) -> None:
    async def key() -> str:
        return str(sandbox.kwargs(service)["api_key"])

    llm = build(service, api_key=key, account="ann", session_store=InMemorySessionStore())
    await llm.for_session("alice").achat([ChatMessage(QUESTION)])
    store = RemoteChatStore(client=plain(llm))
    assert len(await store.aget_messages("alice")) == await store.count_messages("alice") == 2


@pytest.mark.parametrize("service", LISTING)
def test_what_was_read_long_ago_is_held_no_longer(build: Build, service: str) -> None:
    llm = build(service, session_store=InMemorySessionStore())
    store = RemoteChatStore(client=plain(llm), cache_seconds=0)
    for key in ("ann", "bob", "carol"):
        llm.for_session(key).chat([ChatMessage(QUESTION)])
        assert len(store.get_messages(key)) == 2
    store.add_message("ann", ChatMessage("not asked yet"))
    assert store.get_messages("bob") == store.get_messages("bob")
    assert store.get_keys() == ["ann", "bob"]
    assert [m.content for m in store.get_messages("ann")][::2] == [QUESTION, "not asked yet"]


def test_so_many_dialogues_are_held_at_most(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_views, "MOST", 3)
    store = RemoteChatStore(client=plain(build("bluenexus", session_store=InMemorySessionStore())))
    for key in "abcabd":
        store.add_message(key, ChatMessage(key))
        store.get_messages(key)
    assert store.get_keys() == ["a", "b", "d"]
