"""One agent of the sandbox, as a client has to address it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from remote_agents.sandbox.json_types import JsonObject


class Setting(NamedTuple):
    """What `box.configure()` changes: its value at first, what it may be in words, and the test."""

    first: Any
    words: str
    fits: Callable[[Any], bool]


def one_of(first: object, *others: object) -> Setting:
    """A setting that has one of these values, at first the first."""
    values = (first, *others)
    words = ", ".join(map(repr, values[:-1])) + f" or {values[-1]!r}"
    return Setting(first, words, lambda value: value in values)


def switch() -> Setting:
    """A setting that is off at first."""
    return Setting(False, "true or false", lambda value: type(value) is bool)


def whole_number(first: int) -> Setting:
    """A setting that counts something."""
    return Setting(first, "a whole number from 0", lambda value: type(value) is int and value >= 0)


@dataclass(frozen=True)
class Agent:
    """One agent of the sandbox, as a client has to address it.

    Args:
        agent_id: Its id.
        api_key: The key that it wants.
        env_prefix: What its environment variables begin with.
        paths: Pattern of how its paths begin; of several services the longest match counts.
        chat: How the path that asks for an answer ends.
        scheme: Word before the key in `Authorization`; with an empty one it stands alone.
        key_header: Another header in which it wants the key, alone.
        home: Where its own address is below the sandbox's, if it has one.
        extra: Further ids that a client may need.
        settings: What of its service alone `box.configure()` changes.
    """

    agent_id: str
    api_key: str
    env_prefix: str
    paths: str
    chat: str = "/chat/completions"
    scheme: str = "Bearer"
    key_header: str = "authorization"
    home: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)

    def manifest(self, base_url: str, api_key: str) -> JsonObject:
        """The entry of this agent in ``GET /``, with a key that is good now."""
        address = base_url + self.home
        values = {"base_url": address, "agent_id": self.agent_id, "api_key": api_key}
        env = {f"{self.env_prefix}_{name.upper()}": value for name, value in values.items()}
        return {**values, **self.extra, "env": env}
