"""`forget`: here, and at the service before, by blocking calls and with asyncio."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from langchain_agents import RemoteChatMessageHistory
from remote_agents import (
    InMemorySessionStore,
    PermissionDeniedError,
    SessionStore,
    SQLSessionStore,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import make
from tests.memory.stored import ids, put, talked
from tests.memory.ways import REMEMBERING

DELETING = ("bluenexus", "cloudbase")  # services that can delete a conversation

ways = pytest.mark.parametrize("prefix", ["", "a"], ids=["sync", "async"])
models = pytest.mark.parametrize("face", ["plain", "langchain"])
services = pytest.mark.parametrize("endpoint", DELETING)


async def call(model: Any, prefix: str, method: str, *args: object, **kwargs: object) -> Any:
    value = getattr(model, prefix + method)(*args, **kwargs)
    return await value if inspect.isawaitable(value) else value


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, url: str) -> Iterator[SessionStore]:
    if request.param == "memory":
        yield InMemorySessionStore()
        return
    store = SQLSessionStore(url)
    yield store
    store.close()


Talk = Callable[[str, str], Any]


@pytest.fixture
def talk(sandbox: Sandbox, store: SessionStore) -> Talk:
    """`talk(face, endpoint)`: a model whose session "u1" has two conversations."""

    def build(face: str, endpoint: str) -> Any:
        settings = {**sandbox.kwargs(endpoint), "session_store": store, "max_retries": 0}
        plain = make("plain", endpoint, **settings)
        for word in ("Hello", "Good day"):
            history = [word, {"role": "assistant", "content": f"{word} to you"}, "And now?"]
            plain.ask(history, session_id="u1")
        return plain if face == "plain" else make(face, endpoint, **settings)

    return build


def left(sandbox: Sandbox, endpoint: str, conversations: list[str]) -> list[str]:
    return [each for each in conversations if sandbox.conversation(endpoint, each)]


@ways
@models
@services
async def test_what_is_forgotten_everywhere_is_gone_at_the_service(
    endpoint: str, face: str, prefix: str, sandbox: Sandbox, talk: Talk
) -> None:
    model = talk(face, endpoint)
    known = [each.conversation_id for each in await call(model, prefix, "session", "u1")]
    assert len(left(sandbox, endpoint, known)) == 2
    assert await call(model, prefix, "forget", "u1", everywhere=True) is True
    assert left(sandbox, endpoint, known) == []
    assert await call(model, prefix, "session", "u1") is None
    assert await call(model, prefix, "forget", "u1", everywhere=True) is False


@ways
@models
@services
async def test_a_service_that_does_not_delete_is_asked_again(
    endpoint: str, face: str, prefix: str, sandbox: Sandbox, talk: Talk
) -> None:
    model = talk(face, endpoint)
    known = [each.conversation_id for each in model.session("u1")]
    sandbox.fail_next(status=403, endpoint=endpoint, match=known[1])
    with pytest.raises(PermissionDeniedError) as caught:
        await call(model, prefix, "forget", "u1", everywhere=True)
    assert caught.value.conversation_id == known[1]
    assert left(sandbox, endpoint, known) == known[1:]
    assert [each.conversation_id for each in model.session("u1")] == known
    assert await call(model, prefix, "forget", "u1", everywhere=True) is True
    assert left(sandbox, endpoint, known) == []
    assert model.session("u1") is None


@ways
@pytest.mark.parametrize("endpoint", [each for each in REMEMBERING if each not in DELETING])
async def test_a_service_that_cannot_delete_keeps_what_is_forgotten(
    endpoint: str, prefix: str, sandbox: Sandbox, talk: Talk
) -> None:
    model = talk("plain", endpoint)
    known = [each.conversation_id for each in model.session("u1")]
    assert await call(model, prefix, "forget", "u1", everywhere=True) is True
    assert model.session("u1") is None
    assert left(sandbox, endpoint, known) == known


@ways
@models
@pytest.mark.parametrize("name", ["session_id", "thread_id", "conversation_id"])
async def test_a_name_beside_it_is_no_session_of_its_own(
    name: str, face: str, prefix: str, sandbox: Sandbox
) -> None:
    settings = {**sandbox.kwargs("bluenexus"), "session_store": InMemorySessionStore()}
    make("plain", "bluenexus", **settings).ask("Hello", session_id="u1")
    model = make(face, "bluenexus", **settings)
    assert await call(model, prefix, "session", "t", **{name: "u1"}) is None
    assert await call(model, prefix, "forget", "t", **{name: "u1"}) is False
    assert model.session("u1")


@pytest.mark.parametrize("names", ["api_key", "account"])
async def test_functions_that_are_async_are_awaited(names: str, sandbox: Sandbox) -> None:
    given = {**sandbox.kwargs("bluenexus"), "session_store": InMemorySessionStore()}
    value = given["api_key"] if names == "api_key" else "tenant-7"

    async def found() -> str:
        await asyncio.sleep(0)
        return value

    settings = {"account": "tenant-7", **given, names: found}
    model = make("plain", "bluenexus", **settings)
    answer = await model.aask("Hello", session_id="u1")
    session = await model.asession("u1")
    assert session.conversation_id == answer.conversation_id
    assert await model.aforget("u1", everywhere=True) is True
    assert left(sandbox, "bluenexus", [answer.conversation_id]) == []


@ways
@services
async def test_a_history_whose_conversation_is_gone_is_cleared(
    endpoint: str, prefix: str, sandbox: Sandbox
) -> None:
    model = make("plain", endpoint, **sandbox.kwargs(endpoint))
    gone = model.ask("Hello", memory="server").conversation_id
    sandbox.forget_conversation(endpoint, gone)
    history = RemoteChatMessageHistory(model, gone)
    await call(history, prefix, "clear")
    assert history.conversation_id is None


class _Late(InMemorySessionStore):
    """A turn ends between what is read of a dialogue and its end."""

    def delete(self, dialogue: str) -> list[str]:
        put(self, dialogue, talked("late"))
        return super().delete(dialogue)


@ways
async def test_a_conversation_that_was_made_meanwhile_is_deleted_too(
    prefix: str, sandbox: Sandbox
) -> None:
    model = make("plain", "bluenexus", **sandbox.kwargs("bluenexus"), session_store=_Late())
    model.ask("Hello", session_id="u1")
    await call(model, prefix, "forget", "u1", everywhere=True)
    deleted = [each["path"] for each in sandbox.requests("bluenexus") if each["method"] == "DELETE"]
    assert deleted[-1].endswith("/late")


class _Slow(InMemorySessionStore):
    """A store that blocks, as a database does."""

    blocks = True

    def read(self, dialogue: str) -> Any:
        time.sleep(0.2)
        return super().read(dialogue)

    def delete(self, dialogue: str) -> list[str]:
        time.sleep(0.2)
        return super().delete(dialogue)

    def purge(self, older_than: float) -> int:
        time.sleep(0.2)
        return super().purge(older_than)


@pytest.mark.parametrize("method", ["session", "forget", "purge"])
async def test_a_store_that_blocks_does_not_hold_up_the_event_loop(
    method: str, sandbox: Sandbox
) -> None:
    model = make("plain", "bluenexus", **sandbox.kwargs("bluenexus"), session_store=_Slow())
    target, given = (model.agent.store, -1) if method == "purge" else (model, "u1")
    task, beats = asyncio.ensure_future(call(target, "a", method, given)), 0
    while not task.done():
        await asyncio.sleep(0.01)
        beats += 1
    assert not task.result()
    assert beats > 5


@ways
async def test_a_store_is_purged(prefix: str, store: SessionStore) -> None:
    put(store, "u1")
    assert await call(store, prefix, "purge", 3600) == 0
    assert await call(store, prefix, "purge", -1) == 1
    assert ids(store, "u1") == []
