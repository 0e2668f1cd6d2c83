"""JSON as it arrives: read strictly first, then leniently; and where one that has begun ends."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any, Literal

from pydantic_core import from_json

from remote_agents.types.sanitizing import sanitized_line

BOM = b"\xef\xbb\xbf"
# NaN, which Python's servers write, is no JSON: nobody could write down what holds it.
strictly = partial(from_json, cache_strings="keys", allow_inf_nan=False)
LONGEST_EXCERPT = 200


def parse(data: bytes) -> Any:
    """The JSON value of some bytes, with texts that can be encoded again.

    Raises:
        ValueError: They are no JSON, not even leniently read.
    """
    try:
        return strictly(data)
    except ValueError:
        return mended(parse_leniently(data))


def parse_leniently(data: bytes) -> Any:
    """JSON with raw control characters in its strings, NaN (a null), or letters that are not whole.

    Half of a surrogate pair stays what it is: the other half may be in the next frame.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        value = json.loads(_letters(data), strict=False, parse_constant=lambda _: None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    _check_depth(value)
    return value


DEEPEST = 200
"""How deep a value may be nested, as for pydantic's parser; what reads it goes down as deep."""


def _check_depth(value: object) -> None:
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1


def _letters(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def mended(value: object) -> Any:
    """The value with both halves of each surrogate pair joined, and no half left alone."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [mended(item) for item in value]
    if isinstance(value, dict):
        return {mended(key): mended(item) for key, item in value.items()}
    return value


def json_or_text(raw: bytes) -> Any:
    """The JSON value of a body, else its text."""
    raw = raw.strip().removeprefix(BOM)
    try:
        return parse(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def excerpt(data: object) -> str:
    """The beginning of what arrived, for a message."""
    said = data.decode("utf-8", "replace") if isinstance(data, bytes) else mended(repr(data))
    said = sanitized_line(said)
    if len(said) <= LONGEST_EXCERPT:
        return said
    # Half of a key would not be known as one, and not be taken out.
    return _LAST_WORD.sub("", said[:LONGEST_EXCERPT]) + "..."


_LAST_WORD = re.compile(r"[\x21\x23-\x7e]*$")  # up to a blank or a quotation mark


def form_of(head: bytes, content_type: str) -> Literal["page", "json", "events"]:
    """What a body is, by its first bytes and the type that it is said to be of.

    Example:
        >>> form_of(b'data: {"a": 1}', "application/json")
        'events'
    """
    if is_page(head):
        return "page"
    return "json" if head[:1] in (b"{", b"[") and _says_json(content_type) else "events"


def _says_json(content_type: str) -> bool:
    kind = content_type.split(";")[0].strip().lower()
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def is_page(body: bytes) -> bool:
    """Whether a body is a web page (or XML), whatever type it is said to be of."""
    return body[:4096].lstrip().removeprefix(BOM).lstrip()[:1] == b"<"


class Nesting:
    """How deep in an object or a list some bytes end, told without reading any of them twice.

    Example:
        >>> nesting = Nesting(b'{"a": [1, "]')
        >>> nesting.is_open, nesting.take(b'"]}'), nesting.is_open
        (True, None, False)
    """

    def __init__(self, data: bytes) -> None:
        self.begins_json = data.lstrip()[:1] in (b"{", b"[")
        self._depth = 0
        self._in_string = False
        self.take(data)

    @property
    def is_open(self) -> bool:
        """Whether the value goes on."""
        return self._depth > 0

    def take(self, data: bytes) -> None:
        """Read the next bytes."""
        if not self.begins_json:
            return
        for match in _MARK.finditer(data):
            mark = match[0]
            if mark == b'"':
                self._in_string = not self._in_string
            elif not self._in_string and mark[:1] != b"\\":
                self._depth += 1 if mark in b"{[" else -1


_MARK = re.compile(rb'\\.?|["{}\[\]]', re.DOTALL)
