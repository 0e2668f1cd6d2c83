"""Lenient readers of what a service sent as JSON: they never raise for a wrong type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remote_agents.errors import StreamProtocolError
from remote_agents.json_types import JsonMapping


def text(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def mapping(value: object) -> JsonMapping:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """The value if it is a list, a single object as a list of one, else an empty list."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


def rest_of(content: str, so_far: str) -> str:
    """What a last frame adds to the text: one more piece, or all of it again but its blanks."""
    if content.startswith(so_far):
        return content[len(so_far) :]
    repeated = content.strip() == so_far.strip() and content in so_far
    return "" if repeated else content


def number(value: object) -> float | None:
    """A finite number, also from a numeric string."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if abs(result) < 1e300 else None


def count(value: object) -> int:
    """A count of tokens; 0 if it is none."""
    if type(value) is int and 0 <= value < 1 << 53:
        return value
    return max(int(number(value) or 0), 0)


def required_id(value: object, of: str) -> str:
    """An id without which the turn must not go on.

    Raises:
        StreamProtocolError: There is none.
    """
    found = identifier(value)
    if found is None:
        raise StreamProtocolError(f"The service sent no id of {of}; the turn went no further.")
    return found


def identifier(value: object) -> str | None:
    """A non-empty id; numbers become text."""
    if isinstance(value, bool):
        return None
    return str(value) if isinstance(value, (str, int)) and str(value) else None


def merge(base: object, extra: object) -> Any:
    """One JSON value with another laid over it: objects field by field, the rest replaced.

    Example:
        >>> merge({"message": {"content": "Hi"}}, {"message": {"metadata": {"zone": "UTC"}}})
        {'message': {'content': 'Hi', 'metadata': {'zone': 'UTC'}}}
    """
    if not isinstance(base, Mapping) or not isinstance(extra, Mapping):
        return extra
    return {**base, **{key: merge(base.get(key), value) for key, value in extra.items()}}
