"""Many sessions at once on one shared model: each hears its own secret, and nobody else's."""

import asyncio
import os
import threading
import time
from collections import Counter, defaultdict
from typing import Any

import pytest

from remote_agents import InMemorySessionStore
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way
from tests.memory.prompts import FACTS

FULL = bool(os.environ.get("FULL_SIZE"))
SESSIONS, TURNS = (2_000, 10) if FULL else (64, 3)
THREADS, PER_THREAD = (32, 50) if FULL else (16, 2)
TELL, ASK = "My secret word is word-{}.", "What is my secret word?"


def shared(box: Sandbox, framework: str, endpoint: str, **how: bool) -> Way:
    """One model for everybody; its first use is not part of what is measured."""
    return Way(
        framework, endpoint, **how, **box.kwargs(endpoint), session_store=InMemorySessionStore()
    )


async def talk(way: Way, name: str, turns: int) -> list[str]:
    questions = [TELL.format(name), *[ASK] * (turns - 1)]
    return [(await way.ask(question, session=name)).text for question in questions]


def check(box: Sandbox, said: dict[str, list[str]], turns: int) -> None:
    """Each session heard its word; the server got one message a turn, in its own conversation."""
    for name, answers in said.items():
        assert all(f"word-{name}." in answer + "." for answer in answers), (name, answers)
    conversations: dict[str, list[str]] = defaultdict(list)
    for turn in box.turns():
        message = turn["messages"][-1]
        assert message["role"] == "user"
        assert FACTS[turn["endpoint"]].context or len(turn["messages"]) == 1
        conversations[turn["conversation_id"]].append(message["content"])
    assert len(conversations) == len(said)
    assert {len(texts) for texts in conversations.values()} == {turns}
    told = Counter(text for texts in conversations.values() for text in texts if text != ASK)
    assert told == Counter(TELL.format(name) for name in said)
    assert all(texts[0] != ASK for texts in conversations.values())


def report(count: int, start: float) -> None:
    seconds = time.monotonic() - start
    print(f"{count} turns in {seconds:.1f} s, {count / seconds:.0f} a second")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("endpoint", ["bluenexus"])
async def test_tasks(sandbox: Sandbox, framework: str, endpoint: str, streamed: bool) -> None:
    way = shared(sandbox, framework, endpoint, streamed=streamed, awaited=True)
    room, said, start = asyncio.Semaphore(64), {}, time.monotonic()

    async def one(name: str) -> None:
        async with room:
            said[name] = await talk(way, name, TURNS)

    await asyncio.gather(*(one(f"s{number}") for number in range(SESSIONS)))
    report(SESSIONS * TURNS, start)
    check(sandbox, said, TURNS)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("endpoint", ["bluenexus"] if FULL else ["cloudbase", "maiagent"])
def test_threads(sandbox: Sandbox, framework: str, endpoint: str) -> None:
    way = shared(sandbox, framework, endpoint, streamed=False, awaited=False)
    said: dict[str, list[str]] = {}
    failures: list[BaseException] = []
    start = time.monotonic()

    def run(thread: int) -> None:
        try:
            for number in range(PER_THREAD):
                name = f"t{thread}x{number}"
                said[name] = finished(talk(way, name, TURNS))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    report(THREADS * PER_THREAD * TURNS, start)
    check(sandbox, said, TURNS)


def finished(coroutine: Any) -> Any:
    """The value of a coroutine that never waits: sync turns behind an async name."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("a sync turn waited")
