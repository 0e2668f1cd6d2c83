"""Streams that nobody reads on: the session's next turn takes over from them.

Python keeps a stream that was left by `break` as long as a name holds it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest

from remote_agents import ConversationError, Finish, SessionStore, TextDelta
from remote_agents.memory import lease
from remote_agents.sandbox import Sandbox
from tests.garbage import nothing_collected
from tests.memory.faces import AASKED, ASKED, NEXT, aplain, plain
from tests.memory.test_turns import free
from tests.memory.ways import REMEMBERING, ask, client
from tests.pages import read_after_a_glance

# --- ways to leave a stream that is kept ---------------------------------------------------------


def _break(stream: Any) -> Any:
    for _ in stream:
        break
    return stream


def _next(stream: Any) -> Any:
    next(iter(stream))
    return stream


def _elsewhere(stream: Any) -> Any:
    thread = threading.Thread(target=next, args=[iter(stream)])
    thread.start()
    thread.join()
    return stream


def _fails(stream: Any) -> Any:
    try:
        for _ in stream:
            _ = 1 / 0
    except ZeroDivisionError as error:
        return error, stream


async def _abreak(stream: Any) -> Any:
    async for _ in stream:
        break
    return stream


async def _acancelled(stream: Any) -> Any:
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in stream:
            begun.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    return stream


def _cases(ways: Iterable[str], leaves: Iterable[Any]) -> list[Any]:
    """Each face left in each way, by services in turn, and each service by the plain client."""
    pairs, (first, *_) = list(itertools.product(ways, leaves)), leaves
    each = [
        (service, *pair) for service, pair in zip(itertools.cycle(REMEMBERING), pairs, strict=False)
    ]
    return [*each, *((service, "plain", first) for service in REMEMBERING)]


async def _goes_on(agent: Any, way: str) -> None:
    reply = await ask(agent, way, NEXT, session_id="u1")
    assert reply.text
    assert reply.memory == "continued"
    assert free(agent, "u1")


@pytest.mark.parametrize(
    ("service", "asked", "leave"), _cases(ASKED, [_break, _next, _elsewhere, _fails])
)
async def test_a_stream_that_is_left_and_kept(
    sandbox: Sandbox,
    build: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    asked: str,
    leave: Any,
) -> None:
    monkeypatch.setattr(lease, "PATIENCE", 0.2)
    sandbox.configure(word_delay=0.01)
    face, begin = ASKED[asked]
    agent, model = build("plain", service), build(face, service)
    with nothing_collected(), caplog.at_level("INFO", "remote_agents"):
        taken = 0
        for way in ("ask", "astream"):
            kept = leave(begin(model))
            taken += not free(agent, "u1")
            await _goes_on(agent, way)
            del kept
    assert caplog.text.count("takes over from a stream of session u1 that nobody reads on") == taken


@pytest.mark.parametrize(("service", "asked", "leave"), _cases(AASKED, [_abreak, _acancelled]))
async def test_a_stream_that_is_left_and_kept_async(
    sandbox: Sandbox,
    build: Any,
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    asked: str,
    leave: Any,
) -> None:
    monkeypatch.setattr(lease, "PATIENCE", 0.2)
    sandbox.configure(word_delay=0.01)
    face, begin = AASKED[asked]
    agent, model = build("plain", service), build(face, service)
    with nothing_collected():
        for way in ("aask", "astream", "ask"):
            kept = await leave(begin(model))
            await _goes_on(agent, way)
            await asyncio.sleep(0)
            del kept


@pytest.mark.parametrize("way", ["ask", "aask", "stream", "astream"])
async def test_within_a_second_the_next_turn_takes_over(
    sandbox: Sandbox, build: Any, way: str
) -> None:
    agent = build("plain", "bluenexus")
    kept = _elsewhere(plain(agent))
    began = time.monotonic()
    reply = await ask(agent, way, NEXT, session_id="u1")
    assert 0.5 < time.monotonic() - began < 10  # a second, and what a busy machine takes
    assert reply.memory == "continued"
    with pytest.raises(ConversationError, match="not read on, and was ended") as told:
        list(kept)
    assert told.value.partial.startswith("1")
    assert agent.session("u1").turns == 2


async def test_whoever_has_left_a_stream_in_his_own_loop_waits_for_nothing(
    sandbox: Sandbox, build: Any
) -> None:
    agent, took = build("plain", "bluenexus"), list[float]()
    for _ in range(3):  # an outer loop, as of a chat in a terminal
        stream, began = plain(agent), time.monotonic()
        for event in stream:
            if isinstance(event, TextDelta):
                break
        assert agent.ask(NEXT, session_id="u1").memory == "continued"
        astream = aplain(agent)
        async for event in astream:
            if isinstance(event, TextDelta):
                break
        assert (await agent.aask(NEXT, session_id="u1")).memory == "continued"
        took.append(time.monotonic() - began)
    assert min(took) < 1
    assert isinstance(await asyncio.to_thread(_told, stream), ConversationError)


def _told(stream: Iterator[Any]) -> BaseException | None:
    try:
        list(stream)
    except ConversationError as error:
        return error
    return None


def test_a_stream_that_is_read_on_slowly_is_waited_for(sandbox: Sandbox, build: Any) -> None:
    """What it brings at once may be shown word by word."""
    agent = build("plain", "bluenexus")
    stream, words = agent.stream("Count to 60", session_id="u1"), []
    next(stream)

    def read() -> None:
        for event in stream:
            time.sleep(0.03)
            words.append(event)

    thread = threading.Thread(target=read)
    thread.start()
    assert agent.ask(NEXT, session_id="u1").memory == "continued"
    thread.join()
    assert isinstance(words[-1], Finish)


@pytest.mark.parametrize("leave", [_elsewhere, _abreak])
async def test_the_service_sees_that_nobody_reads_on(
    sandbox: Sandbox, build: Any, monkeypatch: pytest.MonkeyPatch, leave: Any
) -> None:
    monkeypatch.setattr(lease, "PATIENCE", 0.2)
    sandbox.configure(word_delay=0.02)
    agent = build("plain", "bluenexus")
    kept = await _abreak(aplain(agent)) if leave is _abreak else leave(plain(agent))
    await agent.aask(NEXT, session_id="u1")
    for _ in range(500):
        if sandbox.requests("bluenexus")[0]["outcome"] == "disconnected":
            break
        await asyncio.sleep(0.01)
    assert sandbox.requests("bluenexus")[0]["outcome"] == "disconnected"
    del kept


# --- browsers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [plain, aplain], ids=["sync", "async"])
@pytest.mark.parametrize("service", REMEMBERING)
def test_a_closed_browser_frees_its_session(
    sandbox: Sandbox, own_store: SessionStore, service: str, answer: Any
) -> None:
    settings: dict[str, Any] = {"session_store": own_store, "session_wait": 2.0, "coalesce": False}
    agent = client(sandbox, service, **settings)
    seen: list[Any] = []

    def page() -> Iterator[str]:
        for event in agent.stream("How many vacation days do I get?", session_id="u1"):
            yield getattr(event, "text", "")

    async def apage() -> AsyncIterator[str]:
        async for event in agent.astream("How many vacation days do I get?", session_id="u1"):
            yield getattr(event, "text", "")

    def kept() -> Any:  # also by those who keep what they gave away
        seen.append(page() if answer is plain else apage())
        return seen[-1]

    assert b"25" in read_after_a_glance(sandbox, kept)
