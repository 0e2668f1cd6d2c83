"""A row of a bulk run, and what it can hold of any input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import to_jsonable_python

Row = dict[str, Any]


def jsonable(value: object, text: Callable[[object], str] = str) -> Any:
    """A value as JSON has it: bytes in base64, an array as a list, NaN as null, else a text.

    Args:
        value: Anything.
        text: Gives the text of what JSON has no word for.
    """

    def plain(inner: Any) -> object:
        return inner.tolist() if hasattr(inner, "tolist") else text(inner)

    try:
        return to_jsonable_python(value, fallback=plain, bytes_mode="base64", inf_nan_mode="null")
    except (ValueError, RecursionError, TypeError):  # it holds itself, or pandas.NaT
        return text(value)
