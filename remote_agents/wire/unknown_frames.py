"""Frames that nobody knows, and that may hold text all the same."""

from __future__ import annotations

import re

from remote_agents.json_types import JsonMapping
from remote_agents.types import Event, Unknown

CONTENT = frozenset({"answer", "content", "text"})
TYPE_KEYS = frozenset({"type", "event"})  # the event is mostly a name that stood beside the data


def text_in(value: object) -> str:
    """A text in a JSON value that is no id, type, role or time; an empty one if there is none."""
    return next((said for name, said, _ in _texts(value) if not _is_label(name)), "")


def unknown_events(value: JsonMapping, known: frozenset[str]) -> list[Event]:
    """What a part of a frame says beside the known keys, if that may be text of the answer.

    Args:
        value: The part in which the answer should have stood, and did not.
        known: Its keys that hold no text of the answer.
    """
    rest = {name: item for name, item in value.items() if name not in known}
    return [Unknown(rest)] if rest and text_in(rest) else []


def answer_in(value: object) -> str:
    """A text in a JSON value where services put the text of an answer."""
    found = (
        said
        for name, said, inside in _texts(value)
        if name in ANSWER_KEYS or (inside and not _is_label(name))
    )
    return next(found, "")


def _texts(value: object) -> list[tuple[str, str, bool]]:
    """Each text that is not empty, the key that it stands under, and whether that is in content.

    A number that is content is a text too: somebody forgot its quotation marks.
    """
    found, open_values = [], [("", value, False)]
    while open_values:
        name, item, inside = open_values.pop()
        inside = inside or name in CONTENT
        if isinstance(item, dict):
            for key, each in item.items():
                if type(each) in _MAY_SAY or key in CONTENT:
                    open_values.append((key, each, inside))
        elif isinstance(item, list):
            open_values.extend((name, each, inside) for each in item)
        elif isinstance(item, str) and item:
            found.append((name, item, inside))
        elif name in CONTENT and isinstance(item, (int, float)) and not isinstance(item, bool):
            found.append((name, str(item), inside))
    return found


# Of a number, a truth value or a null only those that are content are looked at.
_MAY_SAY = frozenset({str, dict, list})


def _is_label(name: str) -> bool:
    return LABEL.search(name) is not None


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
