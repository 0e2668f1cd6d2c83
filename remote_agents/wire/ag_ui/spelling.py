"""AG-UI events whose fields are spelt in snake_case, as Python's models are dumped. Pure."""

from __future__ import annotations

from typing import Any

from remote_agents.json_types import JsonMapping

# What servers and tools put there is theirs, and stays as it is.
_FREE = frozenset(
    {"content", "delta", "event", "metadata", "patch", "payload", "raw_event", "result"}
    | {"snapshot", "value"}
)


def is_snake_case(data: JsonMapping) -> bool:
    """Whether an event is spelt so; all events of a run are spelt as its first."""
    return any("_" in name for name in data)


def in_camel_case(data: Any) -> Any:
    """An event as the protocol spells it.

    Example:
        >>> in_camel_case({"type": "CUSTOM", "tool_call_id": "c", "value": {"a_b": 1}})
        {'type': 'CUSTOM', 'toolCallId': 'c', 'value': {'a_b': 1}}
    """
    if isinstance(data, list):
        return [in_camel_case(each) for each in data]
    if not isinstance(data, dict):
        return data
    return {
        _camel(name): value if name in _FREE else in_camel_case(value)
        for name, value in data.items()
    }


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
