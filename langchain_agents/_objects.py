"""JSON objects in the text of an answer, whatever words, braces or code fences stand around."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from langchain_core.utils.json import parse_partial_json

MOST = 1000  # places at which one may begin, so that no answer takes for ever

_BEGINNING = re.compile(r'\{(?=\s*(?:["}]|$))')
_DECODER = json.JSONDecoder(strict=False)  # models break lines inside of strings


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
    newest, end = [(None, 0), *_decoded(text)][-1]
    for begins in _beginnings(text, end):
        with suppress(ValueError):
            if part := parse_partial_json(text[begins:]):
                return part
    return newest


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
