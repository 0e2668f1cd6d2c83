"""A client of the caller's own whose hooks read, or refuse, what the service answers."""

import asyncio
import gzip
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from remote_agents import BadRequestError, StreamProtocolError
from tests.raw_server import EVENTS, JSON, RawServer, Step, head, serving
from tests.transports import ANSWER, DONE, WHOLE, Asker, asking, delta

REFUSED = b'{"message": "slow down"}'
PACKED = gzip.compress(delta("Hello") + DONE)
THROTTLED = [head(JSON, "429 No", "Retry-After: 0", length=len(REFUSED)), REFUSED]
ANSWERS: dict[str, list[list[Step]]] = {
    "events": [ANSWER],
    "JSON": [WHOLE],
    "packed": [[head(EVENTS, "200 OK", "Content-Encoding: gzip", length=len(PACKED)), PACKED]],
    "refused once": [THROTTLED, ANSWER],
}
Hook = Callable[[httpx.Response], Any]


def read(response: httpx.Response) -> None:
    response.read()


def raise_(response: httpx.Response) -> None:
    response.raise_for_status()


def read_and_raise(response: httpx.Response) -> None:
    response.read()
    response.raise_for_status()


async def aread(response: httpx.Response) -> None:
    await response.aread()


async def araise(response: httpx.Response) -> None:
    response.raise_for_status()


async def aread_and_raise(response: httpx.Response) -> None:
    await response.aread()
    response.raise_for_status()


HOOKS: dict[str, tuple[Hook, Hook]] = {
    "reads": (read, aread),
    "raises": (raise_, araise),
    "reads and raises": (read_and_raise, aread_and_raise),
}


@asynccontextmanager
async def asking_through(
    hooks: tuple[Hook, Hook], kind: str, server: RawServer, **settings: Any
) -> AsyncIterator[Asker]:
    hook, ahook = ({"response": [hook]} for hook in hooks)
    with httpx.Client(event_hooks=hook) as one:
        async with httpx.AsyncClient(event_hooks=ahook) as other:
            clients = {"http_client": one, "http_async_client": other, "max_retries": 1}
            async with asking(kind, server, **clients, **settings) as asker:
                yield asker


@pytest.mark.parametrize("kind", ["sync", "httpx"])
@pytest.mark.parametrize("name", HOOKS)
@pytest.mark.parametrize("how", ANSWERS)
async def test_hooks_may_read_what_comes(how: str, name: str, kind: str) -> None:
    with serving(*ANSWERS[how]) as server:
        async with asking_through(HOOKS[name], kind, server) as asker:
            assert await asyncio.wait_for(asker.ask(), 5) == "Hello"
        assert len(server.requests) == len(ANSWERS[how])


@pytest.mark.parametrize("kind", ["sync", "httpx"])
@pytest.mark.parametrize("name", HOOKS)
async def test_a_refusal_is_one_whoever_raises_it(name: str, kind: str) -> None:
    refused = [head(JSON, "400 Bad Request", length=len(REFUSED)), REFUSED]
    with serving(refused) as server:
        async with asking_through(HOOKS[name], kind, server) as asker:
            error = await asker.fails()
    assert type(error) is BadRequestError
    assert ("slow down" in str(error)) == ("reads" in name)


@pytest.mark.parametrize("kind", ["sync", "httpx"])
@pytest.mark.parametrize("name", HOOKS)
async def test_a_token_is_refreshed_whoever_raises(name: str, kind: str) -> None:
    keys = (f"sk-key-number-{n}" for n in itertools.count())
    with serving([head(JSON, "401 No", length=len(REFUSED)), REFUSED], ANSWER) as server:
        key = {"api_key": lambda: next(keys)}
        async with asking_through(HOOKS[name], kind, server, **key) as asker:
            assert await asker.ask() == "Hello"
        assert b"sk-key-number-1" in server.requests[1]


def take(response: httpx.Response) -> None:
    for _ in response.iter_raw():
        pass


async def atake(response: httpx.Response) -> None:
    async for _ in response.aiter_raw():
        pass


@pytest.mark.parametrize("kind", ["sync", "httpx"])
async def test_an_answer_that_a_hook_keeps_to_itself_is_an_error(kind: str) -> None:
    with serving(ANSWER) as server:
        async with asking_through((take, atake), kind, server) as asker:
            error = await asyncio.wait_for(asker.fails(), 5)
        assert len(server.requests) == 1
    assert type(error) is StreamProtocolError
    assert "response.read()" in str(error)
