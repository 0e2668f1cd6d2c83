"""The sync client on httpcore, whose connections hand on together what arrived together.

aiohttp does the same for async connections; see `framing.py` for why.
"""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache, partial
from typing import Any

import httpcore
import httpx

from remote_agents.flow import DeadlineReached
from remote_agents.http._connections import SyncPool
from remote_agents.http._seams import make_lock_reentrant
from remote_agents.http.deadlines import TOLERANCE, Deadline, SocketDeadline
from remote_agents.http.errors import Departure
from remote_agents.http.framing import ChunkJoiner, MalformedHead, is_request_head
from remote_agents.http.requests import OutgoingRequest
from remote_agents.http.responses import Headers, IncomingResponse
from remote_agents.workers import workers


class SyncHttpcoreClient:
    """The shared client of sync calls, over httpcore's own pool, whose connections join chunks.

    Args:
        context: For `https`.
        limits: Of the pool.
        proxy: Through which all requests go.
    """

    def __init__(
        self, context: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None
    ) -> None:
        self.pool = SyncPool(
            limits,
            ssl_context=context,
            network_backend=_Backend(),
            proxy=core_proxy(proxy),
        )
        make_lock_reentrant(self.pool)

    def send(self, request: OutgoingRequest, departure: Departure) -> IncomingResponse:
        """Send a request; the response's head has arrived."""
        sent = core_request(request, departure.trace)
        return incoming(self.pool.handle_request(sent), sent, request)

    def close(self) -> None:
        """Close the connections."""
        self.pool.close()


def core_request(request: OutgoingRequest, trace: Any) -> httpcore.Request:
    """A request as httpcore takes it."""
    extensions = {"timeout": request.timeout, "trace": trace}
    return httpcore.Request(
        request.method,
        _core_url(request.url),
        headers=request.headers,
        content=request.body,
        extensions=extensions,
    )


@lru_cache(maxsize=4096)
def _core_url(text: str) -> httpcore.URL:
    return _url(httpx.URL(text))


def _url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def incoming(
    response: httpcore.Response, sent: httpcore.Request, request: OutgoingRequest
) -> IncomingResponse:
    """A response of httpcore; of what it does next nobody has to be told."""
    del sent.extensions["trace"]
    stream: Any = response.stream
    return IncomingResponse(
        response.status,
        response.headers,
        Headers(response.headers),
        stream,
        stream.aclose if hasattr(stream, "aclose") else stream.close,
        request,
        response.extensions.get("network_stream"),
    )


def core_proxy(proxy: httpx.Proxy | None) -> httpcore.Proxy | None:
    """A proxy of httpx as httpcore takes it."""
    if proxy is None:
        return None
    auth = proxy.raw_auth and (_Unshown(proxy.raw_auth[0]), _Unshown(proxy.raw_auth[1]))
    return httpcore.Proxy(_url(proxy.url), auth, proxy.headers.raw, ssl_context=proxy.ssl_context)


class _Unshown(bytes):
    """A part of a proxy's credentials, which httpcore logs as it is shown."""

    def __repr__(self) -> str:
        return "..."


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Connect within the limit, which is for the name and for all its addresses together."""
        limit = None if timeout is None else Deadline(timeout)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _addresses(host, port, timeout):
            left = None if limit is None else limit.left()
            if left is not None and left <= 0:
                break
            try:
                connected = super().connect_tcp(address, port, left, local_address, socket_options)
                return _Stream(connected, limit)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _addresses(host: str, port: int, within: float | None) -> list[str]:
    """The addresses of a name, for which the system may wait long."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = workers.call(look_up, within)
    except DeadlineReached:
        raise httpcore.ConnectTimeout(f"{host} could not be looked up in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


FITS = 16 * 1024  # bytes that a socket takes at once


def joined(joiner: ChunkJoiner, data: bytes) -> bytes:
    """What a joiner passes on; what is no HTTP is refused as httpcore's parser refuses it."""
    try:
        return joiner.join(data)
    except MalformedHead as error:
        raise httpcore.RemoteProtocolError(str(error)) from None


def _seconds_left(timeout: float | None) -> float | None:
    """What is left of a limit for several reads, so that no byte starts it anew."""
    if not isinstance(timeout, Deadline):
        return timeout
    left = timeout.left()
    if left <= 0:
        raise httpcore.ReadTimeout("the head of the response was not whole in time")
    return left


def is_for_service(buffer: bytes) -> bool:
    """Whether this begins a request of ours, and not a word with a proxy on the way there."""
    return is_request_head(buffer) and not buffer.startswith(b"CONNECT ")


class _Stream(httpcore.NetworkStream):
    """A connection that joins chunks.

    Args:
        stream: What it reads and writes.
        connecting: The limit for having the connection, which holds instead of all others until
            the first request; httpcore's for a handshake with a proxy are others, or none.
    """

    def __init__(self, stream: httpcore.NetworkStream, connecting: Deadline | None) -> None:
        self._stream = stream
        self._connecting = connecting
        self._joiner = ChunkJoiner()
        self._asking = False
        self._head = b""
        self._cut: SocketDeadline | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._connecting is not None:
            timeout = self._connecting
        if self._head:
            self.write(b"", timeout)
        self._asking = False
        while data := self._stream.read(max_bytes, _seconds_left(timeout)):
            if fewer := joined(self._joiner, data):
                return fewer
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._asking:
            if self._has_spoken():
                raise httpcore.ConnectError("the other side spoke, or closed, before it was asked")
            self._asking, is_head = True, is_request_head(buffer)
            self._joiner.begin(bodiless=buffer.startswith(b"HEAD "), is_http=is_head)
            if self._connecting is not None and is_for_service(buffer):
                self._connecting = None
            if is_head:  # it leaves with the body, in one piece
                self._head = buffer
                return
        if self._head and len(buffer) <= FITS:
            buffer = self._head + buffer
        elif self._head:
            self._stream.write(self._head, timeout)
        self._head = b""
        if isinstance(timeout, Deadline) and len(buffer) > FITS:
            self._write_until(buffer, timeout)
        elif buffer:
            self._stream.write(buffer, timeout)

    def _write_until(self, buffer: bytes, limit: Deadline) -> None:
        """Write what the other side must take before all of it has left; drip by drip is slow."""
        cut = self._cut = self._cut or SocketDeadline(self._stream.get_extra_info("socket"))
        cut.by(limit.moment)
        try:
            self._stream.write(buffer, limit.each)
        except httpcore.WriteError as error:
            if cut.fired:
                raise httpcore.WriteTimeout("the request was not taken in time") from error
            raise
        finally:
            cut.deadline = None

    def _has_spoken(self) -> bool:
        """Whether something waits to be read; under TLS it may be a ticket, which is no answer."""
        tls = self._stream.get_extra_info("ssl_object")
        readable = self._stream.get_extra_info("is_readable")
        if tls is None or not (readable or tls.pending()):
            return bool(readable)
        try:
            self._stream.read(1, timeout=0)
        except httpcore.ReadError as error:
            if isinstance(error.__cause__, (BlockingIOError, ssl.SSLWantReadError)):
                return False
            raise httpcore.ConnectError(str(error)) from error  # an alert says more than we could
        return True

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        if self._connecting is not None:
            timeout = max(self._connecting.left(), TOLERANCE)  # at 0 a socket does not wait at all
        secure = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _Stream(secure, self._connecting)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and not self._joiner.reusable:
            return True  # so httpcore does not use the connection again
        return self._stream.get_extra_info(info)
