"""httpcore's pools, that close no connection on which a request begins.

A pool looks for connections to close at each request, and one that it has just handed out still
looks idle: until the request on it has begun, or while it does, another thread or task may find it
worth closing. That request would be cut off, and may have run.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpcore
import httpx


class _Connection:
    """A connection of httpcore's, that either begins a request or is to be closed.

    Args:
        connection: httpcore's own, sync or async.
        pool: That holds it, and is not to be held by it.
        kept: How many connections the pool keeps when they are idle.
    """

    def __init__(self, connection: Any, pool: weakref.ref[Any], kept: int) -> None:
        self._connection, self._pool, self._kept = connection, pool, kept
        # A thread that holds it may take it again, as garbage is collected anywhere.
        self._lock = threading.RLock()
        self._beginning = 0
        self._given_up = False
        self.is_closed, self.is_idle = connection.is_closed, connection.is_idle
        self.is_available, self.info = connection.is_available, connection.info
        self.can_handle_request = connection.can_handle_request

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Begin a request: until its response begins, the connection is not given up.

        Raises:
            httpcore.ConnectionNotAvailable: It has been; the pool then takes another.
        """
        with self._lock:
            if self._given_up:
                raise httpcore.ConnectionNotAvailable
            self._beginning += 1
        try:
            yield
        finally:
            with self._lock:
                self._beginning -= 1

    def has_expired(self) -> bool:
        """Whether the pool is to close it, as it does next; no request begins on it then."""
        with self._lock:
            if not (self._given_up or self._beginning):
                pool = self._pool()
                is_surplus = pool is not None and len(pool.connections) > self._kept
                self._given_up = self._connection.has_expired() or (is_surplus and self.is_idle())
            return self._given_up


class _SyncConnection(_Connection):
    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        with self.beginning():
            return cast("httpcore.Response", self._connection.handle_request(request))

    def close(self) -> None:
        self._connection.close()


class _AsyncConnection(_Connection):
    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        with self.beginning():
            return cast("httpcore.Response", await self._connection.handle_async_request(request))

    async def aclose(self) -> None:
        await self._connection.aclose()


class SyncPool(httpcore.ConnectionPool):
    """A pool for threads.

    Args:
        limits: How many connections there are, and are kept, and for how long.
        settings: httpcore's own.
    """

    def __init__(self, limits: httpx.Limits, **settings: Any) -> None:
        super().__init__(**_counted(limits), **settings)
        self._kept = limits.max_keepalive_connections or 0

    def create_connection(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        """A new connection to a host."""
        made: Any = _SyncConnection(
            super().create_connection(origin), weakref.ref(self), self._kept
        )
        return cast("httpcore.ConnectionInterface", made)


class AsyncPool(httpcore.AsyncConnectionPool):
    """The same as `SyncPool`, for the tasks of an event loop."""

    def __init__(self, limits: httpx.Limits, **settings: Any) -> None:
        super().__init__(**_counted(limits), **settings)
        self._kept = limits.max_keepalive_connections or 0

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        """A new connection to a host."""
        made: Any = _AsyncConnection(
            super().create_connection(origin), weakref.ref(self), self._kept
        )
        return cast("httpcore.AsyncConnectionInterface", made)


def _counted(limits: httpx.Limits) -> dict[str, Any]:
    # httpcore would close what it has too many of without asking whether a request begins there.
    return {
        "max_connections": limits.max_connections,
        "max_keepalive_connections": None,
        "keepalive_expiry": limits.keepalive_expiry,
    }
