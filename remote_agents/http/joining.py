"""Sync connections that hand on together what arrived together.

aiohttp does the same for async connections; see `framing.py` for why.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import httpcore
import httpx

from remote_agents.flow import DeadlineReached
from remote_agents.http._seams import let_one_thread_in_twice
from remote_agents.http.deadlines import Cut, Until
from remote_agents.http.framing import ChunkJoiner
from remote_agents.workers import workers


class JoiningClient(httpx.Client):
    """An `httpx.Client` whose connections join chunks.

    It is without what the shared client never needs: cookies, redirects, auth and hooks.

    Args:
        context: For `https`.
        limits: Of the pool.
        proxy: Through which all requests go.
    """

    def __init__(
        self, context: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None = None
    ) -> None:
        self._wire = JoiningTransport(context, limits, proxy)
        super().__init__(transport=self._wire, trust_env=False)

    def send(self, request: httpx.Request, **_: object) -> httpx.Response:
        """Send it; the response's head has arrived."""
        response = self._wire.handle_request(request)
        response.request = request
        return response


class JoiningTransport(httpx.BaseTransport):
    """An httpx transport over httpcore's own pool, whose connections join chunks.

    Args:
        ssl_context: For `https`.
        limits: Of the pool.
        proxy: Through which all requests go.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None = None
    ) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
            proxy=core_proxy(proxy),
        )
        let_one_thread_in_twice(self._pool)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response's head has arrived."""
        with as_httpx():
            response = self._pool.handle_request(core_request(request))
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def core_request(request: httpx.Request) -> httpcore.Request:
    """A request of httpx as httpcore takes it."""
    return httpcore.Request(
        method=request.method,
        url=_url(request.url),
        headers=request.headers.raw,
        content=cast(Any, request.stream),
        extensions=request.extensions,
    )


def core_proxy(proxy: httpx.Proxy | None) -> httpcore.Proxy | None:
    """A proxy of httpx as httpcore takes it."""
    if proxy is None:
        return None
    return httpcore.Proxy(
        _url(proxy.url), proxy.raw_auth, proxy.headers.raw, ssl_context=proxy.ssl_context
    )


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with as_httpx():
            yield from cast(Any, self._response.stream)

    def close(self) -> None:
        with as_httpx():
            self._response.close()


@contextmanager
def as_httpx() -> Iterator[None]:
    """Raise httpcore's errors as httpx's of the same name, as httpx's own transport does."""
    try:
        yield
    except Exception as error:
        kind = getattr(httpx, type(error).__name__, None)
        if not type(error).__module__.startswith("httpcore") or kind is None:
            raise
        raise kind(str(error)) from error


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
        limit = None if timeout is None else Until(timeout)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _addresses(host, port, timeout):
            left = None if limit is None else limit.left()
            if left is not None and left <= 0:
                break
            try:
                connected = super().connect_tcp(address, port, left, local_address, socket_options)
                return _Stream(connected, timeout)
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


def _rest_of(timeout: float | None) -> float | None:
    """What is left of a limit for several reads, so that no byte starts it anew."""
    if not isinstance(timeout, Until):
        return timeout
    left = timeout.moment - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the head of the response was not whole in time")
    return left


class _Stream(httpcore.NetworkStream):
    """A connection that joins chunks.

    Args:
        stream: What it reads and writes.
        handshake: Seconds for each step of a SOCKS handshake, which httpcore does not limit.
    """

    def __init__(self, stream: httpcore.NetworkStream, handshake: float | None) -> None:
        self._stream = stream
        self._handshake = handshake
        self._joiner = ChunkJoiner()
        self._asking = False
        self._cut: Cut | None = None

    def read(self, max_bytes: int, timeout: float | None = -1.0) -> bytes:
        if timeout == -1.0:
            timeout = self._handshake
        self._asking = False
        while data := self._stream.read(max_bytes, _rest_of(timeout)):
            if joined := self._joiner.join(data):
                return joined
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._asking:
            if self._has_spoken():
                raise httpcore.ConnectError("the other side spoke, or closed, before it was asked")
            self._asking = True
            self._joiner.begin(bodiless=buffer.startswith(b"HEAD "))
        if isinstance(timeout, Until) and len(buffer) > FITS:
            self._write_until(buffer, timeout)
        else:
            self._stream.write(buffer, timeout)

    def _write_until(self, buffer: bytes, limit: Until) -> None:
        """Write what the other side must take before all of it has left; drip by drip is slow."""
        cut = self._cut = self._cut or Cut(self._stream.get_extra_info("socket"))
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
            return not isinstance(error.__cause__, (BlockingIOError, ssl.SSLWantReadError))
        return True

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _Stream(secure, self._handshake)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and not self._joiner.reusable:
            return True  # so httpcore does not use the connection again
        return self._stream.get_extra_info(info)
