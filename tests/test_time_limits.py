"""Time limits of a turn: which one ends it, and what came while nobody looked."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from remote_agents import (
    AGUI,
    AgentError,
    AgentTimeoutError,
    BlueNexus,
    CloudBase,
    Finish,
    MaiAgent,
    TextDelta,
    Timeout,
)
from remote_agents.client import Client
from remote_agents.http import deadlines, pools
from tests.raw_server import (
    HOLD,
    JSON,
    Step,
    flood,
    head,
    serving,
)
from tests.transports import (
    ANSWER,
    DONE,
    INTERIM,
    KEEPALIVE,
    KEY,
    WHOLE,
    asking,
    delta,
    each_kind,
    until,
    whole_body,
)

COUNTS = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\n'
SLOW: dict[str, tuple[list[Step], str, str]] = {
    "no headers": ([HOLD], "first_event", ""),
    "headers byte by byte": ([head()[:-2], flood(b"X", 0.02)], "first_event", ""),
    "interim answers": ([flood(INTERIM, 0.02)], "first_event", ""),
    "a flood of them, split": ([flood(INTERIM * 3000)], "first_event", ""),
    "keep-alives first": ([head(), flood(KEEPALIVE, 0.01)], "first_event", ""),
    "a flood of them first": ([head(), flood(KEEPALIVE * 50)], "first_event", ""),
    "silence": ([head(), delta("Hel"), HOLD], "idle", "Hel"),
    "keep-alives": ([head(), delta("Hel"), flood(KEEPALIVE, 0.01)], "idle", "Hel"),
    "a flood of them": ([head(), delta("Hel"), flood(KEEPALIVE * 50)], "idle", "Hel"),
    "pings": ([head(), delta("Hel"), flood(b"event: ping\ndata: {}\n\n", 0.01)], "idle", "Hel"),
    "pings in JSON": (
        [head(), delta("Hel"), flood(b'data: {"type":"ping"}\n\n', 0.01)],
        "idle",
        "Hel",
    ),
    "frames of no word": (
        [head(), delta("Hel"), flood(b'data: {"at":1}\n\n', 0.01)],
        "idle",
        "Hel",
    ),
    "nothing new": ([head(), delta("Hel"), flood(delta(""), 0.01)], "idle", "Hel"),
    "nothing new, nor an id": (
        [
            head(),
            b'data: {"id":"x","model":"m","choices":[{"delta":{"content":"Hel"}}]}\n\n',
            flood(b'data: {"choices":[]}\n\n', 0.01),
        ],
        "idle",
        "Hel",
    ),
    "counts again": (
        [head(), delta("Hel"), flood(COUNTS, 0.01)],
        "idle",
        "Hel",
    ),
    "heartbeats": (
        [head(), flood(b'event: heartbeat\ndata: {"n":1}\n\n', 0.01)],
        "first_event",
        "",
    ),
    "blanks before JSON": ([head(JSON), flood(b"\n", 0.01)], "first_event", ""),
    "a flood of blanks": ([head(JSON), flood(b" " * 4096)], "first_event", ""),
    "half of a JSON body": ([head(JSON), b'{"choices": [', HOLD], "idle", ""),
    "drips of a JSON body": ([head(JSON), b'{"choices": ["', flood(b"a", 0.01)], "idle", ""),
    "drips of a page": ([head("text/html"), b"<html>", flood(b"a", 0.01)], "idle", ""),
    "blanks in a JSON body": ([head(JSON), b'{"choices": [', flood(b" ", 0.01)], "idle", ""),
}


@each_kind
@pytest.mark.parametrize("what", SLOW)
async def test_the_phases_of_a_slow_answer(kind: str, what: str) -> None:
    script, phase, partial = SLOW[what]
    with serving(script) as server:
        limits = Timeout(first_event=0.4, idle=0.3)
        async with asking(kind, server, timeout=limits, max_retries=2) as asker:
            begun = time.monotonic()
            error = await asker.fails()
        assert isinstance(error, AgentTimeoutError), error
        assert (error.phase, error.partial) == (phase, partial)
        assert 0.25 < time.monotonic() - begun < 1.5
        assert len(server.requests) == 1


NOTHING_NEW: dict[type[Client], tuple[bytes, bytes]] = {
    CloudBase: (
        b'data: {"type":"text","content":"Hel"}\n\n',
        b'data: {"type":"text","content":"","finish_reason":"continue"}\n\n',
    ),
    AGUI: (
        b'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"Hel"}\n\n',
        b'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":""}\n\n',
    ),
}


@each_kind
@pytest.mark.parametrize("make", NOTHING_NEW)
async def test_a_piece_without_a_letter_is_no_event(kind: str, make: type[Client]) -> None:
    piece, empty = NOTHING_NEW[make]
    own = {"env_id": "e", "agent_id": "a"} if make is CloudBase else {}
    with serving([head(), piece, flood(empty, 0.01)]) as server:
        limits = Timeout(first_event=0.4, idle=0.3, total=3)
        async with asking(kind, server, make, timeout=limits, **own) as asker:
            error = await asker.fails()
        assert isinstance(error, AgentTimeoutError), error
        assert (error.phase, error.partial) == ("idle", "Hel")


@each_kind
async def test_a_body_may_take_longer_than_the_idle_limit(kind: str) -> None:
    body = whole_body("a" * 60_000)
    pieces = [step for at in range(0, len(body), 10_000) for step in (body[at : at + 10_000], 0.1)]
    with serving([head(JSON, length=len(body)), *pieces]) as server:
        async with asking(kind, server, timeout=Timeout(idle=0.4)) as asker:
            assert await asker.ask() == "a" * 60_000


@pytest.mark.parametrize("awaited", [False, True])
def test_a_download_in_drips_is_idle(awaited: bool, tmp_path: Path) -> None:
    with serving([head("application/zip"), b"PK", flood(b"a", 0.01)]) as server:
        agent = MaiAgent(base_url=server.url, agent_id="a", api_key="k", timeout=Timeout(idle=0.3))
        export: Any = agent.records.aexport_excel if awaited else agent.records.export_excel
        target, begun = tmp_path / "r.xlsx", time.monotonic()
        exporting = partial(export, target, start="2025-01-01", end="2025-01-02")
        with pytest.raises(AgentTimeoutError, match="idle"):
            asyncio.run(exporting()) if awaited else exporting()
        assert time.monotonic() - begun < 5
        assert not target.exists()
        agent.close()


@each_kind
@pytest.mark.parametrize(
    "script",
    [
        [HOLD],
        [head(), HOLD],
        [head(), flood(delta("a"), 0.02)],
        [head(), flood(delta("a") * 50)],
        [head(), flood(KEEPALIVE * 50)],
        [head(JSON), flood(b" " * 999)],
    ],
)
async def test_the_whole_turn_has_a_limit(kind: str, script: list[Step]) -> None:
    with serving(script) as server:
        async with asking(kind, server, timeout=Timeout(total=0.4)) as asker:
            begun = time.monotonic()
            error = await asker.fails()
            took = time.monotonic() - begun
    assert isinstance(error, AgentTimeoutError)
    assert error.phase == "total"
    assert 0.35 < took < 1.5


@pytest.mark.usefixtures("fresh_pools")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_first_turn_of_a_loop_waits_for_no_thread_of_the_applications(
    streamed: bool,
) -> None:
    loop, over = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, over.wait, 9)
    with serving(ANSWER if streamed else WHOLE) as server:
        async with asking("aiohttp", server, timeout=Timeout(total=6)) as asker:
            assert await asker.ask(stream=streamed) == "Hello"
    assert not busy.done()
    over.set()
    await busy


@pytest.mark.usefixtures("fresh_pools")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_limits_hold_for_the_making_of_a_client(
    streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_async_client", lambda route: time.sleep(3))
    with serving(WHOLE) as server:
        async with asking("aiohttp", server, timeout=Timeout(total=0.4)) as asker:
            begun = time.monotonic()
            error = await asker.fails(stream=streamed)
            took = time.monotonic() - begun
    assert isinstance(error, AgentTimeoutError)
    assert (error.phase, error.safe_to_repeat) == ("connect", True)
    assert "Timeout(total=" in str(error)
    assert 0.35 < took < 2


def test_the_limits_hold_once_a_thread_can_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "_watchdog", deadlines._Watchdog())
    begin, limit = threading.Thread.start, Timeout(first_event=0.3)

    def full(thread: threading.Thread) -> None:
        if thread.name == "remote-agents-deadlines":
            raise RuntimeError("can't start new thread")  # as in a container that may have no more
        begin(thread)

    with serving(ANSWER, [head(), HOLD]) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY, timeout=limit)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", full)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                list(agent.stream("Hi"))
        with pytest.raises(AgentTimeoutError):
            list(agent.stream("Hi"))


@each_kind
async def test_the_first_event_counts_from_sending(kind: str) -> None:
    with serving([0.4, head(), HOLD]) as server:
        async with asking(kind, server, timeout=Timeout(first_event=0.6)) as asker:
            begun = time.monotonic()
            await asker.fails()
            took = time.monotonic() - begun
    assert took < 0.9


@each_kind
async def test_the_time_that_the_caller_takes_is_his(kind: str) -> None:
    with serving([head(), delta("a"), 0.8, delta("b"), DONE]) as server:
        async with asking(kind, server, timeout=Timeout(idle=0.4)) as asker:
            if kind == "sync":
                assert await asyncio.to_thread(_slowly, asker.agent) == "ab"
                return
            text = ""
            async for event in asker.agent.astream("Hi"):
                if isinstance(event, TextDelta):
                    text += event.text
                    await asyncio.sleep(0.6)
            assert text == "ab"


def _slowly(agent: BlueNexus) -> str:
    text = ""
    for event in agent.stream("Hi"):
        if isinstance(event, TextDelta):
            text += event.text
            time.sleep(0.6)
    return text


async def test_a_cancellation_at_the_deadline_wins() -> None:
    with serving([head(), HOLD]) as server:
        async with asking("aiohttp", server, timeout=Timeout(first_event=0.2)) as asker:
            for wait in (0.18, 0.19, 0.2, 0.205):
                task = asyncio.ensure_future(asker.ask())
                await asyncio.sleep(wait)
                asyncio.get_running_loop().call_later(0.002, task.cancel)
                await asyncio.wait([task])
                assert task.cancelled() or isinstance(task.exception(), AgentTimeoutError)
                if not task.cancelled():
                    assert getattr(task, "cancelling", lambda: 0)() == 0


async def test_a_cancellation_in_the_moment_of_the_alarm_wins() -> None:
    from remote_agents.http.deadlines import Alarm

    async def wait(first: str) -> None:
        alarm, task = Alarm(), asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        moment = loop.time() + 0.05  # the loop's clock is time.monotonic
        waits_for = loop.create_future()
        if first == "outside":
            loop.call_at(moment - 0.001, lambda: (time.sleep(0.01), task.cancel()))
        else:  # the alarm has cancelled what the task waits for, and the task has not heard of it
            waits_for.add_done_callback(lambda _: task.cancel())
        await alarm.before(moment, waits_for)

    for first in ("outside", "alarm"):
        task = asyncio.ensure_future(wait(first))
        await asyncio.wait([task])
        assert task.cancelled(), first


async def test_a_deadline_works_in_a_task_that_was_cancelled_before() -> None:
    with serving([head(), HOLD]) as server:
        async with asking("aiohttp", server, timeout=Timeout(first_event=0.2)) as asker:

            async def clean_up() -> AgentError:
                try:
                    await asyncio.sleep(9)
                except asyncio.CancelledError:
                    return await asker.fails()
                raise AssertionError

            task = asyncio.ensure_future(clean_up())
            await asyncio.sleep(0.01)
            task.cancel()
            assert isinstance(await task, AgentTimeoutError)


LONG = "Hello" * 8_000  # as much as lies in a socket that nobody reads
BODY = whole_body(LONG)
LATE: dict[str, list[Step]] = {
    "a stream": [0.1, head(), *(KEEPALIVE * 9, delta("Hello"), 0.02) * 3, delta(LONG), DONE],
    "a body": [0.1, head(JSON, length=len(BODY)), BODY[:9], 0.02, BODY[9:]],
}


@pytest.mark.parametrize("script", LATE)
@pytest.mark.parametrize("limits", [Timeout(first_event=0.3, idle=0.3), Timeout(total=0.3)])
@pytest.mark.parametrize("kind", ["aiohttp", "httpx"])
async def test_an_answer_that_came_while_the_loop_was_busy_is_not_lost(
    kind: str, limits: Timeout, script: str
) -> None:
    with serving(LATE[script]) as server:
        async with asking(kind, server, timeout=limits) as asker:
            task = asyncio.ensure_future(asker.ask())
            await until(lambda: server.requests)
            time.sleep(0.6)  # noqa: ASYNC251 - other code of the application
            assert (await task).endswith(LONG)


@each_kind
async def test_an_answer_that_lay_there_when_the_time_was_over_is_not_lost(kind: str) -> None:
    with serving([head(), delta("Hello"), 0.1, delta(LONG), delta("!"), DONE]) as server:
        async with asking(kind, server, timeout=Timeout(total=0.6)) as asker:
            if kind == "sync":
                events = asker.agent.stream("Hi")
                await asyncio.to_thread(next, events)
                await asyncio.sleep(0.7)
                rest = await asyncio.to_thread(list, events)
            else:
                aevents = asker.agent.astream("Hi")
                await anext(aevents)
                await asyncio.sleep(0.7)
                rest = [event async for event in aevents]
            assert isinstance(rest[-1], Finish)
            assert rest[-1].reply.text == f"Hello{LONG}!"
