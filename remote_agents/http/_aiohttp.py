"""httpx's async client on aiohttp, which carries many streams at half the cost; an extra.

`httpx-aiohttp` is the bridge. What each request and each read goes through is written anew here: on
the bridge, headers and cookies are copied several times, and a read takes four coroutines more.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache, partial
from io import BytesIO
from typing import Any

import httpx
from aiohttp import (
    ClientOSError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    StreamReader,
    TCPConnector,
    TraceConfig,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import map_aiohttp_exceptions

from remote_agents.http import _seams
from remote_agents.http.errors import LEAVING
from remote_agents.http.framing import HEAD_END, ChunkJoiner
from remote_agents.workers import workers

# Bytes taken from a socket at once, and kept of what is not read yet; asyncio's own 256 kB for each
# of many late streams, which TLS even reserves, are a lot.
LARGEST_READ = 8 * 1024
# Windows has no `poll`, which is the cheapest for one socket.
Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


def is_known() -> bool:
    """Whether this aiohttp is one whose connections can be watched."""
    return _seams.are_known(TCPConnector, ResponseHandler, StreamReader)


class AiohttpClient(httpx.AsyncClient):
    """An async client without what the shared one never needs: cookies, redirects, auth, hooks.

    Args:
        context: For `https`.
        limits: Of the pool.
    """

    def __init__(self, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._wire = PlainTransport(verify=context, limits=limits)
        super().__init__(transport=self._wire, trust_env=False)

    async def send(self, request: httpx.Request, **_: object) -> httpx.Response:
        """Send it; the response's head has arrived."""
        response = await self._wire.handle_async_request(request)
        response.request = request
        return response

    def abandon(self) -> None:
        """Let go of everything, where no loop is left to close it in; aiohttp would complain."""
        session = self._wire.client
        if isinstance(session, ClientSession) and session.connector is not None:
            _seams.let_go(session.connector)
            session.detach()


class PlainTransport(AiohttpTransport):
    """The bridge's transport, with a session that keeps no cookies beside httpx's."""

    def get_client(self) -> ClientSession:
        """The session, which is made with the first request."""
        if not isinstance(self.client, ClientSession):
            connector = TCPConnector(
                limit=self.limits.max_connections or 0,
                keepalive_timeout=self.limits.keepalive_expiry,
                ssl=self.ssl_context,
                resolver=Resolver(),
            )
            _seams.speak(connector, Protocol)
            self.client = ClientSession(
                connector=connector,
                cookie_jar=DummyCookieJar(),
                read_bufsize=LARGEST_READ,
                trace_configs=[_departures()],
            )
        return self.client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response's head has arrived."""
        limits = request.extensions["timeout"]
        plain = isinstance(request.stream, httpx.ByteStream)
        with map_aiohttp_exceptions():
            response = await self.get_client().request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                data=_payload(request.content) if plain else request.stream,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_timeout(limits["connect"], limits["read"], limits["pool"]),
                trace_request_ctx=request.extensions["trace"],
            )
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response),
        )


def _payload(content: bytes) -> bytes | BytesIO | None:
    """What aiohttp sends without a complaint: it takes many bytes from a file only."""
    return BytesIO(content) if len(content) > LARGEST_PLAIN else content or None


LARGEST_PLAIN = 1 << 20


class Resolver(AbstractResolver):
    """Looks names up in threads that nothing waits for: neither a turn nor the end of a loop."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name."""
        look_up = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
        )
        found = await workers.acall(look_up, None)
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host, host=str(at[0]), port=port, family=kind, proto=proto, flags=numeric
            )
            for kind, _, proto, _, at in found
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _departures() -> TraceConfig:
    """Tells each request's `trace` that it leaves, as httpcore does."""
    config = TraceConfig()
    config.on_request_headers_sent.append(_leaves)
    return config


async def _leaves(_: ClientSession, context: Any, __: object) -> None:
    await context.trace_request_ctx(f"aiohttp.{LEAVING}", {})


class Protocol(ResponseHandler):
    """aiohttp's side of a connection, which also tells the body of an answer what went wrong.

    aiohttp leaves a body waiting when a chunk cannot be read, and gives up the head that came with
    it, takes a reset for its end if no length was announced, and bytes that come between two
    requests for the answer to the second.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._framing = ChunkJoiner()
        self._framing.end()

    @property
    def should_close(self) -> bool:
        """Whether the connection cannot serve another request."""
        return super().should_close or not self._framing.reusable

    def is_connected(self) -> bool:
        """Whether the connection stands; the end of one that waits is seen before it is used."""
        return super().is_connected() and not (self._framing.over and self._has_spoken())

    def _has_spoken(self) -> bool:
        """Whether something waits to be read which the loop has not come to."""
        sock = self.transport and self.transport.get_extra_info("socket")
        if not sock:
            return False
        with Selector() as selector:
            selector.register(sock.fileno(), selectors.EVENT_READ)
            return bool(selector.select(0))

    def set_response_params(self, **settings: Any) -> None:
        """A request is about to be written."""
        self._framing.begin(bodiless=bool(settings.get("skip_payload")))
        super().set_response_params(**settings)

    def data_received(self, data: bytes) -> None:
        """Bytes came; those that answer no request end the connection."""
        if not data:  # aiohttp's own way to go on
            super().data_received(data)
        elif not self._framing.over:
            for part in _heads_apart(self._framing.join(data)):
                super().data_received(part)
        elif self.transport is not None:
            self.force_close()
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        super().connection_made(transport)
        _seams.read_less(transport, LARGEST_READ)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """The connection cannot be read on."""
        super().set_exception(exc, *cause)
        self._break_body(exc)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection was closed, or broke."""
        if exc is not None:
            self._break_body(ClientOSError(*exc.args))
        super().connection_lost(exc)

    def close(self) -> None:
        """Close the connection; what is not sent yet of a request that was given up never is."""
        if self.transport is not None and self.transport.get_write_buffer_size():
            self.transport.abort()
        super().close()

    def _break_body(self, exc: BaseException) -> None:
        body = _seams.body_of(self)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(exc)


def _heads_apart(data: bytes) -> Iterator[bytes]:
    """What came, each head by itself: what cannot be read behind it does not take it along."""
    while data.startswith(b"HTTP/") and (end := HEAD_END.search(data)):
        yield data[: end.end()]
        data = data[end.end() :]
    if data:
        yield data


@lru_cache(maxsize=64)
def _timeout(connect: float | None, read: float | None, pool: float | None) -> ClientTimeout:
    return ClientTimeout(sock_connect=connect, sock_read=read, connect=pool)


class _Body(httpx.AsyncByteStream):
    """The bytes of a response, as many at a time as have arrived."""

    def __init__(self, response: ClientResponse) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        body = self._response.content
        try:
            chunk = await body.readany()
        except Exception:
            if rest := _seams.taken(body):
                return rest  # what came before the fault is the caller's
            with map_aiohttp_exceptions():
                raise
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        with map_aiohttp_exceptions():
            await self._response.__aexit__(None, None, None)
