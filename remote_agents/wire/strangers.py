"""Frames that are no answer: keep-alives, and frames that nobody knows but that may hold text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from remote_agents.types import Event, Unknown

# What a keep-alive says, as its data, as its type, or as the name of its event.
WORDS = frozenset({"ping", "pong", "keepalive", "keep-alive", "keep_alive", "heartbeat"})
CONTENT = ("answer", "choices", "content", "delta", "text")


@lru_cache(maxsize=256)
def is_keep_alive_word(value: str | bytes) -> bool:
    """Whether a name or a text says only that the connection stands, in any case or quotes."""
    word = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    word = word.strip(" \t\r\n\"'`").lower()
    return not word or word in WORDS


def is_keep_alive(value: Any) -> bool:
    """Whether a JSON value says only that the connection stands."""
    if isinstance(value, dict):
        return not value or (_names_keep_alive(value) and not any(map(value.get, CONTENT)))
    if isinstance(value, str):
        return is_keep_alive_word(value)
    return not isinstance(value, list) or not value


def _names_keep_alive(value: dict[str, Any]) -> bool:
    words = next(iter(value)) if len(value) == 1 else None, value.get("type"), value.get("event")
    return any(isinstance(word, str) and word.lower() in WORDS for word in words)


def text_in(value: Any) -> str:
    """A text in a JSON value that is no id, type, role or time; an empty one if there is none."""
    return next((said for name, said in _texts("", value) if LABEL.search(name) is None), "")


def strange(value: Mapping[str, Any], known: frozenset[str]) -> list[Event]:
    """What a part of a frame says beside the known keys, if that may be text of the answer.

    Args:
        value: The part in which the answer should have stood, and did not.
        known: Its keys that hold no text of the answer.
    """
    rest = {name: item for name, item in value.items() if name not in known}
    return [Unknown(rest)] if text_in(rest) else []


def answer_in(value: Any) -> str:
    """A text in a JSON value under a key that services use for the text of an answer."""
    return next((said for name, said in _texts("", value) if name in ANSWER_KEYS), "")


def _texts(name: str, value: Any) -> list[tuple[str, str]]:
    """Each text that is not empty, with the key that it stands under."""
    found, open_values = [], [(name, value)]
    while open_values:
        name, value = open_values.pop()
        if isinstance(value, dict):
            open_values.extend(value.items())
        elif isinstance(value, list):
            open_values.extend((name, item) for item in value)
        elif isinstance(value, str) and value:
            found.append((name, value))
    return found


LABEL = re.compile(
    r"(?:^|[_-])(?i:ids?|uuid|types?|object|event|kind|model|version|role|at|time|date|timestamp"
    r"|created|updated|finish_?reason)$"
    r"|[a-z0-9](?:Ids?|ID|Uuid|UUID|Type|Model|Role|At|Time|Date|Timestamp)$"
)
ANSWER_KEYS = frozenset(
    {"answer", "body", "chunk", "completion", "content", "data", "delta", "generated_text"}
    | {"message", "msg", "output", "output_text", "part", "parts", "reply", "response", "result"}
    | {"text", "token", "value"}
)
