"""The HTTP clients of this process: one pool for all agents that are reached in the same way.

Async clients belong to one event loop and close with it. None keeps cookies: the services know a
caller by his key, and the same pool serves many keys.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import httpx

from remote_agents.errors import ConfigurationError
from remote_agents.http import certificates
from remote_agents.http.errors import Departure
from remote_agents.http.proxies import proxy_for
from remote_agents.http.requests import OutgoingRequest
from remote_agents.http.responses import IncomingResponse
from remote_agents.workers import workers

if TYPE_CHECKING:
    from remote_agents.http._httpcore_sync import SyncHttpcoreClient

# 20 idle connections: httpcore walks all idle ones at each request, so a larger number costs CPU.
# 15 s: shorter than the idle limit of common gateways, so that we close first.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=15.0)
ASYNC_LIMITS = httpx.Limits(
    max_connections=10_000, max_keepalive_connections=1_000, keepalive_expiry=15.0
)


class AsyncClient(Protocol):
    """What async requests of one event loop go through."""

    async def send(self, request: OutgoingRequest, departure: Departure) -> IncomingResponse:
        """Send a request; the response's head has arrived."""

    async def aclose(self) -> None:
        """Close the connections."""


Clients: TypeAlias = "dict[Route, tuple[AsyncClient, AsyncGenerator[None, None]]]"


@dataclass(frozen=True)
class Route:
    """What tells connections apart.

    Args:
        verify: The TLS settings; None where there is no TLS at all.
        proxy: The address of a proxy, which may hold its password.
    """

    verify: Any
    proxy: str | None = field(default=None, repr=False)

    @classmethod
    def to(cls, url: str, verify: object) -> Route:
        """The route to a URL.

        Raises:
            ConfigurationError: The proxy of the environment cannot be used.
        """
        proxy = proxy_for(url)
        secure = url.startswith("https:") or (proxy or "").startswith("https:")
        return cls(verify if secure else None, proxy)


class Pools:
    """The clients of this process, by route and, for async ones, by event loop."""

    def __init__(self) -> None:
        # Held by whoever enters or leaves a route: nobody is given a client that is being closed.
        # A thread that holds it may take it again, as garbage is collected anywhere.
        self._lock = threading.RLock()
        self._clients: dict[Route, SyncHttpcoreClient] = {}
        self._users: dict[Route, weakref.WeakSet[Any]] = {}
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Clients] = (
            weakref.WeakKeyDictionary()
        )

    def client(self, user: object, route: Route) -> SyncHttpcoreClient:
        """The sync client for this route, which `user` now needs."""
        with self._lock:
            self._enter(user, route)
            client = self._clients.get(route)
        return client if client is not None else self._new_client(route)

    def _new_client(self, route: Route) -> SyncHttpcoreClient:
        # Not before: it imports httpcore, which async calls may do without.
        from remote_agents.http._httpcore_sync import SyncHttpcoreClient

        context = context_of(route)
        with self._lock:
            if route not in self._clients:
                self._clients[route] = SyncHttpcoreClient(context, LIMITS, _proxy(route, context))
            return self._clients[route]

    async def async_client(self, user: object, route: Route) -> AsyncClient:
        """The client of this event loop for this route, which `user` now needs."""
        with self._lock:
            self._enter(user, route)
        loop = asyncio.get_running_loop()
        clients = self._loops.get(loop)
        if clients is None:
            clients = self._new_loop(loop)
        if route not in clients:
            # In a thread: it imports modules, and reads certificates. Not in one of the loop's own,
            # which may all be busy with what the application runs there.
            make = await workers.acall(partial(_async_client, route), None)
            if route not in clients:  # another task may have been here meanwhile
                client = make()
                closer = _close_with_loop(client, clients, route)
                clients[route] = (client, closer)
                await closer.__anext__()
        return clients[route][0]

    def _new_loop(self, loop: asyncio.AbstractEventLoop) -> Clients:
        with self._lock:
            # A loop closed without `shutdown_asyncgens` left its clients, which hold on to it.
            for other in [other for other in self._loops if other.is_closed()]:
                _abandon(self._loops.pop(other))
            return self._loops.setdefault(loop, {})

    def abandon(self) -> None:
        """Let go of the async clients whose loops were never told to shut down.

        A loop that still runs, in another thread, may be waited for at the process's end.
        """
        for loop, clients in self._loops.items():
            if not loop.is_running():
                _abandon(clients)

    def _enter(self, user: object, route: Route) -> None:
        users = self._users.get(route)
        if users is None:
            users = weakref.WeakSet()
        if isinstance(route.verify, ssl.SSLContext) and user not in users:
            # A context of one's own is one model's: its connections go when the model does.
            weakref.finalize(user, self._forget, route).atexit = False
        users.add(user)
        self._users[route] = users

    def _forget(self, route: Route) -> None:
        with self._lock:
            client = None
            if not self._users.get(route):
                self._users.pop(route, None)
                client = self._clients.pop(route, None)
        if client is not None:
            client.close()

    def leave(self, user: object) -> None:
        """`user` needs its sync clients no longer; the last user of one closes it."""
        with self._lock:
            clients = self._pop_clients(self._routes_without(user))
        for client in clients:
            client.close()

    async def aleave(self, user: object) -> None:
        """The same as `leave`, and for the clients of this event loop too."""
        of_loop = self._loops.get(asyncio.get_running_loop(), {})
        with self._lock:
            routes = self._routes_without(user)
            clients = self._pop_clients(routes)
        # All at once: while one is closed, another task may come for the next.
        closers = [of_loop.pop(route)[1] for route in routes if route in of_loop]
        for client in clients:
            client.close()
        for closer in closers:
            await closer.aclose()

    def _routes_without(self, user: object) -> list[Route]:
        """The routes that nobody needs without this user."""
        for users in self._users.copy().values():
            users.discard(user)
        return [route for route, users in self._users.copy().items() if not users]

    def _pop_clients(self, routes: list[Route]) -> list[SyncHttpcoreClient]:
        """The sync clients of these routes, which nobody is given any more."""
        taken = (self._clients.pop(route, None) for route in routes)
        return [client for client in taken if client is not None]


def _abandon(clients: Clients) -> None:
    for client, _ in clients.values():
        if hasattr(client, "abandon"):
            client.abandon()


async def _close_with_loop(
    client: AsyncClient, clients: Clients, route: Route
) -> AsyncGenerator[None, None]:
    """Close the client when its loop shuts down its async generators, as `asyncio.run` does."""
    try:
        yield
    finally:
        if route in clients and clients[route][0] is client:
            del clients[route]
        await client.aclose()


def _async_client(route: Route) -> Callable[[], AsyncClient]:
    """What makes the async client of a route: on aiohttp, or on httpcore as the sync ones.

    aiohttp knows no SOCKS; so all that goes through a proxy goes there in one way.
    """
    context = context_of(route)
    if route.proxy is None:
        with suppress(ImportError, OSError):  # it makes TLS contexts, wanted or not
            from remote_agents.http._aiohttp import AiohttpClient, is_known

            if is_known():
                return partial(AiohttpClient, context, ASYNC_LIMITS)
    from remote_agents.http._httpcore_async import AsyncHttpcoreClient

    return partial(AsyncHttpcoreClient, context, ASYNC_LIMITS, _proxy(route, context))


def _proxy(route: Route, context: ssl.SSLContext) -> httpx.Proxy | None:
    if route.proxy is None:
        return None
    secure = route.proxy.startswith("https:")
    return httpx.Proxy(route.proxy, ssl_context=context if secure else None)


def context_of(route: Route) -> ssl.SSLContext:
    """The TLS context of a route; one of the caller's own is his, and kept by nobody else."""
    return route.verify if isinstance(route.verify, ssl.SSLContext) else tls(route.verify)


@lru_cache(maxsize=32)
def tls(verify: object) -> ssl.SSLContext:
    """One TLS context for all clients with the same settings; building one takes 20 ms.

    Args:
        verify: True, False, the path of a CA bundle or of a folder of them, or None for
            one that trusts nobody, where no TLS is spoken.

    Raises:
        ConfigurationError: The bundle cannot be read.
    """
    if verify is None:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if isinstance(verify, (str, os.PathLike)):
        return certificates.Renewable(partial(_context_of_files, os.fspath(verify)), verify)
    if not verify:
        return _standard_context(False)
    return certificates.Renewable(partial(_standard_context, True), True)


def _context_of_files(path: str) -> ssl.SSLContext:
    folder = os.path.isdir(path)
    try:
        return ssl.create_default_context(
            cafile=None if folder else path, capath=path if folder else None
        )
    except OSError as error:
        raise ConfigurationError(
            f"verify={path!r} is not a readable bundle of certificates (PEM): {error}. "
            "Nothing was sent."
        ) from error


def _standard_context(verify: bool) -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context(verify=verify)
    except OSError as error:
        names = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
        found = ", ".join(f"{name}={os.environ[name]}" for name in names if os.environ.get(name))
        raise ConfigurationError(
            f"TLS cannot be set up ({error}); nothing was sent. Check what the environment names"
            f"{f': {found}' if found else ''}."
        ) from error


pools = Pools()
atexit.register(lambda: pools.abandon())
_kept: list[Pools] = []


def _forget_after_fork() -> None:
    """A forked child must not speak on its parent's sockets."""
    global pools
    _kept.append(pools)  # dropping the parent's clients here would close TLS under its feet
    pools = Pools()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
