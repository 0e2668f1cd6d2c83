"""One turn at a time for each session, and the session always given back."""

import asyncio
import gc
import itertools
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from remote_agents import (
    AgentError,
    ConversationError,
    Finish,
    InMemorySessionStore,
    SessionStore,
    SQLSessionStore,
    TextDelta,
)
from remote_agents.agent import acollect, collect
from remote_agents.memory.lease import Lease
from remote_agents.memory.turnstile import Turnstile
from remote_agents.sandbox import Sandbox
from tests.memory.ways import WAYS, ask, client, key_of

STORES = ("memory", "sqlite", "postgres")


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionStore]:
    if request.param == "memory":
        yield InMemorySessionStore()
        return
    url = f"sqlite:///{tmp_path / 's.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    sql = SQLSessionStore(url, table="turns")
    sql.purge(0)
    yield sql
    sql.close()


def overlaps(box: Sandbox) -> int:
    """How many requests began before the one before had ended, of the same conversation."""
    spans = sorted((r["time"], r["ended"]) for r in box.requests() if r["status"] == 200)
    return sum(after[0] < before[1] for before, after in itertools.pairwise(spans))


def free(remote: Any, session_id: str) -> bool:
    """Whether nobody holds a session, in this process and in the store."""
    key, store = key_of(remote, session_id), remote.agent.store
    place = store.turnstile.enter(key)
    idle = place.coming is None and all(each.busy_since is None for each in store.read(key))
    store.turnstile.leave(key, place)
    return bool(idle)


async def test_threads_and_tasks_take_turns(sandbox: Sandbox, store: SessionStore) -> None:
    sandbox.configure(word_delay=0.002)
    agent = client(sandbox, "bluenexus", session_store=store)
    failures: list[BaseException] = []

    def run_in_thread() -> None:
        try:
            for _ in range(3):
                collect(agent.stream("Count to 5", session_id="u1"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run_in_thread) for _ in range(3)]
    for thread in threads:
        thread.start()
    tasks = [ask(agent, way, "Count to 5", session_id="u1") for way in ("astream", "aask") * 3]
    await asyncio.gather(*tasks)
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    sandbox.configure(word_delay=0.0)
    assert failures == []
    assert agent.session("u1").turns == 15
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == 1
    assert overlaps(sandbox) == 0


async def test_sessions_run_in_parallel(sandbox: Sandbox, store: SessionStore) -> None:
    sandbox.configure(word_delay=0.05)
    agent = client(sandbox, "bluenexus", session_store=store)
    start = time.monotonic()
    await asyncio.gather(
        *(ask(agent, "astream", "Count to 4", session_id=f"u{n}") for n in range(20))
    )
    sandbox.configure(word_delay=0.0)
    assert overlaps(sandbox) > 10
    assert time.monotonic() - start < 20 * 0.15


@pytest.mark.parametrize("way", WAYS)
async def test_waiting_is_bounded(sandbox: Sandbox, store: SessionStore, way: str) -> None:
    agent = client(sandbox, "bluenexus", session_store=store, session_wait=0.1)
    with ThreadPoolExecutor(1) as elsewhere:
        holding = agent.stream("Count to 5", session_id="u1")
        elsewhere.submit(next, holding).result()
        with pytest.raises(ConversationError, match="turn of session u1 is under way since"):
            await ask(agent, way, "me too", session_id="u1")
        elsewhere.submit(holding.close).result()
    assert len(sandbox.turns()) == 1
    assert free(agent, "u1")
    await ask(agent, way, "now", session_id="u1")


def test_whoever_waits_says_so(
    sandbox: Sandbox, store: SessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "remote_agents")
    agent = client(sandbox, "bluenexus", session_store=store, session_wait=1.2, coalesce=False)
    sandbox.configure(word_delay=0.05)
    with ThreadPoolExecutor(1) as elsewhere:
        holding = agent.stream("Count to 60", session_id="u1")
        next(holding)
        read = elsewhere.submit(collect, holding)
        with pytest.raises(ConversationError, match="under way since"):
            agent.ask("me too", session_id="u1")
        sandbox.configure(word_delay=0.0)
        assert "60" in read.result().reply.text
    (said,) = [r.getMessage() for r in caplog.records if "waits for another" in r.getMessage()]
    assert re.search(r"session u1, under way since \d\d:\d\d:\d\d", said)


def test_a_stream_that_nobody_reads_on_gives_way(
    sandbox: Sandbox, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remote_agents.memory.lease.PATIENCE", 0.2)
    agent = client(sandbox, "bluenexus", session_store=store)
    kept = agent.stream("Count to 50", session_id="u1")
    next(kept)
    assert agent.ask("now", session_id="u1").memory == "continued"
    with pytest.raises(ConversationError, match="not read on"):
        next(kept)
    assert free(agent, "u1")
    assert agent.session("u1").turns == 2


async def test_waiting_for_another_process_is_bounded(sandbox: Sandbox, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}"
    here, there = SQLSessionStore(url), SQLSessionStore(url)  # as two processes would
    agent = client(sandbox, "bluenexus", session_store=here, session_wait=0.1)
    key = key_of(agent, "u1")
    assert there.begin(key, "them", None, alone=True)
    for way in WAYS:
        with pytest.raises(ConversationError, match="nothing was sent"):
            await ask(agent, way, "me too", session_id="u1")
    threading.Timer(0.05, there.finish, (key, "them", None)).start()
    agent = client(sandbox, "bluenexus", session_store=here, session_wait=5)
    assert (await ask(agent, "aask", "hi", session_id="u1")).memory == "new"
    here.close()
    there.close()


async def test_turns_of_an_explicit_conversation_wait_too(
    sandbox: Sandbox, store: SessionStore
) -> None:
    sandbox.configure(word_delay=0.002)
    agent = client(sandbox, "bluenexus", session_store=store)
    first = await ask(agent, "aask", "hi")
    turns = [
        ask(agent, "astream", "Count to 5", conversation_id=first.conversation_id) for _ in range(5)
    ]
    await asyncio.gather(*turns)
    sandbox.configure(word_delay=0.0)
    assert overlaps(sandbox) == 0


def test_the_next_turn_may_start_on_seeing_the_end(sandbox: Sandbox, store: SessionStore) -> None:
    agent = client(sandbox, "maiagent", session_store=store, session_wait=1)
    for event in agent.stream("hi", session_id="u1"):
        if isinstance(event, Finish):
            assert agent.ask("and again", session_id="u1").memory == "continued"


async def test_the_next_turn_may_start_on_seeing_the_end_async(
    sandbox: Sandbox, store: SessionStore
) -> None:
    agent = client(sandbox, "maiagent", session_store=store, session_wait=1)
    async for event in agent.astream("hi", session_id="u1"):
        if isinstance(event, Finish):
            assert (await agent.aask("and again", session_id="u1")).memory == "continued"


def closed_early(agent: Any) -> None:
    events = agent.stream("Count to 50", session_id="u1")
    while not isinstance(next(events), TextDelta):
        pass
    events.close()


def dropped(agent: Any) -> None:
    next(agent.stream("Count to 50", session_id="u1"))


def interrupted(agent: Any) -> None:
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        collect(agent.stream("Count to 500", session_id="u1"))


def failed(agent: Any) -> None:
    with pytest.raises(AgentError):
        agent.ask("Count to 50", session_id="u1")


def broken_off(agent: Any) -> None:
    with pytest.raises(AgentError):
        collect(agent.stream("Count to 50", session_id="u1"))


def wrong(agent: Any) -> None:
    with pytest.raises(AgentError):
        agent.ask([], session_id="u1")


async def freed(agent: Any) -> None:
    """Wait until a session is given back: a thread may still write what a task no longer awaits."""
    for _ in range(500):
        if free(agent, "u1"):
            return
        await asyncio.sleep(0.01)


ENDS: dict[str, Callable[[Any], None]] = {
    "closed early": closed_early,
    "dropped": dropped,
    "interrupted": interrupted,
    "failed": failed,
    "broken off": broken_off,
    "wrong": wrong,
}


@pytest.mark.parametrize("end", ENDS)
def test_the_session_is_given_back(sandbox: Sandbox, store: SessionStore, end: str) -> None:
    agent = client(sandbox, "bluenexus", session_store=store, max_retries=0)
    agent.ask("hi", session_id="u1")
    if end == "failed":
        sandbox.fail_next(status=500)
    elif end == "broken off":
        sandbox.drop_after(3)
    elif end != "wrong":
        sandbox.configure(word_delay=0.01)
    ENDS[end](agent)
    sandbox.configure(word_delay=0.0)
    assert free(agent, "u1")
    assert agent.ask("still there?", session_id="u1").memory == "continued"
    ran = end != "wrong"
    assert agent.session("u1").turns == 2 + ran


async def acancelled(agent: Any) -> None:
    task = asyncio.create_task(acollect(agent.astream("Count to 500", session_id="u1")))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def aclosed(agent: Any) -> None:
    events = agent.astream("Count to 500", session_id="u1")
    await anext(events)
    await events.aclose()


async def adropped(agent: Any) -> None:
    events = agent.astream("Count to 500", session_id="u1")
    await anext(events)
    del events
    gc.collect()


async def atimed_out(agent: Any) -> None:
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(acollect(agent.astream("Count to 500", session_id="u1")), 0.1)


async def await_cancelled(agent: Any) -> None:
    """Cancelled while waiting for its turn, in any phase of it."""
    holder = agent.astream("Count to 500", session_id="u1")
    await anext(holder)
    tasks = [asyncio.create_task(agent.aask("x", session_id="u1")) for _ in range(5)]
    await asyncio.sleep(0.05)
    for task in tasks[:4]:
        task.cancel()
    await asyncio.wait(tasks[:4])
    await holder.aclose()
    await asyncio.sleep(0.001)
    tasks[4].cancel()
    await asyncio.wait(tasks[4:])


async def acancelled_at_every_moment(agent: Any) -> None:
    for step in range(25):
        task = asyncio.create_task(acollect(agent.astream("Count to 5", session_id="u1")))
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize(
    "end",
    [acancelled, aclosed, adropped, atimed_out, await_cancelled, acancelled_at_every_moment],
)
async def test_the_session_is_given_back_by_tasks(
    sandbox: Sandbox, store: SessionStore, end: Callable[[Any], Any]
) -> None:
    agent = client(sandbox, "bluenexus", session_store=store)
    await agent.aask("hi", session_id="u1")
    sandbox.configure(word_delay=0.01)
    await end(agent)
    sandbox.configure(word_delay=0.0)
    await freed(agent)
    reply = await asyncio.wait_for(agent.aask("still there?", session_id="u1"), 5)
    assert reply.memory == "continued"


OUTLIVES = """
import asyncio, gc, sys, time
from remote_agents import BlueNexus, InMemorySessionStore, SQLSessionStore
class SlowStore(SQLSessionStore):
    def finish(self, *turn):
        time.sleep(0.3)
        return super().finish(*turn)
url, key, path = sys.argv[1:]
store = SlowStore(path) if path else InMemorySessionStore()
agent = BlueNexus(base_url=url, api_key=key, session_store=store)
loop = asyncio.new_event_loop()  # asyncio.run would end the generator; some programs do not
events = agent.astream("Count to 500", session_id="u1")
loop.run_until_complete(anext(events))
loop.close()
del events
gc.collect()
name = agent.agent.dialogue_keys_of("u1", {}, agent.agent.account())[1]
assert store.turnstile.enter(name).coming is None
assert [each.busy_since for each in store.read(name)] == [None]
"""


@pytest.mark.parametrize("kind", STORES[:2])
def test_an_answer_that_outlives_its_loop(sandbox: Sandbox, kind: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 's.db'}" if kind == "sqlite" else ""
    settings = sandbox.kwargs("bluenexus")
    sandbox.configure(word_delay=0.01)
    script = [sys.executable, "-c", OUTLIVES, settings["base_url"], settings["api_key"], url]
    assert subprocess.run(script, check=False).returncode == 0
    sandbox.configure(word_delay=0.0)


def test_a_process_that_is_forked_starts_with_no_one_waiting() -> None:
    script = """
import os
from remote_agents.memory.turnstile import Turnstile
turnstile = Turnstile()
place = turnstile.enter("u1")
if os.fork() == 0:
    os._exit(0 if turnstile.enter("u1").coming is None else 1)
assert turnstile.enter("u1").coming is not None
raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_first_come_first_served() -> None:
    turnstile, order = Turnstile(), []
    places = [turnstile.enter("k") for _ in range(5)]
    assert [place.coming is None for place in places] == [True, False, False, False, False]
    assert turnstile.enter("other").coming is None
    turnstile.leave("k", places[2])  # gave up
    for place in (places[0], places[1], places[3], places[4]):
        assert place.coming is None or place.coming.done()
        order.append(places.index(place))
        turnstile.leave("k", place)
        turnstile.leave("k", place)  # twice does no harm
    assert order == [0, 1, 3, 4]
    assert turnstile.enter("k").coming is None


def test_a_turn_that_was_given_up_takes_nothing() -> None:
    store = InMemorySessionStore()
    lease = Lease(store, "k", 1.0, lambda seconds: seconds)
    take = partial(lease._take, None, False)  # by a thread that is late
    lease.give_back()
    assert take() is False
    assert store.read("k") == []
