"""Bytes that no answer needed are nobody's answer: their connection is not used again."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.raw_server import CLOSE, JSON, RawServer, Talk, head, serving, states_of
from tests.transports import Asker, asking


def said(text: str) -> bytes:
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice]}).encode()


def whole(text: str, *more: str) -> bytes:
    return head(JSON, "200 OK", *more, length=len(said(text))) + said(text)


def chunked(text: str, trailers: bytes = b"") -> bytes:
    body = said(text)
    top = head(JSON, "200 OK", "Transfer-Encoding: chunked")
    return top + b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailers)


FOREIGN = whole("of another")
LEFT_OVER: dict[str, bytes] = {
    "a second answer": whole("own") + FOREIGN,
    "a second answer, chunked": chunked("own") + FOREIGN,
    "a second answer behind trailers": chunked("own", b"X-Sum: 1\r\n") + FOREIGN,
    "a second answer of chunks": whole("own") + chunked("of another"),
    "an interim response": whole("own") + b"HTTP/1.1 100 Continue\r\n\r\n" + FOREIGN,
    "half an answer": whole("own") + FOREIGN[:20],
    "a body that is longer than it says": whole("own") + b"}",
    "an empty line": whole("own") + b"\r\n",
}


@asynccontextmanager
async def two(kind: str, server: RawServer) -> AsyncIterator[tuple[Asker, Asker]]:
    """Two accounts on one pool of connections."""
    async with asking(kind, server) as a, asking(kind, server, api_key="account-B") as b:
        yield a, b


@pytest.mark.parametrize("name", LEFT_OVER)
async def test_an_answer_and_more(kind: str, name: str) -> None:
    with serving([LEFT_OVER[name]], [whole("of B")]) as server:
        async with two(kind, server) as (a, b):
            assert await a.ask(stream=False) == "own"
            assert await b.ask(stream=False) == "of B"
            assert await a.ask(stream=False) == "of B"
        assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [whole, chunked])
async def test_a_connection_that_was_closed_in_silence(
    kind: str, answer: Callable[[str], bytes]
) -> None:
    with serving([answer("own"), CLOSE], [whole("of B")]) as server:
        async with two(kind, server) as (a, b):
            assert await a.ask(stream=False) == "own"
            _wait_for_close(server)  # the loop is busy, and has not come to it
            assert await b.ask(stream=False) == "of B"
        assert len(server.requests) == 2


def _wait_for_close(server: RawServer) -> None:
    until = time.monotonic() + 10
    while "ESTABLISHED" in states_of(server.port) and time.monotonic() < until:
        time.sleep(0.001)


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_what_comes_while_the_connection_is_idle(kind: str, pause: float) -> None:
    with serving([whole("own"), pause, FOREIGN, _tell], [whole("of B")]) as server:
        async with two(kind, server) as (a, b):
            _told.clear()
            assert await a.ask(stream=False) == "own"
            assert await asyncio.to_thread(_told.wait, 5)
            await asyncio.sleep(0.02)
            assert await b.ask(stream=False) == "of B"
        assert len(server.requests) == 2


_told = threading.Event()


def _tell(talk: Talk) -> None:
    _told.set()


async def test_a_refusal_of_another_length(kind: str) -> None:
    refusal = head(JSON, "409 Conflict", length=2) + b"{}" + FOREIGN
    with serving([refusal], [whole("of B")]) as server:
        async with two(kind, server) as (a, b):
            await a.fails(stream=False)
            assert await b.ask(stream=False) == "of B"
        assert server.connections == 2


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_a_body_where_none_may_be(kind: str, status: str) -> None:
    answer = head(JSON, status, length=len(FOREIGN)) + FOREIGN
    with serving([answer], [whole("of B")]) as server:
        async with two(kind, server) as (a, b):
            await a.fails(stream=False)
            assert await b.ask(stream=False) == "of B"


async def test_interim_responses_before_the_answer_do_no_harm(kind: str) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    with serving([hints + hints + whole("own")], [whole("own")]) as server:
        async with two(kind, server) as (a, b):
            assert await a.ask(stream=False) == "own"
            assert await b.ask(stream=False) == "own"
        assert (len(server.requests), server.connections) == (2, 1)
