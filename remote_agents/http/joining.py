"""Sync connections that hand on together what arrived together.

Services send each event as an HTTP chunk of its own. h11 works 8 us on a chunk, and every layer
above works per chunk too, although one read from the socket often brings hundreds. So the chunks
of one read are joined into one before h11 sees them. h11 still judges what is valid: whatever is
not a plain chunk passes through as it came. (aiohttp does the same for async connections.)
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpcore
import httpx

from remote_agents.http.deadlines import Until
from remote_agents.http.requests import plain_request

HEAD_END = re.compile(rb"\n\r?\n")
INTERIM = re.compile(rb"HTTP/1\.[01] 1")
CHUNKED = re.compile(rb"\ntransfer-encoding:[ \t]*chunked[ \t]*\r?\n", re.IGNORECASE)
SIZE = re.compile(rb"([0-9a-fA-F]{1,8})\r\n")
PARTIAL_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}\r?")
LONGEST_HEAD = 128 * 1024


class ChunkJoiner:
    r"""Bytes of responses in, the same responses with fewer chunks out. No I/O.

    Example:
        >>> joiner = ChunkJoiner()
        >>> head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        >>> joiner.join(head + b"2\r\nab\r\n1\r\nc\r\n").removeprefix(head)
        b'3\r\nabc\r\n'
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """A request is written: what comes next starts with a head."""
        self._step = self._head
        self._kept = b""
        self._left = 0
        self._closing = False

    def join(self, data: bytes) -> bytes:
        """Take the next bytes; give those to pass on, which may be none yet."""
        return self._step(data)

    def _head(self, data: bytes) -> bytes:
        head, begin = self._kept + data, 0
        while end := HEAD_END.search(head, begin):
            if not INTERIM.match(head, begin):  # else another head follows
                cut = end.end() - len(self._kept)
                self._kept = b""
                chunked = CHUNKED.search(head, begin, end.end())
                self._step = self._body if chunked else self._pass
                return data[:cut] + (self._step(data[cut:]) if data[cut:] else b"")
            begin = end.end()
        self._kept = head[begin:]
        if len(self._kept) > LONGEST_HEAD:
            self._step = self._pass
        return data

    def _pass(self, data: bytes) -> bytes:
        return data

    def _body(self, data: bytes) -> bytes:
        data, self._kept = self._kept + data, b""
        pieces: list[bytes] = []
        at = 0
        while at < len(data):
            if self._left:
                pieces.append(data[at : at + self._left])
                at += len(pieces[-1])
                self._left -= len(pieces[-1])
                self._closing = not self._left
            elif self._closing and data.startswith(b"\r\n", at):
                at += 2
                self._closing = False
            elif not self._closing and (size := SIZE.match(data, at)) and int(size[1], 16):
                at = size.end()
                self._left = int(size[1], 16)
            elif _may_go_on(data[at:], self._closing):
                self._kept = data[at:]
                break
            else:  # the last chunk, or something that h11 is to judge
                self._step = self._pass
                # h11 had this chunk's end already: an empty line tells it that there was none.
                return _framed(pieces) + (b"\r\n" if self._closing else b"") + data[at:]
        return _framed(pieces)


def _may_go_on(rest: bytes, closing: bool) -> bool:
    """Whether these last bytes of a read may be the beginning of what is expected."""
    return rest == b"\r" if closing else PARTIAL_SIZE.fullmatch(rest) is not None


def _framed(pieces: list[bytes]) -> bytes:
    data = b"".join(pieces)
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


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

    def build_request(self, method: str, url: Any, **parts: Any) -> httpx.Request:
        """A request with this client's headers and those given."""
        return plain_request(self.headers, method, url, **parts)

    def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
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
            proxy=_proxy(proxy),
        )
        # A garbage collection inside may end another stream, which closes its response.
        lock = getattr(self._pool, "_optional_thread_lock", None)  # older ones have another
        if lock is not None:
            lock._lock = threading.RLock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response's head has arrived."""
        with _as_httpx():
            response = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=_url(request.url),
                    headers=request.headers.raw,
                    content=cast(Any, request.stream),
                    extensions=request.extensions,
                )
            )
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


def _proxy(proxy: httpx.Proxy | None) -> httpcore.Proxy | None:
    if proxy is None:
        return None
    return httpcore.Proxy(
        _url(proxy.url), proxy.raw_auth, proxy.headers.raw, ssl_context=proxy.ssl_context
    )


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from cast(Any, self._response.stream)

    def close(self) -> None:
        with _as_httpx():
            self._response.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise httpcore's errors as httpx's of the same name, as httpx's own transport does."""
    try:
        yield
    except Exception as error:
        kind = getattr(httpx, type(error).__name__, None)
        if not type(error).__module__.startswith("httpcore") or kind is None:
            raise
        raise kind(str(error)) from error


class _Backend(httpcore.SyncBackend):
    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(*args, **options), options.get("timeout"))


def _left(timeout: float | None) -> float | None:
    """What is left of a limit for several reads, so that no byte starts it anew."""
    if not isinstance(timeout, Until):
        return timeout
    left = timeout.left()
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

    def read(self, max_bytes: int, timeout: float | None = -1.0) -> bytes:
        if timeout == -1.0:
            timeout = self._handshake
        while data := self._stream.read(max_bytes, _left(timeout)):
            if joined := self._joiner.join(data):
                return joined
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._joiner.begin()
        self._stream.write(buffer, timeout)

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
        return self._stream.get_extra_info(info)
