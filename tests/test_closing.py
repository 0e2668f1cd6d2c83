"""Leaving streams and closing agents: what is freed, and what goes on."""

import asyncio
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from remote_agents import (
    AgentConnectionError,
    AgentError,
    BlueNexus,
    TextDelta,
)
from remote_agents.http import pools
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way, asked
from tests.raw_server import (
    HOLD,
    Step,
    flood,
    head,
    serving,
    sockets_of,
)
from tests.transports import (
    DONE,
    KEY,
    WHOLE,
    asking,
    delta,
    each_kind,
    until,
)


@each_kind
@pytest.mark.parametrize("how", ["break", "close", "cancel"])
@pytest.mark.usefixtures("without_gc")
async def test_leaving_a_stream_frees_its_connection(kind: str, how: str) -> None:
    if (kind, how) == ("sync", "cancel"):
        how = "drop"
    with serving([head(), flood(delta("a"), 0.01)]) as server:
        async with asking(kind, server) as asker:
            leave = _leave_sync if kind == "sync" else _leave
            await leave(asker.agent, how)
            assert await until(lambda: server.left), "the server still sees its client"
            assert sockets_of(server.port) == 0


async def _leave(agent: BlueNexus, how: str) -> None:
    stream = agent.astream("Hi")
    if how == "cancel":
        task = asyncio.ensure_future(_read_all(stream))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return
    async for _ in stream:
        break
    if how == "close":
        await stream.aclose()


async def _read_all(stream: Any) -> None:
    async for _ in stream:
        pass


async def _leave_sync(agent: BlueNexus, how: str) -> None:
    def leave() -> None:
        stream = agent.stream("Hi")
        for _ in stream:
            if how == "break":
                break
            if how == "close":
                stream.close()
            if how == "drop":
                del stream
                break

    await asyncio.to_thread(leave)


@each_kind
@pytest.mark.usefixtures("without_gc")
async def test_a_failed_turn_leaves_no_garbage(kind: str) -> None:
    with serving([head(), delta("Hel")]) as server:
        async with asking(kind, server) as asker:
            # In this thread: what the future of another one holds is not ours.
            gone = _failed(asker.agent) if kind == "sync" else weakref.ref(await asker.fails())
            await asyncio.sleep(0.01)
            assert gone() is None


def _failed(agent: BlueNexus) -> weakref.ref[AgentError]:
    try:
        agent.ask("Hi")
    except AgentError as error:
        return weakref.ref(error)
    raise AssertionError


@each_kind
async def test_a_model_works_again_after_being_closed(kind: str) -> None:
    with serving(WHOLE) as server:
        async with asking(kind, server) as asker:
            assert await asker.ask(stream=False) == "Hello"
            asker.agent.close()
            await asker.agent.aclose()
            assert await asker.ask(stream=False) == "Hello"


async def test_closing_one_agent_leaves_the_others_their_connections() -> None:
    with serving(WHOLE) as server:
        async with asking("aiohttp", server) as one, asking("aiohttp", server) as two:
            assert [await one.ask(stream=False), await two.ask(stream=False)] == ["Hello"] * 2
            await one.agent.aclose()
            assert await two.ask(stream=False) == "Hello"
        assert server.connections == 1


class Meeting:
    """A lock at whose first release somebody else comes in."""

    def __init__(self, lock: Any, comes: Callable[[], object]) -> None:
        self.lock, self.comes = lock, [comes]

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *raised: object) -> None:
        self.lock.release()
        while self.comes:
            self.comes.pop()()


@pytest.mark.parametrize("awaited", [False, True], ids=["close", "aclose"])
@pytest.mark.usefixtures("fresh_pools")
def test_whoever_comes_while_the_last_one_leaves_is_given_an_open_client(awaited: bool) -> None:
    with serving([head(), delta("Hel"), 0.2, delta("lo"), DONE]) as server:
        first, second = (BlueNexus(base_url=server.url, api_key=KEY) for _ in range(2))
        assert first.ask("Hi").text == "Hello"
        events = second.stream("Hi")
        pools.pools._lock = Meeting(pools.pools._lock, lambda: next(events))
        asyncio.run(first.aclose()) if awaited else first.close()
        assert "".join(each.text for each in events if isinstance(each, TextDelta)) == "lo"
        second.close()


async def test_whoever_comes_while_another_client_is_closed_is_given_an_open_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow:
        closed = False

        async def aclose(self) -> None:
            await asyncio.sleep(0.05)
            self.closed = True

    class User: ...

    monkeypatch.setattr(pools, "_async_client", lambda route: Slow)
    ours, routes = pools.Pools(), [pools.Route(None, name) for name in ("one", "two")]
    one, two = User(), User()
    before = [await ours.async_client(one, route) for route in routes]
    leaving = asyncio.ensure_future(ours.aleave(one))
    await asyncio.sleep(0.02)
    after: Any = [await ours.async_client(two, route) for route in routes]
    await leaving
    assert [each.closed for each in [*before, *after]] == [True, True, False, False]
    assert [await ours.async_client(two, route) for route in routes] == after
    await ours.aleave(two)
    assert [each.closed for each in after] == [True, True]


async def test_clients_of_the_caller_are_left_open() -> None:
    with serving(WHOLE) as server:
        with httpx.Client() as client:
            async with httpx.AsyncClient() as async_client:
                settings = {"http_client": client, "http_async_client": async_client}
                async with BlueNexus(base_url=server.url, api_key=KEY, **settings) as agent:
                    await asyncio.to_thread(agent.ask, "Hi")
                    await agent.aask("Hi")
                assert not client.is_closed
                assert not async_client.is_closed
        agent = BlueNexus(base_url=server.url, api_key=KEY, max_retries=0, **settings)
        with pytest.raises(AgentConnectionError, match="closed"):
            agent.ask("Hi")
        with pytest.raises(AgentConnectionError, match="closed"):
            await agent.aask("Hi")


def test_ctrl_c_ends_a_stream_and_leaves_the_model_usable(sandbox: Sandbox) -> None:
    sandbox.stall_after(1)
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    begun = time.monotonic()
    threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        list(agent.stream("Hello"))
    assert time.monotonic() - begun < 1
    assert agent.ask("Hello").text
    agent.close()


def test_ctrl_c_ends_an_async_stream_too(sandbox: Sandbox) -> None:
    sandbox.stall_after(1)
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    begun = time.monotonic()
    threading.Timer(0.3, signal.pthread_kill, (threading.get_ident(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(_read_all(agent.astream("Hello")))
    assert time.monotonic() - begun < 1.2
    assert asyncio.run(agent.aask("Hello")).text


class TookTooLong(Exception):  # as a job queue's handler of a signal raises it
    """A job's time is over."""


def _end_job(number: int, frame: object) -> None:
    raise TookTooLong


@pytest.fixture
def job_queue() -> Iterator[Step]:
    """A step of a server, which ends the job that waits for it."""
    before, thread = signal.signal(signal.SIGUSR1, _end_job), threading.get_ident()
    yield lambda talk: signal.pthread_kill(thread, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("begun", [False, True], ids=["before the answer", "amid the answer"])
def test_what_a_signals_handler_raises_is_no_broken_connection(
    job_queue: Step, framework: str, streamed: bool, begun: bool
) -> None:
    arrived = [head(), delta("Hel")] if begun else []
    with serving([*arrived, job_queue, HOLD], WHOLE) as server:
        settings = {"base_url": server.url, "api_key": KEY, "agent_id": "a"}
        way = Way(framework, "bluenexus", streamed=streamed, awaited=False, **settings)
        with pytest.raises(TookTooLong):
            asked(way, "Hi")
        assert asked(way, "Hi").text == "Hello"
    assert len(server.requests) == 2
