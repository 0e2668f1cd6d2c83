"""JSON objects in the text of an answer, whatever words, braces or code fences stand around."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

MOST = 1000  # places at which one may begin, so that no answer takes for ever
LONGEST_WORD = 16  # letters of a word, a number or an escape that has only begun

_BEGINNING = re.compile(r'\{(?=\s*(?:["}]|$))')
_DECODER = json.JSONDecoder(strict=False)  # models break lines inside of strings
# A string, without half of an escape at its end, or what gives an object its form.
_TOKEN = re.compile(r'"(?:[^"\\]|\\[^u]|\\u[0-9a-fA-F]{4})*(")?|[{}\[\],]')
_CLOSES = {"{": "}", "[": "]"}


def objects_in(text: str) -> list[Any]:
    """The objects in an answer, in order; objects inside of others are no others.

    Args:
        text: The answer.

    Returns:
        The value of the whole text, where it has no object.

    Raises:
        ValueError: There is none, and the text is no JSON.

    Example:
        >>> objects_in('From {1, 2} follows: ```json {"days": 25} ``` Fine {smile}!')
        [{'days': 25}]
    """
    try:
        found = [value for _, value, error in _readings(text) if error is None]
        return found or [json.loads(text[max(0, text.find("{")) :], strict=False)]
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def newest_object_in(text: str) -> Any:
    """The object that is arriving in an answer, as far as it goes; else the last whole one.

    Example:
        >>> newest_object_in('Once more: {"days": 25, "answ')
        {'days': 25}
    """
    newest: Any = None
    with suppress(RecursionError):
        for begins, value, error in _readings(text):
            if error is None:
                newest = value
            elif _breaks_off(error) and (part := _as_far_as_it_goes(text[begins:])):
                return part
    return newest


def _breaks_off(error: ValueError) -> bool:
    """Whether nothing but its end is missing to a text; else it need not be read again."""
    if not isinstance(error, json.JSONDecodeError):
        return False  # a number of too many digits
    return error.msg.startswith("Unterminated") or error.pos > len(error.doc) - LONGEST_WORD


def _readings(text: str) -> Iterator[tuple[int, Any, ValueError | None]]:
    """Where an object may begin that is inside of no other, and its value, or why it has none."""
    end = 0
    for match in islice(_BEGINNING.finditer(text), MOST):
        begins = match.start()
        if begins < end:
            continue
        try:
            value, end = _DECODER.raw_decode(text, begins)
        except ValueError as error:
            yield begins, None, error
        else:
            yield begins, value, None


def _as_far_as_it_goes(text: str) -> Any:
    """The value of an object whose end is missing; None if it is none, or has ended."""
    missing: list[str] = []
    end, cut = len(text), 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark[0] == '"':
            if token[1] is None:  # still arriving
                missing.append('"')
                end = token.end()
                break
            continue
        if mark in _CLOSES:
            missing.append(_CLOSES[mark])
        elif mark != ",":
            missing.pop()
            if not missing:
                return None
        cut = token.start() if mark == "," else token.end()
    closed = "".join(reversed(missing))
    # All of it, else without the field or item that has only begun.
    for begun in (text[:end] + closed, text[:cut] + closed.removeprefix('"')):
        with suppress(ValueError):
            return json.loads(begun, strict=False)
    return None
