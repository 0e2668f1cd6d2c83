"""What the files say that come with a question, as far as they are text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from remote_agents.sandbox.json_types import JsonObject

LONGEST = 100_000  # characters of a file that are looked at


class Files(NamedTuple):
    """The files of a question: their names, and what they say as messages of nobody's."""

    names: tuple[str, ...]
    said: list[JsonObject]


def file_messages(contents: Iterable[bytes | None]) -> list[JsonObject]:
    """Files that are text, as messages that neither the user nor the agent said."""
    texts = map(_text_of, contents)
    return [{"role": "file", "content": text} for text in texts if text]


def _text_of(content: bytes | None) -> str:
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text[:LONGEST]
