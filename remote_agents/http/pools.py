"""The HTTP clients of this process: one pool for all agents with the same TLS settings.

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
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeAlias

import httpx

from remote_agents.errors import ConfigurationError

# 20 idle connections: httpcore walks all idle ones at each request, so a larger number costs CPU.
# 15 s: shorter than the idle limit of common gateways, so that we close first.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=15.0)
ASYNC_LIMITS = httpx.Limits(
    max_connections=10_000, max_keepalive_connections=1_000, keepalive_expiry=15.0
)
Clients: TypeAlias = "dict[Any, tuple[httpx.AsyncClient, AsyncIterator[None]]]"


class Pools:
    """The clients of this process, by TLS settings and, for async ones, by event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[Any, httpx.Client] = {}
        self._users: dict[Any, weakref.WeakSet[Any]] = {}
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Clients] = (
            weakref.WeakKeyDictionary()
        )

    def client(self, user: Any, verify: Any) -> httpx.Client:
        """The sync client for these TLS settings, which `user` now needs."""
        self._enter(user, verify)
        client = self._clients.get(verify)
        return client if client is not None else self._new_client(verify)

    def _new_client(self, verify: Any) -> httpx.Client:
        # Not before: it imports httpcore, which async calls may do without.
        from remote_agents.http.joining import JoiningClient

        with self._lock:
            if verify not in self._clients:
                self._clients[verify] = JoiningClient(
                    verify=tls(verify), limits=LIMITS, cookies=_no_cookies()
                )
            return self._clients[verify]

    async def async_client(self, user: Any, verify: Any) -> httpx.AsyncClient:
        """The client of this event loop for these TLS settings, which `user` now needs."""
        self._enter(user, verify)
        loop = asyncio.get_running_loop()
        clients = self._loops.get(loop)
        if clients is None:
            clients = self._new_loop(loop)
        if verify not in clients:
            client = _new_async_client(verify)
            closer = _close_with_loop(client, clients, verify)
            clients[verify] = (client, closer)
            await closer.__anext__()
        return clients[verify][0]

    def _new_loop(self, loop: asyncio.AbstractEventLoop) -> Clients:
        with self._lock:
            # A loop closed without `shutdown_asyncgens` left its clients, which hold on to it.
            for other in [other for other in self._loops if other.is_closed()]:
                _abandon(self._loops.pop(other))
            return self._loops.setdefault(loop, {})

    def abandon(self) -> None:
        """Let go of the async clients whose loops were never told to shut down."""
        for clients in self._loops.values():
            _abandon(clients)

    def _enter(self, user: Any, verify: Any) -> None:
        users = self._users.get(verify)
        if users is None:
            users = self._users.setdefault(verify, weakref.WeakSet())
        users.add(user)

    def leave(self, user: Any, verify: Any) -> None:
        """`user` needs the sync client no longer; the last one closes it."""
        users = self._users.get(verify, weakref.WeakSet())
        users.discard(user)
        if not users and (client := self._clients.pop(verify, None)):
            client.close()

    async def aleave(self, user: Any, verify: Any) -> None:
        """The same as `leave`, and for the client of this event loop too."""
        self.leave(user, verify)
        clients = self._loops.get(asyncio.get_running_loop(), {})
        if not self._users.get(verify) and verify in clients:
            await clients[verify][1].aclose()  # type: ignore[attr-defined]


def _abandon(clients: Clients) -> None:
    for client, _ in clients.values():
        if hasattr(client, "abandon"):
            client.abandon()


async def _close_with_loop(
    client: httpx.AsyncClient, clients: Clients, verify: Any
) -> AsyncIterator[None]:
    """Close the client when its loop shuts down its async generators, as `asyncio.run` does."""
    try:
        yield
    finally:
        clients.pop(verify, None)
        await client.aclose()


def _new_async_client(verify: Any) -> httpx.AsyncClient:
    try:
        from remote_agents.http._aiohttp import Client
    except ImportError:
        Client = httpx.AsyncClient  # type: ignore[assignment,misc] # noqa: N806
    return Client(verify=tls(verify), limits=ASYNC_LIMITS, cookies=_no_cookies())


def plain_request(
    defaults: Mapping[str, str],
    method: str,
    url: Any,
    *,
    headers: Mapping[str, str],
    timeout: httpx.Timeout,
    **body: Any,
) -> httpx.Request:
    """A request of a shared client: as `httpx.Client.build_request`, at a fifth of the cost.

    Args:
        defaults: Headers that `headers` may replace.
        method: `GET`, `POST`, ...
        url: The whole URL.
        headers: Headers of this request.
        timeout: httpx's limits.
        **body: `json`, `data`, `files`, `params`, as `httpx.Request` takes them.
    """
    by_name = {
        name.lower(): (name, value) for part in (defaults, headers) for name, value in part.items()
    }
    return httpx.Request(
        method,
        url,
        headers=list(by_name.values()),
        extensions={"timeout": timeout.as_dict()},
        **body,
    )


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


@lru_cache(maxsize=32)
def tls(verify: Any) -> ssl.SSLContext:
    """One TLS context for all clients with the same settings; building one takes 20 ms.

    Args:
        verify: True, False, the path of a CA bundle or of a folder of them, or a context.

    Raises:
        ConfigurationError: The bundle cannot be read.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    if not isinstance(verify, (str, os.PathLike)):
        return httpx.create_ssl_context(verify=bool(verify))
    path = os.fspath(verify)
    folder = os.path.isdir(path)
    try:
        return ssl.create_default_context(
            cafile=None if folder else path, capath=path if folder else None
        )
    except OSError as error:
        raise ConfigurationError(
            f"verify={path!r} is not a readable bundle of certificates (PEM): {error}."
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
