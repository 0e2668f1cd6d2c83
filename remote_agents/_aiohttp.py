"""httpx's async client on aiohttp, which carries many streams at half the cost; an extra."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from httpx_aiohttp import AiohttpTransport, HttpxAiohttpClient


class Client(HttpxAiohttpClient):
    """An async client that keeps no cookies: aiohttp has a jar of its own beside httpx's."""

    def _init_transport(self, *args: Any, **settings: Any) -> httpx.AsyncBaseTransport:
        return _without_cookies(super()._init_transport(*args, **settings))

    def _init_proxy_transport(self, *args: Any, **settings: Any) -> httpx.AsyncBaseTransport:
        return _without_cookies(super()._init_proxy_transport(*args, **settings))


def _without_cookies(transport: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
    if isinstance(transport, AiohttpTransport):
        transport.client = partial(_session, transport)
    return transport


def _session(transport: AiohttpTransport) -> ClientSession:
    limits = transport.limits
    connector = TCPConnector(
        limit=limits.max_connections or 0,
        keepalive_timeout=limits.keepalive_expiry,
        ssl=transport.ssl_context,
    )
    return ClientSession(connector=connector, cookie_jar=DummyCookieJar())
