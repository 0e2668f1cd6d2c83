"""What a request of ours is made of, below the pools that send it."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

# What another host is told.
PUBLIC_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host"}
    | {"transfer-encoding", "user-agent"}
)


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
    return httpx.Request(
        method,
        url,
        headers=merged(defaults, headers),
        extensions={"timeout": timeout.as_dict()},
        **body,
    )


def merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Headers, of which a later one replaces an earlier one of the same name, however spelt."""
    by_name = {name.lower(): (name, value) for part in parts for name, value in part.items()}
    return dict(by_name.values())


def tell_no_more(built: httpx.Request, headers: Mapping[str, str]) -> None:
    """Leave a request to another host without what is for the service only.

    A client of the caller's own may add headers to each request: keys, cookies.
    """
    public = [(name, value) for name, value in built.headers.items() if name in PUBLIC_HEADERS]
    built.headers = httpx.Headers(public)
    built.headers.update(headers)


def no_cookies() -> CookieJar:
    """A jar that takes nothing."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
