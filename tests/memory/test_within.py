"""Who waits for himself is told; what cannot be seen to be left is collected."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from remote_agents import ConversationError, Finish, InMemorySessionStore
from remote_agents.drivers import value_of
from remote_agents.memory import lease
from remote_agents.memory.lease import Lease
from remote_agents.memory.loops import Loops
from remote_agents.sandbox import Sandbox
from tests.garbage import nothing_collected
from tests.memory.faces import AASKED, ASKED, NEXT
from tests.memory.test_turns import free
from tests.memory.ways import ask

NOBODY: Any = None  # what sends nothing needs no client


@pytest.mark.parametrize("way", ["ask", "stream"])
def test_a_turn_asked_from_within_its_own_stream_is_told_at_once(
    sandbox: Sandbox, build: Any, way: str
) -> None:
    agent = build("plain", "bluenexus")
    start = time.monotonic()
    for event in agent.stream("Count to 5", session_id="u1"):
        if isinstance(event, Finish):
            break
        agent.ask("Hello", session_id="u2")
        with pytest.raises(ConversationError, match="from within the stream"):
            list(getattr(agent, way)("me too", session_id="u1"))
    assert time.monotonic() - start < 10
    assert free(agent, "u1")
    assert agent.ask("now", session_id="u1").memory == "continued"


async def test_a_task_that_asks_from_within_its_own_stream_is_told_at_once(
    sandbox: Sandbox, build: Any
) -> None:
    agent = build("plain", "bluenexus")
    async with aclosing(agent.astream("Count to 5", session_id="u1")) as events:
        async for event in events:
            if isinstance(event, Finish):
                break
            with pytest.raises(ConversationError, match="from within the stream"):
                await agent.aask("me too", session_id="u1")
    assert (await agent.aask("now", session_id="u1")).memory == "continued"


@pytest.mark.parametrize("asked", [asked for asked in ASKED if "response" not in asked])
def test_a_loop_that_asks_in_its_own_session_is_told(
    sandbox: Sandbox, build: Any, asked: str
) -> None:
    if "engine" in asked:  # whose last word comes when all else is read
        sandbox.configure(word_delay=0.001)
    face, begin = ASKED[asked]
    agent, model = build("plain", "bluenexus"), build(face, "bluenexus")

    def guarded() -> None:
        for _ in begin(model):
            agent.ask("Is that so?", session_id="u1")
            agent.ask("Nobody comes as far as that.", session_id="u2")

    with pytest.raises(ConversationError, match="from within the stream"):
        guarded()
    assert [request["body"] for request in sandbox.requests("bluenexus")][1:] == []


@pytest.mark.parametrize("asked", AASKED)
async def test_a_loop_that_asks_in_its_own_session_is_told_async(
    sandbox: Sandbox, build: Any, asked: str
) -> None:
    face, begin = AASKED[asked]
    agent, model = build("plain", "bluenexus"), build(face, "bluenexus")

    async def guarded() -> None:
        async for _ in begin(model):
            await agent.aask("Is that so?", session_id="u1")
            await agent.aask("Nobody comes as far as that.", session_id="u2")

    with pytest.raises(ConversationError, match="from within the stream"):
        await guarded()


def test_loops_are_told_from_what_stands_behind_them() -> None:
    def seen() -> Iterator[Loops]:
        loops = Loops()
        while True:
            yield loops

    def asked(loops: Loops) -> bool | None:
        return loops.around()

    found = []
    for _ in range(2):
        stream = seen()
        for loops in stream:
            found.append(asked(loops))
            if found[-2:] != [True, True]:
                continue
            break
        found.append(asked(loops))
    assert found == [True, True, False, True, True, False]
    assert asked(next(seen())) is None
    assert [asked(loops) for loops, _ in zip(seen(), range(2), strict=False)] == [True, True]


def test_a_page_that_became_quick_meanwhile_stands_in_no_loop_of_another_reader() -> None:
    """Python rewrites what it runs often, and 3.12 then says of it that it stands further on."""

    def page(stream: Iterator[Any]) -> Iterator[Any]:
        for each in stream:
            yield [each]

    def seen(see: Callable[[], Any]) -> Iterator[Any]:
        yield see()

    def first(see: Callable[[], Any]) -> Any:
        return next(page(seen(see)))[0]

    loops = first(Loops)
    for _ in range(100):
        assert len([*page(each for each in range(5))]) == 5
    assert first(loops.around) is None


# --- circles, and what is left before it was read ------------------------------------------------


@pytest.mark.parametrize("way", ["aask", "astream"])
async def test_a_stream_that_the_same_task_has_just_left_is_no_other_turn(
    sandbox: Sandbox, build: Any, way: str
) -> None:
    """An event loop ends a generator a little after `break` has left it."""
    sandbox.configure(word_delay=0.01)
    agent = build("plain", "bluenexus")
    for _ in range(3):
        async for _ in agent.astream("Count to 50", session_id="u1"):
            break
        assert (await ask(agent, way, "Count to 3", session_id="u1")).text


@pytest.mark.parametrize("way", ["ask", "astream"])
async def test_streams_abandoned_in_circles(sandbox: Sandbox, build: Any, way: str) -> None:
    """As a web server leaves them."""
    sandbox.configure(word_delay=0.01)
    agent = build("plain", "bluenexus")

    def abandon() -> None:
        circle: list[Any] = [agent.stream("Count to 50", session_id="u1")]
        next(circle[0])
        circle.append(circle)

    with nothing_collected():
        for _ in range(2):
            await asyncio.to_thread(abandon)
            reply = await ask(agent, way, NEXT, session_id="u1")
            assert reply.memory == "continued"
            assert free(agent, "u1")


def test_what_cannot_be_seen_is_collected_at_most_once_a_minute(
    own_store: InMemorySessionStore,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A turn that was abandoned before its stream was read, as with an event loop that is gone."""
    monkeypatch.setattr(lease, "PATIENCE", 0.05)
    monkeypatch.setattr(lease, "_collected", float("-inf"))

    def abandon() -> None:
        turn = Lease(own_store, "k", 1.0, lambda seconds: seconds)
        value_of(turn.wait(), NOBODY)
        assert value_of(turn.taking(None, alone=True), NOBODY)
        circle: list[Any] = [turn]
        circle.append(circle)

    def wait() -> None:
        value_of(Lease(own_store, "k", 0.5, lambda seconds: seconds).wait(), NOBODY)

    with nothing_collected(), caplog.at_level("INFO", "remote_agents"):
        abandon()
        wait()
        abandon()
        with pytest.raises(ConversationError, match="under way since"):
            wait()
    gc.collect()
    assert caplog.text.count("Collected garbage in") == 1
    wait()
