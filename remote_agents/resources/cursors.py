"""Places in lists that come in pages, and the cursors that name them. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import astuple, dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonMapping
from remote_agents.service import Endpoint

PREFIX = "p2."  # of our cursors; its number changes with what they hold


@dataclass(frozen=True, slots=True)
class PagePosition:
    """A page of a list: enough to fetch it again, and what was taken from it.

    Args:
        url: Path and query of the page.
        number: Its number, from 1.
        before: Items on the pages before it.
        way: Which way of its `Paging` led here.
        taken: Items taken from it.
        last: Id of the last item taken, if it has one.
        asked: What the list was asked for, as a query; a link to a page need not repeat it.
    """

    url: str
    number: int = 1
    before: int = 0
    way: int = 0
    taken: int = 0
    last: str | None = None
    asked: str = ""


def resumed(
    endpoint: Endpoint, url: str, cursor: str, own_cursors: bool, filters: JsonMapping
) -> PagePosition:
    """The place that a cursor names in a service's list at `url`, which the filters decide.

    Raises:
        ConfigurationError: It names none there.
    """
    asked = with_query("", filters)
    if not isinstance(cursor, str):
        raise ConfigurationError(f"cursor must be a str, not {type(cursor).__name__}.")
    place = decode(cursor)
    if place is None and own_cursors and not cursor.startswith(PREFIX):
        return PagePosition(with_query(url, {"cursor": cursor}), asked=asked)
    if place is None:
        raise ConfigurationError(
            f"{cursor!r} is no cursor of this list; pass the .cursor of an earlier list()."
        )
    if _list_of(endpoint, place.url) != _list_of(endpoint, url) or place.asked != asked:
        raise ConfigurationError(
            "This cursor belongs to another list: pass it with the arguments of the list that it "
            "is from."
        )
    return replace(place, url=with_query(place.url, filters))


def _list_of(endpoint: Endpoint, url: str) -> str:
    """Which list an address is of, below whichever root of the service it is."""
    path = url.partition("?")[0]
    return endpoint.below_root(path) or path


def encode(place: PagePosition) -> str:
    """A place as an opaque text."""
    values = json.dumps(astuple(place))
    return PREFIX + base64.urlsafe_b64encode(values.encode()).decode().rstrip("=")


def decode(cursor: str) -> PagePosition | None:
    """The place that a text of ours names; None if it is not ours."""
    if not cursor.startswith(PREFIX):
        return None
    text = cursor.removeprefix(PREFIX)
    try:
        place = PagePosition(*json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        return None
    counts = (place.number, place.before, place.way, place.taken)
    whole = all(type(count) is int and count >= 0 for count in counts)
    return place if whole and str(place.url).startswith("/") else None


def with_query(url: str, changes: JsonMapping) -> str:
    """The address with some query parameters set, or taken away where they are None."""
    path, _, query = url.partition("?")
    params = {**dict(parse_qsl(query, keep_blank_values=True)), **changes}
    try:
        query = urlencode({name: _query_value(v) for name, v in params.items() if v is not None})
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"{error.object!r} cannot be sent: it holds half a letter."
        ) from error
    return f"{path}?{query}" if query else path


def _query_value(value: object) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
