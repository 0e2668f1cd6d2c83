"""JSON objects in the text of an answer, whatever words, braces or code fences stand around."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
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
        found = [value for value, _ in _decoded(text)]
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
    end = 0
    for begins in _beginnings(text):
        if begins < end:
            continue  # inside of the one before
        try:
            newest, end = _DECODER.raw_decode(text, begins)
        except RecursionError:
            break
        except json.JSONDecodeError as error:
            if _breaks_off(error) and (part := _as_far_as_it_goes(text[begins:])):
                return part
        except ValueError:  # a number of too many digits
            continue
    return newest


def _breaks_off(error: json.JSONDecodeError) -> bool:
    """Whether nothing but its end is missing to a text; else it need not be read again."""
    return error.msg.startswith("Unterminated") or error.pos > len(error.doc) - LONGEST_WORD


def _decoded(text: str) -> Iterator[tuple[Any, int]]:
    """Each object, and where it ends."""
    end = 0
    for begins in _beginnings(text):
        if begins < end:
            continue  # inside of the one before
        try:
            value, end = _DECODER.raw_decode(text, begins)
        except ValueError:
            continue
        yield value, end


def _beginnings(text: str, after: int = 0) -> Iterator[int]:
    for number, match in enumerate(_BEGINNING.finditer(text, after)):
        if number == MOST:
            return
        yield match.start()


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
