"""Stores, keys, names and uploads fail or hang amid turns: each turn ends in time."""

import asyncio
import logging
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from remote_agents import (
    AgentConnectionError,
    AgentTimeoutError,
    BlueNexus,
    ConversationError,
    InMemorySessionStore,
    StreamInterruptedError,
    Timeout,
    safe_to_repeat,
)
from remote_agents.memory import lease
from remote_agents.memory.history_matching import Conversation
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way, make
from tests.memory.ways import REMEMBERING, WAYS, ask, client, key_of
from tests.raw_server import sockets_of


def elapsed(since: float) -> float:
    return time.monotonic() - since


# --- a store that fails as a turn ends ------------------------------------------------------------


class Failing(InMemorySessionStore):
    """A store that is well until a turn ends."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def finish(self, dialogue: str, holder: str, conversation: Conversation | None) -> bool:
        super().finish(dialogue, holder, None)
        raise self.error


FAILURES = [ConversationError("The store is gone."), RuntimeError("gone"), OSError(5, "gone")]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_an_answer_outlives_the_store(
    endpoint: str, way: str, error: Exception, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    agent = client(sandbox, endpoint, session_store=Failing(error))
    reply = await ask(agent, way, "Say: one", session_id="u1")
    assert "one" in reply.text
    assert "store failed" in caplog.text


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_a_broken_answer_keeps_its_text_and_its_reason(
    endpoint: str, way: str, sandbox: Sandbox
) -> None:
    agent = client(sandbox, endpoint, session_store=Failing(FAILURES[0]), coalesce=False)
    sandbox.truncate_after(6, endpoint=endpoint)
    with pytest.raises(StreamInterruptedError) as caught:
        await ask(agent, way, "Count to 12", session_id="u1")
    assert "1 2" in caught.value.partial


async def test_a_cancellation_stays_one(sandbox: Sandbox) -> None:
    sandbox.configure(word_delay=0.05)
    agent = client(sandbox, "bluenexus", session_store=Failing(FAILURES[0]))
    started = asyncio.Event()

    async def read() -> None:
        async for _ in agent.astream("Count to 50", session_id="u1"):
            started.set()

    task = asyncio.ensure_future(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sandbox.configure(word_delay=0)


@pytest.mark.parametrize("way", WAYS)
async def test_a_timeout_stays_one(way: str, sandbox: Sandbox) -> None:
    limits = Timeout(idle=0.3, first_event=0.3)
    agent = client(sandbox, "bluenexus", session_store=Failing(FAILURES[1]), timeout=limits)
    sandbox.stall_after(4, endpoint="bluenexus")
    with pytest.raises(AgentTimeoutError):
        await ask(agent, way, "Count to 12", session_id="u1")


class Broken(InMemorySessionStore):
    def read(self, dialogue: str) -> list[Conversation]:
        raise KeyError("a fault of its own")


@pytest.mark.parametrize("way", WAYS)
async def test_a_store_that_fails_before_is_a_typed_error(way: str, sandbox: Sandbox) -> None:
    agent = client(sandbox, "bluenexus", session_store=Broken())
    where = r"\(KeyError, in read at test_outages\.py:\d+\); nothing was sent"
    with pytest.raises(ConversationError, match=where) as caught:
        await ask(agent, way, "Hi", session_id="u1")
    assert caught.value.safe_to_repeat
    assert sandbox.turns() == []


# --- waits that do not end ------------------------------------------------------------------------


class Hanging(InMemorySessionStore):
    """A store that says nothing more in one of its words."""

    blocks = True

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word, self.thawed = word, threading.Event()

    def _hang(self, word: str) -> None:
        if word == self.word:
            self.thawed.wait(30)

    def secret(self) -> bytes | None:
        self._hang("secret")
        return super().secret()

    def read(self, dialogue: str) -> list[Conversation]:
        self._hang("read")
        return super().read(dialogue)

    def begin(self, *args: Any, **options: Any) -> bool:
        self._hang("begin")
        return super().begin(*args, **options)

    def finish(self, *args: Any) -> bool:
        self._hang("finish")
        return super().finish(*args)


@pytest.mark.parametrize("total", [None, 0.3])
@pytest.mark.parametrize("word", ["secret", "read", "begin"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_store_that_hangs_ends_the_turn_in_time(
    way: str, word: str, total: float | None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Hanging(word)
    agent = client(sandbox, "bluenexus", session_store=store, timeout=Timeout(total=total))
    begun = time.monotonic()
    with monkeypatch.context() as brief:
        brief.setattr(lease, "STORE_WAIT", 0.2)
        with pytest.raises(
            (ConversationError, AgentTimeoutError), match="othing was sent"
        ) as caught:
            await ask(agent, way, "Hi", session_id="u1")
    assert elapsed(begun) < 8
    assert caught.value.safe_to_repeat
    store.thawed.set()
    again = client(sandbox, "bluenexus", session_store=store)
    assert (await ask(again, way, "Hi", session_id="u1")).text


@pytest.mark.parametrize("way", WAYS)
async def test_a_store_that_hangs_at_the_end_keeps_no_answer(
    way: str, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    store = Hanging("finish")
    agent = client(sandbox, "bluenexus", session_store=store, timeout=Timeout(total=2))
    begun = time.monotonic()
    assert (await ask(agent, way, "Say: one", session_id="u1")).text
    assert elapsed(begun) < 8
    assert "does not answer" in caplog.text
    store.thawed.set()
    assert (await ask(agent, way, "Hi", session_id="u1")).memory == "continued"


class Freezing(Hanging):
    """A store that says no more word from the end of a turn on."""

    def __init__(self) -> None:
        super().__init__("finish")

    def _hang(self, word: str) -> None:
        if word == self.word:
            self.word = "every"
        if self.word == "every":
            self.thawed.wait(30)


@pytest.mark.parametrize("way", WAYS)
async def test_the_turn_after_one_that_could_not_be_noted_is_told_of_the_store(
    way: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Freezing()
    agent = client(sandbox, "bluenexus", session_store=store)
    with monkeypatch.context() as brief:
        brief.setattr(lease, "STORE_WAIT", 0.3)
        assert (await ask(agent, way, "Say: one", session_id="u1")).text
        begun = time.monotonic()
        with pytest.raises(ConversationError, match="did not answer"):
            await ask(agent, way, "Hi", session_id="u1")
        assert elapsed(begun) < 8
    store.word = "none"
    store.thawed.set()
    assert (await ask(agent, way, "Hi", session_id="u1")).memory == "continued"


@pytest.mark.parametrize("way", WAYS)
async def test_the_whole_time_counts_the_wait_for_a_session(way: str, sandbox: Sandbox) -> None:
    agent = client(
        sandbox, "bluenexus", session_store=InMemorySessionStore(), timeout=Timeout(total=0.5)
    )
    key = key_of(agent, "u1")
    assert agent.agent.store.begin(key, "another", None, alone=True)
    begun = time.monotonic()
    with pytest.raises((ConversationError, AgentTimeoutError), match="othing was sent") as caught:
        await ask(agent, way, "Hi", session_id="u1")
    assert elapsed(begun) < 8
    assert caught.value.safe_to_repeat


@pytest.mark.parametrize("limits", [Timeout(total=0.3), Timeout(first_event=0.3)], ids=str)
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_key_function_that_hangs(
    endpoint: str, awaited: bool, limits: Timeout, sandbox: Sandbox
) -> None:
    thawed = threading.Event()

    def key() -> str:
        thawed.wait(30)
        return "k"

    given = {**sandbox.kwargs(endpoint), "api_key": key, "max_retries": 0, "timeout": limits}
    agent = make("plain", endpoint, **given)
    begun = time.monotonic()
    with pytest.raises(AgentTimeoutError, match=r"api_key.*othing was sent") as caught:
        asyncio.run(agent.aask("Hi")) if awaited else agent.ask("Hi")
    assert elapsed(begun) < 8
    assert caught.value.safe_to_repeat
    assert sandbox.requests(endpoint) == []
    thawed.set()


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("name", ["api_key", "account"])
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("face", FRAMEWORKS)
async def test_a_function_of_the_callers_that_fails(
    face: str, awaited: bool, name: str, is_async: bool, sandbox: Sandbox
) -> None:
    """Nothing was sent: the error says so, and a session goes on as if it had not been asked."""
    given, closed = sandbox.kwargs("bluenexus"), threading.Event()

    def value() -> str:
        if closed.is_set():
            raise OSError("the vault is closed")
        return str(given["api_key"])

    async def avalue() -> str:
        return value()

    function = avalue if is_async and awaited else value
    settings = {**given, "account": "a", "max_retries": 0, name: function}
    way = Way(face, "bluenexus", streamed=awaited, awaited=awaited, **settings)
    session = f"{face} {awaited} {name} {is_async}"
    await way.ask("My secret word is zebra-17.", session=session)
    asked = len(sandbox.requests("bluenexus"))
    closed.set()
    where = r"the vault is closed, in value at test_outages\.py:\d+\)"
    with pytest.raises(AgentConnectionError, match=rf"{name} failed \(OSError: {where}") as caught:
        await way.ask("What is my secret word?", session=session)
    assert safe_to_repeat(caught.value)
    assert len(sandbox.requests("bluenexus")) == asked
    closed.clear()
    assert "zebra-17" in (await way.ask("What is my secret word?", session=session)).text


async def test_an_async_key_function_that_hangs(sandbox: Sandbox) -> None:
    async def key() -> str:
        await asyncio.sleep(30)
        return "k"

    given = {**sandbox.kwargs("bluenexus"), "api_key": key, "max_retries": 0}
    agent = BlueNexus(**given, timeout=Timeout(total=0.5))
    begun = time.monotonic()
    with pytest.raises(AgentTimeoutError):
        await agent.aask("Hi")
    assert elapsed(begun) < 8


def test_the_log_names_no_text(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    agent = client(sandbox, "bluenexus", session_store=Failing(FAILURES[0]))
    agent.ask("My private diagnosis", session_id="u1")
    assert "diagnosis" not in caplog.text


# --- names and uploads ---------------------------------------------------------------------------


@pytest.mark.parametrize("awaited", [False, True])
def test_a_name_that_is_looked_up_for_ever(awaited: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the call waits for it, nor the end of the event loop."""
    thawed = threading.Event()
    real = socket.getaddrinfo

    def hanging(host: Any, *args: Any, **options: Any) -> Any:
        if host == "agents.example":
            thawed.wait(30)
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    agent = BlueNexus(
        base_url="https://agents.example",
        api_key="k",
        timeout=Timeout(connect=0.5, first_event=2),
        max_retries=0,
    )
    begun = time.monotonic()
    with pytest.raises(AgentTimeoutError, match="othing was sent") as caught:
        asyncio.run(agent.aask("Hi")) if awaited else agent.ask("Hi")
    assert elapsed(begun) < 5
    assert caught.value.safe_to_repeat
    thawed.set()


@pytest.mark.parametrize("awaited", [False, True])
def test_a_body_that_is_taken_in_drips(awaited: bool) -> None:
    """The limit is for the whole request, however often a little of it is taken."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        over = threading.Event()

        def drip() -> None:
            taken, _ = listening.accept()
            with taken, suppress(OSError):
                while taken.recv(4096):
                    if over.wait(0.05):
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        agent = BlueNexus(
            base_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            api_key="k",
            timeout=Timeout(idle=1, first_event=1.5),
            max_retries=0,
        )
        begun, question = time.monotonic(), "x" * (32 << 20)
        with pytest.raises(AgentTimeoutError):
            asyncio.run(agent.aask(question)) if awaited else agent.ask(question)
        assert elapsed(begun) < 6
        assert sockets_of(listening.getsockname()[1]) == 0  # nothing more of it is sent
        over.set()
        agent.close()
        thread.join(10)
