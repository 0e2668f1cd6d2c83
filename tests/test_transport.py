import asyncio
import gc
import gzip
import json
import multiprocessing
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import remote_agents
from remote_agents import (
    AgentConnectionError,
    AgentError,
    AgentStatusError,
    AgentTimeoutError,
    BlueNexus,
    CloudBase,
    Finish,
    MaiAgent,
    StreamInterruptedError,
    StreamProtocolError,
    TextDelta,
    Timeout,
)
from remote_agents.client import Client
from remote_agents.http import pools
from remote_agents.sandbox import Sandbox
from remote_agents.turns import reading, sending
from tests import certificates
from tests.certificates import Authority
from tests.raw_server import (
    CLOSE,
    EVENTS,
    HOLD,
    JSON,
    RESET,
    Step,
    flood,
    head,
    serving,
    sockets_of,
)
from tests.transports import DONE, KEY, asking, delta, each_kind, finished

REPLY = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})
WHOLE = [head(JSON, length=len(REPLY)), REPLY.encode()]
ANSWER = [head(length=len(delta("Hello") + DONE)), delta("Hello") + DONE]


async def until(check: Callable[[], Any], seconds: float = 3.0) -> bool:
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:  # noqa: ASYNC110 - any check
        await asyncio.sleep(0.01)
    return bool(check())


# --- a turn is never posted twice ---------------------------------------------------------------


BROKEN: dict[str, tuple[list[Step], type[AgentError]]] = {
    "closed before the response": ([], StreamInterruptedError),
    "reset before the response": ([RESET], StreamInterruptedError),
    "closed in the headers": ([b"HTTP/1.1 200 OK\r\nContent-"], StreamInterruptedError),
    "closed before an event": ([head(length=99), CLOSE], StreamInterruptedError),
    "reset before an event": ([head(), RESET], StreamInterruptedError),
    "closed in an event": ([head(length=99), delta("H")[:20], CLOSE], StreamInterruptedError),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], StreamProtocolError),
    "a bad chunk": (
        [head(EVENTS, "200 OK", "Transfer-Encoding: chunked") + b"zz\r\nnonsense"],
        StreamProtocolError,
    ),
    "a bad chunk by itself": (
        [head(EVENTS, "200 OK", "Transfer-Encoding: chunked"), 0.05, b"zz\r\nnonsense", HOLD],
        StreamProtocolError,
    ),
    "10 MB of headers": (
        [b"HTTP/1.1 200 OK\r\n", *[b"X-%d: %s\r\n" % (n, b"a" * 65000) for n in range(160)]],
        StreamProtocolError,
    ),
    "endless headers": (
        [b"HTTP/1.1 200 OK\r\n", flood(b"X-Filler: aaaa\r\n")],
        StreamProtocolError,
    ),
    "silence": ([HOLD], AgentTimeoutError),
    "silence after the headers": ([head(), HOLD], AgentTimeoutError),
}


@each_kind
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", BROKEN)
async def test_a_turn_that_may_run_is_posted_once(kind: str, stream: bool, fault: str) -> None:
    script, expected = BROKEN[fault]
    with serving(script) as server:
        limits = Timeout(first_event=0.3 if "silence" in fault else 20)
        async with asking(kind, server, timeout=limits, max_retries=3) as asker:
            error = await asker.fails(stream=stream)
        assert type(error) is expected, error
        assert not error.safe_to_repeat
        assert len(server.requests) == 1


@each_kind
async def test_nothing_was_sent_where_nobody_listens(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with asking(kind, f"http://127.0.0.1:{port}", max_retries=1) as asker:
        begun = time.monotonic()
        error = await asker.fails()
    assert type(error) is AgentConnectionError
    assert error.safe_to_repeat
    assert "Timeout" not in str(error)
    assert time.monotonic() - begun > 0.3  # it tried again


@each_kind
async def test_a_host_that_does_not_answer_is_a_connect_timeout(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:  # a full backlog: the kernel drops whoever comes now
            filler.setblocking(False)
            filler.connect_ex(address)
        limits = Timeout(connect=0.3, first_event=0.3)
        async with asking(kind, f"http://127.0.0.1:{address[1]}", timeout=limits) as asker:
            error = await asker.fails()
        for filler in fillers:
            filler.close()
    assert isinstance(error, AgentTimeoutError)
    assert (error.phase, error.safe_to_repeat) == ("connect", True)


@each_kind
async def test_a_connection_that_the_server_closed_meanwhile_is_not_used(kind: str) -> None:
    with serving(
        [*WHOLE, 0.05, lambda talk: talk.sock.shutdown(socket.SHUT_RDWR)], WHOLE
    ) as server:
        async with asking(kind, server) as asker:
            assert await asker.ask(stream=False) == "Hello"
            await asyncio.sleep(0.2)
            assert await asker.ask(stream=False) == "Hello"
        assert (len(server.requests), server.connections) == (2, 2)


@each_kind
async def test_a_connection_is_used_again(kind: str) -> None:
    with serving(ANSWER, WHOLE) as server:
        async with asking(kind, server) as asker:
            assert [await asker.ask(), await asker.ask(stream=False)] == ["Hello", "Hello"]
        assert (len(server.requests), server.connections) == (2, 1)


# --- time limits ---------------------------------------------------------------------------------

PACKED = head(EVENTS, "200 OK", "Content-Encoding: gzip")
PACKED_JSON = head(JSON, "200 OK", "Content-Encoding: gzip")
DEFLATED_JSON = head(JSON, "200 OK", "Content-Encoding: deflate")
BOM = b"\xef\xbb\xbf"
PRETTY = json.dumps(json.loads(REPLY), indent=2).encode()
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"


def whole_body(text: str) -> bytes:
    """An answer in one object."""
    return b'{"choices":[{"message":{"content":"%s"},"finish_reason":"stop"}]}' % text.encode()


KEEPALIVE = b": keep-alive\n\n"
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
    assert isinstance(error, AgentTimeoutError)
    assert error.phase == "total"
    assert 0.35 < time.monotonic() - begun < 1.5


@each_kind
async def test_the_first_event_counts_from_sending(kind: str) -> None:
    with serving([0.4, head(), HOLD]) as server:
        async with asking(kind, server, timeout=Timeout(first_event=0.6)) as asker:
            begun = time.monotonic()
            await asker.fails()
    assert time.monotonic() - begun < 0.9


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


# --- where an answer ends ------------------------------------------------------------------------

ENDS: dict[str, list[Step]] = {
    "[DONE], then held open": [head(), delta("Hello"), DONE, HOLD],
    "[DONE], then keep-alives": [head(), delta("Hello"), DONE, flood(KEEPALIVE, 0.01)],
    "[DONE], then a flood": [head(), delta("Hello"), DONE, flood(KEEPALIVE * 50)],
    "[DONE], then a reset": [head(), delta("Hello"), DONE, RESET],
    "[DONE], then more": [head(), delta("Hello"), DONE, delta("!"), DONE],
    "[DONE], then a bad length": [head(length=9999), delta("Hello"), DONE, CLOSE],
    "finished, then the end": [head(), delta("Hello"), finished()],
    "finished, then held open": [head(), delta("Hello"), finished(), HOLD],
    "finished, then keep-alives": [head(), delta("Hello"), finished(), flood(KEEPALIVE, 0.01)],
    "finished, then a reset": [head(), delta("Hello"), finished(), RESET],
    "no empty line at the end": [head(), delta("Hello"), DONE.strip()],
    "JSON lines": [head(), b'{"choices":[{"delta":{"content":"Hello"}}]}\n[DONE]\n'],
    "a stream said to be JSON": [head(JSON), delta("Hello"), DONE],
    "JSON lines said to be JSON": [head(JSON), delta("Hel")[6:], delta("lo")[6:], b"[DONE]"],
    "JSON in a stream's clothes": [head(), REPLY.encode()],
    "JSON, unasked": WHOLE,
    "JSON with a BOM": [head(JSON), b"\xef\xbb\xbf" + REPLY.encode()],
    "problem+json": [head("application/problem+json"), REPLY.encode()],
    "pieces of letters": [head(), *(bytes([b]) for b in delta("Hello") + DONE)],
    "raw line breaks": [head(), delta("Hello").replace(b": {", b": {\n\n"), DONE],
    "packed": [PACKED, gzip.compress(delta("Hello") + DONE)],
    "packed, each by itself": [PACKED, gzip.compress(delta("Hello")), b"\0", gzip.compress(DONE)],
    "packed and never ended": [PACKED, gzip.compress(delta("Hello") + DONE + b" " * 99)[:-9]],
    "packed as none": [head(EVENTS, "200 OK", "Content-Encoding: none"), delta("Hello"), DONE],
    "packed as UTF-8": [head(EVENTS, "200 OK", "Content-Encoding: UTF-8"), delta("Hello"), DONE],
    "pretty JSON as text": [head("text/plain"), PRETTY],
    "pretty JSON, as it says": [head(JSON), BOM, b"\n", PRETTY],
    "pretty JSON as events": [head(), PRETTY[:30], 0.02, PRETTY[30:]],
    "events as a page": [head("text/html"), delta("Hello"), DONE],
    "packed JSON": [PACKED_JSON, gzip.compress(REPLY.encode())],
    "deflated JSON": [DEFLATED_JSON, zlib.compress(REPLY.encode())],
}  # fmt: skip


@each_kind
@pytest.mark.parametrize("how", ENDS)
async def test_an_answer_ends(kind: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LINGER_AFTER_FINISH", 0.4)
    with serving(ENDS[how]) as server:
        async with asking(kind, server) as asker:
            begun = time.monotonic()
            assert await asker.ask() == "Hello"
            assert time.monotonic() - begun < 0.9


CUT: dict[str, tuple[list[Step], type[AgentError], str]] = {
    "the end": ([head(), delta("Hel")], StreamInterruptedError, "Hel"),
    "nothing": ([head()], StreamInterruptedError, ""),
    "no body": ([head(length=0)], StreamInterruptedError, ""),
    "empty JSON": ([head(JSON, length=0)], StreamInterruptedError, ""),
    "half of a JSON body": ([head(JSON), REPLY[:40].encode()], StreamProtocolError, ""),
    "a web page": ([head("text/html"), b"<title>Sign in</title>"], StreamProtocolError, ""),
    "a reset": ([head(), delta("Hel"), RESET], StreamInterruptedError, "Hel"),
    "no JSON": ([head(), delta("Hel"), b"data: lo\n\n", DONE], StreamProtocolError, "Hel"),
    "half of JSON": ([head(), delta("Hel"), b"data: {,\n\n", DONE], StreamProtocolError, "Hel"),
    "an error event": (
        [head(), delta("Hel"), b'event: error\ndata: {"message": "boom"}\n\n'],
        remote_agents.RemoteFailureError,
        "Hel",
    ),
    "an error event of text": (
        [head(), delta("Hel"), b"event: error\ndata: boom\n\n", DONE],
        remote_agents.RemoteFailureError,
        "Hel",
    ),
    "an error frame": (
        [head(), delta("Hel") + b'data: {"error": "boom"}\n\n' + DONE],
        remote_agents.RemoteFailureError,
        "Hel",
    ),
    "finish_reason error": (
        [head(), delta("Hel"), finished("error"), DONE],
        remote_agents.RemoteFailureError,
        "Hel",
    ),
    "an error beside a piece": (
        [
            head(),
            delta("Hel"),
            b'data: {"choices":[{"delta":{"content":"lo"},"error":{"message":"boom"}}]}\n\n',
            DONE,
        ],
        remote_agents.RemoteFailureError,
        "Hello",
    ),
    "an error in a whole answer": (
        [
            head(JSON),
            b'{"choices":[{"message":{"content":"Hello"},"finish_reason":"error"}]}',
        ],
        remote_agents.RemoteFailureError,
        "Hello",
    ),
    "429 in 200": (
        [head(JSON), b'{"statusCode": 429, "message": "Too Many Requests"}'],
        remote_agents.RateLimitError,
        "",
    ),
    "an endless line": ([head(), delta("a"), flood(b"data: " * 9999)], StreamProtocolError, "a"),
    "an endless event": ([head(), delta("a"), flood(b"data:\n" * 9999)], StreamProtocolError, "a"),
    "an endless comment": ([head(), flood(b":" * 65536)], StreamProtocolError, ""),
    "an endless body": ([head(JSON), b'{"a": "', flood(b"a" * 65536)], StreamProtocolError, ""),
    "brotli": (
        [head(EVENTS, "200 OK", "Content-Encoding: br"), delta("Hello"), DONE],
        StreamProtocolError,
        "",
    ),
    "gzip in gzip": (
        [
            head(EVENTS, "200 OK", "Content-Encoding: gzip, gzip"),
            gzip.compress(gzip.compress(b"a" * 10_000_000)),
        ],
        StreamProtocolError,
        "",
    ),
    "gzip, cut": (
        [PACKED, gzip.compress(delta("Hello") + b" " * 99)[:-9]],
        StreamInterruptedError,
        "Hello",
    ),
    "no gzip behind gzip": (
        [PACKED, gzip.compress(delta("Hello")), delta("lo")],
        StreamProtocolError,
        "Hello",
    ),
    "a page as events": (
        [head(), b"<!doctype html>\n", b"<title>Sign in</title>"],
        StreamProtocolError,
        "",
    ),
    "a page as JSON": ([head(JSON), b"  <html></html>"], StreamProtocolError, ""),
    "no gzip": (
        [PACKED, delta("Hello"), DONE],
        StreamProtocolError,
        "",
    ),
}  # fmt: skip


@each_kind
@pytest.mark.parametrize("how", CUT)
async def test_an_answer_that_is_not_whole_is_an_error(kind: str, how: str) -> None:
    script, expected, partial = CUT[how]
    with serving(script) as server:
        bounds = {"max_event_bytes": 1 << 20, "max_body_bytes": 1 << 21}
        async with asking(kind, server, **bounds) as asker:
            error = await asker.fails()
        assert type(error) is expected, error
        assert (error.partial, error.endpoint) == (partial, "bluenexus")
        assert len(server.requests) == 1


CHUNKED = head(EVENTS, "200 OK", "Transfer-Encoding: chunked")
SAID = b'data: {"type":"text","content":"Hel"}\n\n'
BROKEN_OFF: dict[str, list[Step]] = {
    "reset": [head(), SAID, RESET],
    "reset at once": [head() + SAID, lambda talk: talk.reset(0)],
    "closed before its length": [head(length=999), SAID, CLOSE],
    "closed before its last chunk": [CHUNKED + b"%x\r\n%b\r\n" % (len(SAID), SAID), CLOSE],
    "closed in a chunk": [CHUNKED + b"fff\r\n" + SAID, CLOSE],
    "a bad chunk": [CHUNKED + b"%x\r\n%b\r\n" % (len(SAID), SAID), 0.05, b"zz\r\n", HOLD],
}


@each_kind
async def test_the_end_of_the_connection_may_end_an_answer_of_cloudbase(kind: str) -> None:
    with serving([head(), SAID]) as server:
        async with asking(kind, server, CloudBase, agent_id="a", env_id="e") as asker:
            assert await asker.ask() == "Hel"


@each_kind
@pytest.mark.parametrize("how", BROKEN_OFF)
async def test_a_connection_that_breaks_ends_no_answer(kind: str, how: str) -> None:
    with serving(BROKEN_OFF[how]) as server:
        async with asking(kind, server, CloudBase, agent_id="a", env_id="e") as asker:
            error = await asker.fails()
        assert isinstance(error, (StreamInterruptedError, StreamProtocolError)), error
        assert isinstance(error, StreamProtocolError) == (how == "a bad chunk")
        assert len(server.requests) == 1


@each_kind
async def test_what_came_before_the_break_is_not_lost(kind: str) -> None:
    for tail in (RESET, CLOSE):
        with serving([head(length=999), delta("H"), 0.05, delta("el"), tail]) as server:
            async with asking(kind, server) as asker:
                read = _take_slowly if kind == "sync" else _atake_slowly
                with pytest.raises(StreamInterruptedError) as caught:
                    await read(asker.agent)
        assert caught.value.partial == "Hel"


async def _take_slowly(agent: Client) -> None:
    def take() -> None:
        for _ in agent.stream("Hi"):
            time.sleep(0.2)

    await asyncio.to_thread(take)


async def _atake_slowly(agent: Client) -> None:
    async for _ in agent.astream("Hi"):
        await asyncio.sleep(0.2)


@cache
def bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"a" * (1 << 20)
    return packer.compress(b'{"a": "') + b"".join(packer.compress(block) for _ in range(300))


@each_kind
@pytest.mark.parametrize("media", [EVENTS, JSON])
async def test_a_bomb_does_not_unpack(kind: str, media: str) -> None:
    packed = bomb()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving([head(media, "200 OK", "Content-Encoding: gzip"), packed, HOLD]) as server:
        async with asking(kind, server, max_body_bytes=8 << 20) as asker:
            assert type(await asker.fails()) is StreamProtocolError
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 48 << 10  # kB; unpacked it is 300 MB


@each_kind
async def test_stop_cuts_across_borders_and_frees_the_connection(kind: str) -> None:
    script = [head(), delta("one E"), delta("N"), delta("D two"), HOLD]
    with serving(script) as server:
        async with asking(kind, server) as asker:
            begun = time.monotonic()
            assert await asker.ask(stop=["END"]) == "one "
            assert time.monotonic() - begun < 0.5
            assert await until(lambda: server.left)


@each_kind
async def test_what_may_begin_a_stop_sequence_is_not_lost(kind: str) -> None:
    with serving([head(length=999), delta("one E"), delta("N"), CLOSE]) as server:
        async with asking(kind, server) as asker:
            error = await asker.fails(stop=["END"])
    assert error.partial == "one EN"


@each_kind
async def test_a_broken_error_body_does_not_hide_the_status(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ERROR_BODY_WAIT", 0.2)
    for tail in (HOLD, RESET, flood(b"a" * 65536)):
        with serving([head(JSON, "503 Unavailable"), b'{"mess', tail]) as server:
            async with asking(kind, server) as asker:
                error = await asker.fails()
        assert isinstance(error, remote_agents.ServerError)
        assert error.status_code == 503


# --- closing -------------------------------------------------------------------------------------


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


# --- loops, threads, processes -------------------------------------------------------------------


def test_fifty_loops_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "pools", pools.Pools())
    with serving(WHOLE) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY)
        for _ in range(50):
            assert str(asyncio.run(agent.aask("Hi"))) == "Hello"
        gc.collect()
        assert len(pools.pools._loops) == 0
        assert sockets_of(server.port) == 0


def test_loops_that_were_closed_without_ceremony_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pools, "pools", pools.Pools())
    with serving(WHOLE) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY)
        gone = []
        for _ in range(3):
            loop = asyncio.new_event_loop()
            assert str(loop.run_until_complete(agent.aask("Hi"))) == "Hello"
            loop.run_until_complete(agent.aclose())
            loop.close()
            gone.append(weakref.ref(loop))
            del loop
        asyncio.run(agent.aask("Hi"))
        gc.collect()
        assert [loop() for loop in gone] == [None] * 3


LOOP_LEFT_AS_IT_IS = """
import asyncio, sys
from remote_agents import BlueNexus

agent = BlueNexus(base_url=sys.argv[1], api_key="k")
for closed in (True, True, False):
    loop = asyncio.new_event_loop()
    print(loop.run_until_complete(agent.aask("Hi")))
    if closed:
        loop.close()
"""


def test_a_loop_that_nobody_shuts_down_brings_no_complaint() -> None:
    with serving(WHOLE) as server:
        command = [sys.executable, "-c", LOOP_LEFT_AS_IT_IS, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout.split(), done.stderr) == (["Hello"] * 3, "")


def test_sixteen_threads_with_their_own_loops_and_one_agent() -> None:
    with serving(ANSWER) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY)

        def work(number: int) -> list[str]:
            if number % 2:
                return [str(agent.ask("Hi")) for _ in range(5)]
            return [str(asyncio.run(agent.aask("Hi"))) for _ in range(5)]

        with ThreadPoolExecutor(16) as threads:
            assert list(threads.map(work, range(16))) == [["Hello"] * 5] * 16
        agent.close()


def _ask_in_child(agent: BlueNexus, answers: Any) -> None:
    answers.put([str(agent.ask("Hi")), str(asyncio.run(agent.aask("Hi")))])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_speaks_on_its_own_connections() -> None:
    with serving(WHOLE) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY, timeout=Timeout(first_event=5))
        assert str(agent.ask("Hi")) == "Hello"
        context = multiprocessing.get_context("fork")
        answers = context.Queue()
        child = context.Process(target=_ask_in_child, args=(agent, answers))
        child.start()
        assert answers.get(timeout=10) == ["Hello", "Hello"]
        child.join(10)
        assert child.exitcode == 0
        assert str(agent.ask("Hi")) == "Hello"
        assert server.connections == 3  # one of the parent, used twice, and two of the child
        agent.close()


def _ask(agent: BlueNexus) -> str:
    return str(agent.ask("Hi"))


def test_an_agent_works_in_a_pool_of_processes() -> None:
    with serving(WHOLE) as server:
        agent = BlueNexus(base_url=server.url, api_key=KEY)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
            assert list(processes.map(_ask, [agent] * 4)) == ["Hello"] * 4


# --- interrupts ----------------------------------------------------------------------------------


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


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Authority:
    return certificates.authority()


@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
async def test_a_private_authority_is_trusted_by_its_file(kind: str, authority: Authority) -> None:
    with serving(ANSWER, context=authority.server) as server:
        async with asking(kind, server, verify=authority.path) as asker:
            assert await asker.ask() == "Hello"


@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
async def test_an_unknown_authority_is_refused_before_anything_is_sent(
    kind: str, authority: Authority
) -> None:
    with serving(ANSWER, context=authority.server) as server:
        for settings in ({}, {"verify": None}, {"verify": True}):
            async with asking(kind, server, **settings) as asker:
                error = await asker.fails()
            assert type(error) is AgentConnectionError
            assert "verify=" in str(error)
        assert server.requests == []


def test_an_authority_that_cannot_be_read_is_named() -> None:
    agent = BlueNexus(base_url="https://127.0.0.1:1", api_key=KEY, verify="/no/such/ca.pem")
    with pytest.raises(remote_agents.ConfigurationError, match=r"/no/such/ca\.pem"):
        agent.ask("Hi")
    with pytest.raises(remote_agents.ConfigurationError, match=r"/no/such/ca\.pem"):
        asyncio.run(agent.aask("Hi"))


@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
@pytest.mark.parametrize("tail", [HOLD, flood(KEEPALIVE, 0.01)])
async def test_deadlines_work_under_tls(kind: str, tail: Step, authority: Authority) -> None:
    with serving([head(), delta("Hel"), tail], ANSWER, context=authority.server) as server:
        limits = Timeout(idle=0.3)
        async with asking(kind, server, verify=authority.path, timeout=limits) as asker:
            error = await asker.fails()
            assert isinstance(error, AgentTimeoutError)
            assert (error.phase, error.partial) == ("idle", "Hel")
            assert await asker.ask() == "Hello"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the TLS of asyncio is another one")
async def test_the_memory_of_a_stream_under_tls(authority: Authority) -> None:
    with serving([head(), delta("Hel"), HOLD], context=authority.server) as server:
        async with asking("aiohttp", server, verify=authority.path) as asker:
            streams = [asker.agent.astream("Hi") for _ in range(20)]
            await anext(streams[0])  # imports what the first request needs
            tracemalloc.start()
            await asyncio.gather(*(anext(stream) for stream in streams[1:]))
            held = tracemalloc.take_snapshot()
            tracemalloc.stop()
            for stream in streams:
                await stream.aclose()
    # The server is in this process too; it reads with `ssl`, the client with asyncio.
    ours = [trace for trace in held.traces if trace.traceback[0].filename != ssl.__file__]
    assert sum(trace.size for trace in ours) / len(streams) < 64 * 1024


# --- what is not followed, not kept --------------------------------------------------------------


@each_kind
async def test_redirects_are_not_followed(kind: str) -> None:
    with serving(WHOLE) as other:
        for status in ("301 Moved", "307 Temporary", "308 Permanent"):
            answer = head(JSON, status, f"Location: {other.url}/x?token=abc", length=0)
            with serving([answer]) as server:
                async with asking(kind, server) as asker:
                    error = await asker.fails()
            assert type(error) is AgentStatusError
            assert other.url in str(error)
            assert "token=abc" not in str(error)
        assert other.requests == []


async def test_redirects_are_not_followed_by_the_callers_clients_either() -> None:
    with serving(WHOLE) as other:
        answer = head(JSON, "307 Temporary", f"Location: {other.url}/", length=0)
        with serving([answer]) as server, httpx.Client(follow_redirects=True) as client:
            agent = BlueNexus(base_url=server.url, api_key=KEY, http_client=client)
            with pytest.raises(AgentStatusError):
                await asyncio.to_thread(agent.ask, "Hi")
        assert other.requests == []


@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
async def test_cookies_are_not_kept(kind: str) -> None:
    reply = [head(JSON, "200 OK", "Set-Cookie: session=of-the-first-account", length=len(REPLY))]
    with serving([*reply, REPLY.encode()]) as server:
        url = server.url.replace("127.0.0.1", "localhost")  # aiohttp takes none from an address
        async with asking(kind, url) as asker:
            for _ in range(2):
                assert await asker.ask(stream=False) == "Hello"
        assert len(server.requests) == 2
        assert b"cookie" not in server.requests[1].lower()
