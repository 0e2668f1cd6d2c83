"""One agent over each of the three ways to the wire: sync httpx, aiohttp, plain async httpx."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from remote_agents import AgentError, BlueNexus
from remote_agents.client import Client
from remote_agents.http import _aiohttp as _aiohttp  # which else counts in the first test's limits
from remote_agents.types import Event, Finish, TextDelta
from tests.raw_server import JSON, RawServer, head

KINDS = ("sync", "aiohttp", "httpx")
KEY = "sk-4cf1a9e2b7-secret"
# To trust nobody takes no time, where httpx reads the certificates of the whole world.
NO_ONE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
each_kind = pytest.mark.parametrize("kind", KINDS)


def delta(text: str) -> bytes:
    return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % text.encode()


def finished(reason: str = "stop") -> bytes:
    return b'data: {"choices":[{"delta":{},"finish_reason":"%s"}]}\n\n' % reason.encode()


DONE = b"data: [DONE]\n\n"
KEEPALIVE = b": keep-alive\n\n"
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
REPLY = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})
WHOLE = [head(JSON, length=len(REPLY)), REPLY.encode()]
ANSWER = [head(length=len(delta("Hello") + DONE)), delta("Hello") + DONE]


def whole_body(text: str) -> bytes:
    """An answer in one object."""
    return b'{"choices":[{"message":{"content":"%s"},"finish_reason":"stop"}]}' % text.encode()


async def until(check: Callable[[], Any], seconds: float = 3.0) -> bool:
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:  # noqa: ASYNC110 - any check
        await asyncio.sleep(0.01)
    return bool(check())


class Asker:
    """Asks in one way, always off the event loop or on it, never in its way."""

    def __init__(self, kind: str, agent: Client) -> None:
        self.kind, self.agent = kind, agent

    async def events(self, **call: Any) -> list[Event]:
        if self.kind == "sync":
            return await asyncio.to_thread(lambda: list(self.agent.stream("Hi", **call)))
        return [event async for event in self.agent.astream("Hi", **call)]

    async def ask(self, *, stream: bool = True, **call: Any) -> str:
        if stream:
            events = await self.events(**call)
            assert isinstance(events[-1], Finish)
            assert "".join(e.text for e in events if isinstance(e, TextDelta)) == str(
                events[-1].reply
            )
            return str(events[-1].reply)
        if self.kind == "sync":
            return str(await asyncio.to_thread(lambda: self.agent.ask("Hi", **call)))
        return str(await self.agent.aask("Hi", **call))

    async def fails(self, *, stream: bool = True, **call: Any) -> AgentError:
        try:
            text = await self.ask(stream=stream, **call)
        except AgentError as error:
            return error
        raise AssertionError(f"no error, but {text!r}")


@asynccontextmanager
async def asking(
    kind: str, server: RawServer | str, make: type[Client] = BlueNexus, **settings: Any
) -> AsyncIterator[Asker]:
    url = server if isinstance(server, str) else server.url
    client = httpx.AsyncClient(verify=NO_ONE) if kind == "httpx" else None
    settings = {"api_key": KEY, "max_retries": 0, "http_async_client": client, **settings}
    async with make(base_url=url, **settings) as agent:
        yield Asker(kind, agent)
    if client is not None:
        await client.aclose()
