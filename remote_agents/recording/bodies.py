"""What a body is made of: what is the protocol's, and what is somebody's own.

Nothing here must be well-formed: what cannot be read is taken for text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal, NamedTuple

from remote_agents.recording.words import Vocabulary, is_text


class Segment(NamedTuple):
    """A part of a body.

    Args:
        kind: `kept` is the protocol's, `name` the name of a field, `text` and `number` are values.
        raw: As it was sent.
        key: The field whose value it is.
        joins: What it is a piece of, where one text comes in many frames.
    """

    kind: Literal["kept", "name", "text", "number"]
    raw: str
    key: str = ""
    joins: tuple[str, str] | None = None


# A number stands between marks of JSON: after a lost quote, "4400e576-25b6" is somebody's id.
_JSON = re.compile(
    r"(?P<open>\")(?P<string>(?:[^\"\\]|\\.)*)(?P<close>\"?)(?=(?P<colon>\s*:)?)"
    r"|(?P<number>(?<![^\s:,\[])-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?![^\s,\]}]))"
    r"|(?P<kept>(?<!\w)(?:true|false|null|NaN|-?Infinity)(?!\w)|[{}\[\],:\s]+)"
    r"|(?P<other>[^\"{}\[\],:\s]+)",
    re.DOTALL,
)
_LINE = re.compile(r"(\r\n|\n|\r)")
_FIELD = re.compile(r"(data|event|id|retry)(: ?)(.*)", re.DOTALL)
_FRAMES = re.compile(r"^(?:data|event|id|retry):", re.MULTILINE)
_STRUCTURE = re.compile(r"\ufeff?\s*[{\[\"]")


def segments(text: str, vocabulary: Vocabulary) -> Iterator[Segment]:
    """The parts of a body of JSON, of server-sent events, or of anything else."""
    if _FRAMES.search(text):
        for part in _LINE.split(text):
            yield from _line(part, vocabulary)
    else:
        yield from _value(text, vocabulary)


def _line(line: str, vocabulary: Vocabulary) -> Iterator[Segment]:
    found = _FIELD.fullmatch(line)
    if found is None:
        yield from _value(line, vocabulary)
        return
    yield Segment("kept", found[1] + found[2])
    value = found[3]
    if value == "[DONE]":
        yield Segment("kept", value)
    elif found[1] == "data":
        yield from _joining(list(_value(value, vocabulary)))
    elif found[1] == "event" and vocabulary.knows(value):
        yield Segment("kept", value)
    elif found[1] == "retry" and value.isdecimal():
        yield Segment("number", value)
    else:
        yield Segment("text", value, found[1])


def _joining(frame: list[Segment]) -> Iterator[Segment]:
    """Text of a frame goes on with that of the same field in the next frame of this type."""
    often = Counter(part.key for part in frame if part.kind == "text" and is_text(part.key))
    kinds = (part.raw for part in frame if part.kind == "kept" and part.key in ("type", "event"))
    kind = next(kinds, "")
    for part in frame:
        alone = part.kind == "text" and often[part.key] == 1
        yield part._replace(joins=(part.key, kind)) if alone else part


def _value(text: str, vocabulary: Vocabulary) -> Iterator[Segment]:
    if _STRUCTURE.match(text):
        yield from _json(text, vocabulary)
    elif text:
        yield Segment("text", text)


def _json(text: str, vocabulary: Vocabulary) -> Iterator[Segment]:
    key = ""
    for found in _JSON.finditer(text):
        if found["open"]:
            string, named = found["string"], found["colon"] is not None and bool(found["close"])
            if named:
                key = string
            kept = vocabulary.knows(string) if named else vocabulary.keeps(key, string)
            kind: Literal["kept", "name", "text"] = "kept" if kept else "name" if named else "text"
            yield Segment("kept", '"')
            yield Segment(kind, string, key)
            yield Segment("kept", found["close"])
        elif found["other"]:
            yield Segment("text", found["other"], key)
        elif found["number"]:
            yield Segment("number", found["number"], key)
        else:
            yield Segment("kept", found["kept"])
