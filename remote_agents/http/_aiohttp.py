"""The async client on aiohttp, which carries many streams at half the cost of httpcore; an extra.

`httpx-aiohttp` says which of httpx's errors one of aiohttp's is.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
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
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import BadHttpMessage
from httpx_aiohttp.transport import map_aiohttp_exceptions
from yarl import URL

from remote_agents.http import _seams
from remote_agents.http.errors import LEAVING, Departure
from remote_agents.http.framing import HEAD_END, LONGEST_HEAD, ChunkJoiner, MalformedHead
from remote_agents.http.requests import OutgoingRequest
from remote_agents.http.responses import Headers, IncomingResponse
from remote_agents.workers import workers

# Bytes taken from a socket at once, and kept of what is not read yet; asyncio's own 256 kB for each
# of many late streams, which TLS even reserves, are a lot.
LARGEST_READ = 8 * 1024


# aiohttp's own: 8 kB for each field, as gateways' policies and cookies outgrow, and 128 fields.
LIMITS_OF_A_HEAD = frozenset({"max_line_size", "max_field_size", "max_headers"})


def is_known() -> bool:
    """Whether this aiohttp is one whose connections can be watched."""
    return _seams.are_known(TCPConnector, ResponseHandler, StreamReader)


class AiohttpClient:
    """The shared client of one event loop, over a session of aiohttp.

    Args:
        context: For `https`.
        limits: Of its connections.
    """

    def __init__(self, context: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._connector = TCPConnector(
            limit=limits.max_connections or 0,
            keepalive_timeout=limits.keepalive_expiry,
            ssl=context,
            resolver=Resolver(),
        )
        _seams.use_protocol(self._connector, Protocol)
        self._session = ClientSession(
            connector=self._connector, cookie_jar=DummyCookieJar(), read_bufsize=LARGEST_READ
        )

    async def send(self, request: OutgoingRequest, departure: Departure) -> IncomingResponse:
        """Send a request; the response's head has arrived."""
        limits, leaving = request.timeout, _departing.set(departure)
        try:
            response = await self._session.request(
                request.method,
                URL(request.url, encoded=True),  # else "%3A" in an id is a ":" there
                headers=request.headers,
                data=_payload(request.body),
                allow_redirects=False,
                auto_decompress=False,
                timeout=_timeout(limits["connect"], limits["read"], limits["pool"]),
            )
        except Exception:
            with map_aiohttp_exceptions():
                raise
        finally:
            _departing.reset(leaving)
        pairs, body = list(response.raw_headers), _Body(response)
        return IncomingResponse(response.status, pairs, Headers(pairs), body, body.aclose, request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._session.close()

    def abandon(self) -> None:
        """Let go of everything, where no loop is left to close it in; aiohttp would complain."""
        if not self._session.closed:
            _seams.close_connector(self._connector)
            self._session.detach()


# Whose request is about to be written; a connection learns of it while it is.
_departing: ContextVar[Departure] = ContextVar("departing")


def _payload(body: Any) -> Any:
    """What aiohttp sends without a complaint: it takes many bytes from a file only."""
    if not isinstance(body, bytes):
        return body
    return BytesIO(body) if len(body) > LARGEST_PLAIN else body or None


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
        self._holds = False

    @property
    def should_close(self) -> bool:
        """Whether the connection cannot serve another request."""
        return super().should_close or not self._framing.reusable

    def is_connected(self) -> bool:
        """Whether the connection stands; the end of one that waits is seen before it is used."""
        waits, is_left = self._framing.over, not self._framing.reusable
        return super().is_connected() and not (waits and (is_left or self._has_spoken()))

    def _has_spoken(self) -> bool:
        """Whether something waits to be read which the loop has not come to."""
        sock = self.transport and self.transport.get_extra_info("socket")
        return bool(sock) and is_readable(sock)

    def set_response_params(self, **settings: Any) -> None:
        """A request is about to be written."""
        _departing.get().told[LEAVING] = {}
        self._framing.begin(bodiless=bool(settings.get("skip_payload")))
        # How much of a head is too much is told in one place, for all clients.
        settings |= {name: LONGEST_HEAD for name in settings if name in LIMITS_OF_A_HEAD}
        super().set_response_params(**settings)

    def data_received(self, data: bytes) -> None:
        """Bytes came; those that answer no request end the connection."""
        if not data:  # aiohttp's own way to go on
            super().data_received(data)
        elif not self._framing.over:
            self._take(data)
        elif self.transport is not None:
            self.force_close()
            self.transport.close()

    def _take(self, data: bytes) -> None:
        try:
            joined = self._framing.join(data)
        except MalformedHead as error:
            self.set_exception(BadHttpMessage(str(error)))
            if self.transport is not None:
                self.transport.close()
            return
        for part in _heads_apart(joined):
            super().data_received(part)

    def pause_reading(self) -> None:
        """Read no more: too much waits to be taken."""
        self._holds = True
        super().pause_reading()

    def resume_reading(self, *parser: bool, **too: bool) -> None:
        """Read on; aiohttp says so behind each piece, also where nothing was held."""
        if self._holds:
            self._holds = False
            super().resume_reading(*parser, **too)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        super().connection_made(transport)
        _seams.limit_read_size(transport, LARGEST_READ)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """The connection cannot be read on; of several reasons the first one counts."""
        if self.exception() is None:
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


def is_readable(sock: Any) -> bool:
    """Whether something waits to be read; Windows has no `poll`, which takes any socket."""
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


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


class _Body:
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
            if rest := _seams.unread_bytes(body):
                return rest  # what came before the fault is the caller's
            with map_aiohttp_exceptions():
                raise
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        await self._response.__aexit__(None, None, None)
