"""HTTP clients: one pool for all agents with the same settings, async ones per event loop.

Only this module touches httpx. It maps what httpx and aiohttp raise to our errors, says whether a
request left the machine, and cuts a response off at its deadline.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
import os
import socket
import ssl
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import httpx

from remote_agents.errors import (
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.flow import DeadlineReached, Request, Send

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Seconds by which the limit for the first event outlasts an equal one for the connection, so that
# an unreachable host is called that.
CONNECT_WINS = 0.05

# 20 idle connections: httpcore walks all idle ones at each request, so a larger number costs CPU.
# 15 s: shorter than the idle limit of common gateways, so that we close first.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=15.0)
ASYNC_LIMITS = httpx.Limits(
    max_connections=10_000, max_keepalive_connections=1_000, keepalive_expiry=15.0
)


@dataclass(frozen=True, slots=True)
class Timeout:
    """Time limits in seconds; None means no limit.

    Args:
        connect: To get a connection (default 10).
        first_event: From sending to the first event of the answer (default 120).
        idle: Between two events; keep-alive bytes do not count (default 60).
        total: For the whole turn (default none).

    Example:
        >>> Timeout(idle=30).first_event
        120.0
    """

    connect: float | None = 10.0
    first_event: float | None = 120.0
    idle: float | None = 60.0
    total: float | None = None

    @classmethod
    def of(cls, value: Any) -> Timeout:
        """A `Timeout` from one, a number of seconds for each phase, or None for the defaults."""
        if value is None:
            return cls()
        if isinstance(value, cls):
            return value
        if isinstance(value, httpx.Timeout):
            return cls(value.connect, value.read, value.read)
        if isinstance(value, Mapping):
            return cls(**value)
        seconds = float(value)
        return cls(min(10.0, seconds), seconds, seconds)


class Transport:
    """Sends requests to one base address with one set of settings.

    Args:
        base_url: Root address of the service, without a trailing slash.
        auth_scheme: `Bearer` or `Api-Key`.
        headers: Headers that go with every request.
        timeout: Time limits.
        verify: True, False, or the path of a CA bundle, or an `ssl.SSLContext`.
        client: A client of the caller's own for sync calls; it is never closed here.
        async_client: The same for async calls.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth_scheme: str = "Bearer",
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | None = None,
        verify: Any = True,
        client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.base_url = base_url
        self.timeout = timeout or Timeout()
        self._scheme = auth_scheme
        self._headers = dict(headers or {})
        self._verify = verify
        self._client = client
        self._async_client = async_client

    def send(self, op: Send) -> SyncResponse:
        """Send with blocking I/O; the response's headers have arrived."""
        client = self._client or _pools.client(self._verify)
        _pools.users(self._verify).add(self)
        request = self._build(client, op, reads=op.first_event)
        try:
            return SyncResponse(client.send(request, stream=True), self.timeout)
        except Exception as error:
            raise self._sending_failed(error) from error

    async def asend(self, op: Send) -> AsyncResponse:
        """Send with asyncio; the response's headers have arrived."""
        client = self._async_client or await _pools.async_client(self._verify)
        _pools.users(self._verify).add(self)
        request, alarm = self._build(client, op, reads=None), _Alarm()
        deadline = None
        if op.first_event is not None:
            deadline = time.monotonic() + op.first_event + CONNECT_WINS
        try:
            response = await alarm.before(deadline, client.send(request, stream=True))
        except Exception as error:
            alarm.stop()
            raise self._sending_failed(error) from error
        return AsyncResponse(response, alarm)

    def close(self) -> None:
        """Give up the shared sync connections; they close when no other agent uses them."""
        _pools.leave(self, self._verify)

    async def aclose(self) -> None:
        """Give up the shared connections of this event loop as well."""
        await _pools.aleave(self, self._verify)

    def _build(
        self, client: httpx.Client | httpx.AsyncClient, op: Send, reads: float | None
    ) -> httpx.Request:
        request = op.request
        timeout = self.timeout
        return client.build_request(
            request.method,
            _url(request.path if request.foreign else self.base_url + request.path),
            params=_params(request.params),
            json=request.json,
            files=request.files,
            data=request.data,
            headers={} if request.foreign else self._request_headers(request, op.token),
            timeout=httpx.Timeout(
                connect=timeout.connect,
                read=reads,
                write=timeout.idle,
                pool=timeout.first_event,
            ),
        )

    def _request_headers(self, request: Request, token: str | None) -> dict[str, str]:
        headers = {"Accept": "text/event-stream" if request.stream else "application/json"}
        if request.stream:
            headers["Accept-Encoding"] = "identity"  # a compressing proxy would hold events back
        if token:
            headers["Authorization"] = f"{self._scheme} {token}"
        return {**headers, **self._headers, **request.headers}

    def _sending_failed(self, error: Exception) -> AgentError:
        return sending_failed(error, self.base_url, self.timeout)


class SyncResponse:
    """A response being read with blocking I/O."""

    def __init__(self, response: httpx.Response, timeout: Timeout) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        # httpcore reads the limit for the body when the body is begun; the watchdog knows better.
        limits = response.request.extensions["timeout"]
        limits["read"] = _longest(timeout.first_event, timeout.idle)
        self._chunks: Iterator[bytes] = iter(_body(response, response.iter_bytes))
        self._cut: _Cut | None = None

    def read(self, deadline: float | None) -> bytes | None:
        """The next bytes, or None at the end.

        Raises:
            DeadlineReached: Nothing came in time.
            AgentError: The connection broke.
        """
        self._watch(deadline)
        try:
            chunk = next(self._chunks, None)
        except Exception as error:
            if self._cut is not None and self._cut.fired:
                raise DeadlineReached from error
            raise reading_failed(error) from error
        if self._cut is not None and self._cut.fired:
            raise DeadlineReached
        return chunk

    def close(self) -> None:
        """Free the connection."""
        if self._cut is not None:
            self._cut.deadline = None
        self._response.close()

    def _watch(self, deadline: float | None) -> None:
        if self._cut is None and (sock := _socket_of(self._response)):
            self._cut = _Cut(sock)
        if self._cut is not None:
            self._cut.deadline = deadline
            if deadline is not None and deadline < self._cut.looked_at:
                _watchdog.watch(self._cut, deadline)


class AsyncResponse:
    """A response being read with asyncio."""

    def __init__(self, response: httpx.Response, alarm: _Alarm) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._alarm = alarm
        self._chunks: AsyncIterator[bytes] = aiter(_body(response, response.aiter_bytes))

    async def aread(self, deadline: float | None) -> bytes | None:
        """The next bytes, or None at the end.

        Raises:
            DeadlineReached: Nothing came in time.
            AgentError: The connection broke.
        """
        try:
            return await self._alarm.before(deadline, self._chunks.__anext__())
        except StopAsyncIteration:
            return None
        except (DeadlineReached, asyncio.CancelledError):
            raise
        except Exception as error:
            raise reading_failed(error) from error

    async def aclose(self) -> None:
        """Free the connection."""
        self._alarm.stop()
        await self._response.aclose()


def _body(response: httpx.Response, decoded: Callable[[], Any]) -> Any:
    """The body's bytes; as they come where nothing is to be decoded, which costs a third less."""
    return decoded() if "content-encoding" in response.headers else response.stream


class _Alarm:
    """Cancels a waiting task at a deadline that moves.

    One timer serves a whole response: it looks at the deadline only when it rings, so a read that
    is served in time costs nothing. `asyncio.timeout` would set a timer for every read.
    """

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._waiting: asyncio.Task[Any] | None = None
        self._rang = False

    async def before(self, deadline: float | None, waiting_for: Awaitable[T]) -> T:
        """Await something; raise `DeadlineReached` if it takes longer than until `deadline`."""
        self._deadline = deadline
        if deadline is not None and deadline < self._rings_at:
            self._set(asyncio.get_running_loop(), deadline)
        self._waiting = asyncio.current_task()
        try:
            return await waiting_for
        except asyncio.CancelledError:
            if not self._rang or _cancelled_from_outside(self._waiting):
                raise
            raise DeadlineReached from None
        finally:
            self._waiting = None

    def stop(self) -> None:
        """Never ring again."""
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = max(deadline - time.monotonic(), 0.0)
        self._timer = loop.call_later(delay, self._ring, loop)
        self._rings_at = deadline

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._rings_at = None, math.inf
        if self._deadline is None:
            return
        if time.monotonic() < self._deadline - 0.001:
            self._set(loop, self._deadline)
        elif self._waiting is not None:
            self._rang = True
            self._waiting.cancel()


def _cancelled_from_outside(task: asyncio.Task[Any] | None) -> bool:
    # Python 3.11 counts cancellations: ours is taken back, and any other one must go on.
    uncancel = getattr(task, "uncancel", None)
    return bool(uncancel is not None and uncancel() > 0)


class _Cut:
    """A socket that is shut down if its deadline passes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline: float | None = None
        self.looked_at = math.inf
        self.fired = False

    def fire(self) -> None:
        self.fired = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            logger.debug("the connection was closed already: %s", error)


class _Watchdog:
    """One thread that fires the cuts of all blocking reads of this process."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._heap: list[tuple[float, int, _Cut]] = []
        self._full = 1024
        self._order = itertools.count()
        self._thread: threading.Thread | None = None

    def watch(self, cut: _Cut, deadline: float) -> None:
        with self._wake:
            self._push(cut, deadline)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._loop, name="remote-agents-deadlines", daemon=True
                )
                self._thread.start()
            elif self._heap[0][2] is cut:
                self._wake.notify()

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not self._heap:
                    self._wake.wait()
                self._wake.wait(max(0.0, self._heap[0][0] - time.monotonic()))
                due = self._due(time.monotonic())
            for cut in due:
                cut.fire()

    def _due(self, now: float) -> list[_Cut]:
        due = []
        while self._heap and self._heap[0][0] <= now:
            cut = heapq.heappop(self._heap)[2]
            deadline, cut.looked_at = cut.deadline, math.inf
            if deadline is None:
                continue
            if deadline > now:
                self._push(cut, deadline)
            else:
                due.append(cut)
        return due

    def _push(self, cut: _Cut, deadline: float) -> None:
        cut.looked_at = deadline
        heapq.heappush(self._heap, (deadline, next(self._order), cut))
        if len(self._heap) > self._full:  # closed responses leave their entries behind
            self._heap = [entry for entry in self._heap if entry[2].deadline is not None]
            heapq.heapify(self._heap)
            self._full = 2 * len(self._heap) + 1024


class _Pools:
    """The clients of this process, by TLS settings and, for async ones, by event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[Any, httpx.Client] = {}
        self._users: dict[Any, weakref.WeakSet[Transport]] = {}
        self._loops: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[Any, tuple[httpx.AsyncClient, Any]]
        ] = weakref.WeakKeyDictionary()

    def client(self, verify: Any) -> httpx.Client:
        client = self._clients.get(verify)
        if client is None:
            with self._lock:
                client = self._clients.get(verify)
                if client is None:
                    client = httpx.Client(
                        verify=_tls(verify), limits=LIMITS, follow_redirects=False
                    )
                    self._clients[verify] = client
        return client

    async def async_client(self, verify: Any) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        clients = self._loops.setdefault(loop, {})
        if verify not in clients:
            client = _new_async_client(verify)
            closer = _close_with_loop(client)
            clients[verify] = (client, closer)
            await closer.__anext__()
        return clients[verify][0]

    def users(self, verify: Any) -> weakref.WeakSet[Transport]:
        users = self._users.get(verify)
        if users is None:
            users = self._users.setdefault(verify, weakref.WeakSet())
        return users

    def leave(self, user: Transport, verify: Any) -> None:
        self.users(verify).discard(user)
        if not self.users(verify) and (client := self._clients.pop(verify, None)):
            client.close()

    async def aleave(self, user: Transport, verify: Any) -> None:
        self.leave(user, verify)
        clients = self._loops.get(asyncio.get_running_loop(), {})
        if not self.users(verify) and verify in clients:
            _, closer = clients.pop(verify)
            await closer.aclose()


async def _close_with_loop(client: httpx.AsyncClient) -> AsyncIterator[None]:
    """Close the client when its loop shuts down its async generators, as `asyncio.run` does."""
    try:
        yield
    finally:
        await client.aclose()


def _new_async_client(verify: Any) -> httpx.AsyncClient:
    try:
        from httpx_aiohttp import HttpxAiohttpClient as AsyncClient
    except ImportError:
        from httpx import AsyncClient  # type: ignore[assignment]
    return AsyncClient(verify=_tls(verify), limits=ASYNC_LIMITS, follow_redirects=False)


@lru_cache(maxsize=32)
def _tls(verify: Any) -> ssl.SSLContext:
    """One TLS context for all clients with the same settings; building one takes 20 ms."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    if isinstance(verify, (str, os.PathLike)):
        path = os.fspath(verify)
        folder = os.path.isdir(path)
        return ssl.create_default_context(
            cafile=None if folder else path, capath=path if folder else None
        )
    return httpx.create_ssl_context(verify=bool(verify))


_pools = _Pools()
_watchdog = _Watchdog()


def _forget_after_fork() -> None:
    """A forked child must not speak on its parent's sockets, nor wait for its parent's threads."""
    global _pools, _watchdog
    _kept.append(_pools)  # dropping the parent's clients here would close TLS under its feet
    _pools, _watchdog = _Pools(), _Watchdog()


_kept: list[_Pools] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


@lru_cache(maxsize=4096)
def _url(text: str) -> httpx.URL:
    return httpx.URL(text)


def _params(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if params is None else {k: v for k, v in params.items() if v is not None}


def _longest(*limits: float | None) -> float | None:
    known = [limit for limit in limits if limit is not None]
    return max(known) + 1.0 if len(known) == len(limits) else None


def _socket_of(response: httpx.Response) -> socket.socket | None:
    stream = response.extensions.get("network_stream")
    return stream.get_extra_info("socket") if stream is not None else None


def sending_failed(error: Exception, base_url: str, timeout: Timeout) -> AgentError:
    """Our error for what a client raised before a response was there.

    Args:
        error: What httpx or aiohttp raised.
        base_url: Where the request went, for the message.
        timeout: The limits, for the message.
    """
    if isinstance(error, AgentError):
        return error
    if isinstance(error, httpx.PoolTimeout) or (
        isinstance(error, httpx.ConnectTimeout) and _never_left(error)
    ):
        return AgentTimeoutError(
            f"No connection to {base_url} within {timeout.connect} s; nothing was sent. "
            "Check the network, or raise Timeout(connect=...).",
            phase="connect",
        )
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError)) and _never_left(error):
        return AgentConnectionError(
            f"Could not connect to {base_url} ({error or type(error).__name__}); nothing was "
            f"sent. {_connection_hint(str(error))}"
        )
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError)):
        return AgentConnectionError(f"The request could not be built: {error}; nothing was sent.")
    if isinstance(error, (httpx.ReadTimeout, DeadlineReached)):
        return AgentTimeoutError(
            f"No answer from {base_url} within {timeout.first_event} s. The turn may be running; "
            "it was not repeated. Raise Timeout(first_event=...) for a slower agent.",
            phase="first_event",
        )
    return reading_failed(error)


def reading_failed(error: Exception) -> AgentError:
    """Our error for what a client raised after the request had left."""
    if isinstance(error, AgentError):
        return error
    if isinstance(error, httpx.WriteTimeout):
        return AgentTimeoutError("The request could not be written in time.", phase="idle")
    if isinstance(error, httpx.ReadTimeout):
        return AgentTimeoutError("The answer stalled. Raise Timeout(idle=...).", phase="idle")
    if isinstance(error, httpx.DecodingError) or _is_malformed(error):
        return StreamProtocolError(f"The answer is not valid HTTP: {error}")
    return StreamInterruptedError(
        f"The connection broke before the answer was whole ({error or type(error).__name__}). "
        "The turn may have run; it was not repeated."
    )


def _never_left(error: Exception) -> bool:
    """Whether the connection was never made.

    httpx-aiohttp calls every broken connection a ConnectTimeout, also one that broke after the
    request was sent; its cause tells them apart.
    """
    cause = error.__cause__
    if cause is None or not type(cause).__module__.startswith("aiohttp"):
        return True
    names = {cls.__name__ for cls in type(cause).__mro__}
    return bool(names & {"ClientConnectorError", "ConnectionTimeoutError"})


def _is_malformed(error: Exception) -> bool:
    if isinstance(error, httpx.RemoteProtocolError):
        text = str(error)
        return "disconnected" not in text and "closed" not in text
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"ClientResponseError", "HttpProcessingError"})


def _connection_hint(reason: str) -> str:
    if "CERTIFICATE" in reason.upper():
        return "Pass verify='/path/to/ca.pem' if the service uses a private certificate authority."
    return "Check base_url, the network and the proxy settings."
