"""What the lists of several services need: query parameters, links, times."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from remote_agents.sandbox.serving.wire import Refusal

LARGEST_PAGE = 1000


Refuse = Callable[[str, str], Refusal]  # by the name of a parameter and what it was given


def no_number(name: str, given: str) -> Refusal:
    """The refusal of what is no number, in a sentence."""
    return Refusal(400, f"{name} must be a number")


def size_of(
    request: Request,
    name: str,
    default: int,
    most: int = LARGEST_PAGE,
    refuse: Refuse = no_number,
) -> int:
    """The size of a page, refused when it is no number; what is too large is the largest."""
    return min(whole(request, name, default, refuse) or default, most)


def whole(request: Request, name: str, default: int, refuse: Refuse = no_number) -> int:
    """A number in the query, refused when it is none."""
    given = request.query_params.get(name, str(default))
    value = digits(given)
    if value is None:
        raise refuse(name, given)
    return value


def digits(text: str) -> int | None:
    """The number that a text is; None if it is none, or more than any database counts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def link(request: Request, base_url: str, **changes: object) -> str:
    """The address of this request with other parameters."""
    query = {**request.query_params, **changes}
    known = {name: value for name, value in query.items() if value is not None}
    return f"{base_url}{request.url.path}?{urlencode(known)}"


def cursor(*values: object) -> str:
    """A place in a list as opaque text."""
    return base64.b64encode(json.dumps(values).encode()).decode()


def place(request: Request, length: int) -> list[Any] | None:
    """The place that the query's cursor names, in so many values; None if there is none."""
    text = request.query_params.get("cursor")
    if not text:
        return None
    try:
        found = json.loads(base64.b64decode(text))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, list) or len(found) != length:
        raise Refusal(404, "Invalid cursor")
    return found


def day(text: str | None) -> float | None:
    """The first moment of a day, in seconds; None if it is no day."""
    try:
        parsed = datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return parsed.timestamp()


def day_after(text: str | None) -> float | None:
    """The first moment after a day."""
    start = day(text)
    return None if start is None else start + timedelta(days=1).total_seconds()


def moment_of(text: str) -> float | None:
    """A time in ISO form in seconds, UTC where it names no zone; None if it is none."""
    try:
        parsed = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))  # no Z in Python 3.10
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()


def iso(seconds: float) -> str:
    """A time as most services write it."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
