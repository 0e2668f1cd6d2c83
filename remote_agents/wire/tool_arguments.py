"""A tool's arguments, and a message's content, in their several forms. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from remote_agents.errors import StreamProtocolError
from remote_agents.json_types import Arguments
from remote_agents.types import Reply, ToolCall
from remote_agents.wire.json import items, mapping, text
from remote_agents.wire.parsing import parse


def decoded(value: object) -> Any:
    """What a JSON text says; what is none, as it is."""
    with suppress(ValueError):
        return parse(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else value
    return value


def parse_arguments(value: object) -> Arguments:
    """A tool's arguments, given as an object or as JSON text.

    Example:
        >>> parse_arguments('{"city": "Paris"}')
        {'city': 'Paris'}
    """
    known = decoded(value)
    if isinstance(known, Mapping):
        return dict(known)
    return {} if known in (None, "") else {"text": known}


def required_arguments(name: str, value: object) -> Arguments:
    """The arguments of a tool that the caller runs: never others than the agent's.

    Args:
        name: The tool.
        value: Its arguments, as an object or as JSON text; nothing at all is an empty object.

    Raises:
        StreamProtocolError: They were cut off, or are no object.

    Example:
        >>> required_arguments("get_weather", '{"city": "Paris"}')
        {'city': 'Paris'}
    """
    known = decoded(value)
    if isinstance(known, Mapping) or known in (None, ""):
        return parse_arguments(known)
    raise StreamProtocolError(
        f"The agent calls the tool {name} with arguments that are no JSON object, or were cut off; "
        "the tool was not run."
    )


def whole_calls(reply: Reply) -> list[ToolCall]:
    """The calls of a reply whose pieces came and whose end was not said."""
    return [
        ToolCall(call.id, call.name or "tool", parse_arguments(call.arguments))
        for call in reply.open_calls.values()
    ]


def content_text(value: object) -> str:
    """The text of a content, which may be a list of parts."""
    if isinstance(value, str):
        return value
    return "\n".join(filter(None, (text(mapping(part).get("text")) for part in items(value))))
