"""A row of a bulk run, and what it can hold of any input."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python

Row = dict[str, Any]


def jsonable(value: object) -> Any:
    """A value as JSON has it: bytes in base64, an array as a list, anything else as its text."""
    try:
        return to_jsonable_python(value, fallback=_plain, bytes_mode="base64")
    except (ValueError, RecursionError, TypeError):  # it holds itself, or pandas.NaT
        return str(value)


def _plain(value: Any) -> object:
    return value.tolist() if hasattr(value, "tolist") else str(value)
