"""A tool's arguments, and a message's content, in their several forms. Pure."""

from __future__ import annotations

from remote_agents.json_types import Arguments
from remote_agents.wire.json import items, mapping, text
from remote_agents.wire.parsing import parse


def parse_arguments(value: object) -> Arguments:
    """A tool's arguments, given as an object or as JSON text.

    Example:
        >>> parse_arguments('{"city": "Paris"}')
        {'city': 'Paris'}
    """
    if isinstance(value, str):
        try:
            value = parse(value.encode("utf-8", "surrogatepass"))
        except ValueError:
            return {"text": value} if value else {}
    return dict(mapping(value))


def content_text(value: object) -> str:
    """The text of a content, which may be a list of parts."""
    if isinstance(value, str):
        return value
    return "\n".join(filter(None, (text(mapping(part).get("text")) for part in items(value))))
