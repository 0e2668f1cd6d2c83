"""Requests as they are written to a connection, from what a flow asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from json import JSONEncoder
from typing import Any, NamedTuple, TypeAlias

import httpx

from remote_agents.errors import ConfigurationError
from remote_agents.flow import Request

Timeouts: TypeAlias = dict[str, float | None]

# What another host is told.
PUBLIC_HEADERS = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host"}
    | {"transfer-encoding", "user-agent"}
)
# What a request says that says nothing of it itself; a body is unpacked here, within bounds.
_DEFAULTS = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
    "Connection": "keep-alive",
    "User-Agent": f"python-httpx/{httpx.__version__}",
}


class OutgoingRequest(NamedTuple):
    """A request as a connection is to write it.

    Args:
        method: `GET`, `POST`, ...
        url: The whole URL, as it is written.
        headers: All headers.
        body: Its bytes, or what gives them.
        timeout: Seconds for each phase, by the names that httpx and httpcore give them. A
            connection looks at it when the phase begins.
    """

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: Any
    timeout: Timeouts

    @classmethod
    def of(cls, request: httpx.Request) -> OutgoingRequest:
        """A request that httpx has put together."""
        plain = isinstance(request.stream, httpx.ByteStream)
        return cls(
            request.method,
            str(request.url),
            request.headers.multi_items(),
            request.content if plain else request.stream,
            request.extensions["timeout"],
        )


class Address(NamedTuple):
    """A URL in the forms in which it is needed."""

    url: httpx.URL
    text: str
    host: str


@lru_cache(maxsize=4096)
def address_of(text: str) -> Address:
    """A URL, looked at once.

    Raises:
        ConfigurationError: It leads to another path than it says.
        httpx.InvalidURL: It is none.
    """
    if _DOT_SEGMENT.search(text):
        raise ConfigurationError(
            "An id must not be '.' or '..': it would lead to another path. Nothing was sent."
        )
    url = httpx.URL(text)
    return Address(url, str(url), url.netloc.decode("ascii"))


_DOT_SEGMENT = re.compile(r"^[^?#]*/\.{1,2}(?:/|$)")  # what quoting leaves as it is


def outgoing_json(
    request: Request, address: Address, timeout: Timeouts, *headers: Mapping[str, str]
) -> OutgoingRequest:
    """A request with a body of JSON, as nearly all are: at a tenth of what httpx needs for it.

    Args:
        request: What a flow asks for.
        address: Its whole URL.
        timeout: Seconds for each phase.
        *headers: Which go before those that are written without them, the last before all.

    Raises:
        ValueError: The body is no JSON, or a header is not ASCII.
    """
    body = _to_json(request.json).encode()
    about = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    pairs = list(merged({"Host": address.host}, _DEFAULTS, about, *headers).items())
    if not all(value.isascii() for _, value in pairs):
        raise ValueError("a header has letters beyond ASCII")
    return OutgoingRequest(request.method, address.text, pairs, body, timeout)


_to_json = JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def build_request(
    method: str,
    url: Any,
    *,
    headers: Mapping[str, str],
    timeout: httpx.Timeout,
    **body: Any,
) -> httpx.Request:
    """The same as `httpx.Client.build_request`, for the clients of this process.

    Args:
        method: `GET`, `POST`, ...
        url: The whole URL.
        headers: Headers of this request.
        timeout: httpx's limits.
        **body: `json`, `data`, `files`, `params`, as `httpx.Request` takes them.
    """
    return httpx.Request(
        method,
        url,
        headers=merged(_DEFAULTS, headers),
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
