"""What `box.configure()` changes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from remote_agents.sandbox.directory import AGENTS
from remote_agents.sandbox.json_types import JsonObject

PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


def settings_of_services() -> JsonObject:
    """The settings that the services of the sandbox name, as they are at first."""
    return {name: value for agent in AGENTS.values() for name, value in agent.settings.items()}


@dataclass
class Settings:
    """What `box.configure()` changes while the server runs."""

    word_delay: float = 0.0
    rate_limit: str | None = "30/minute"
    of_services: JsonObject = field(default_factory=settings_of_services)  # of one service each

    def change(self, changes: JsonObject) -> None:
        """Set some of them; ValueError for one that does not exist."""
        common = [name for name in vars(self) if name != "of_services"]
        for name, value in changes.items():
            if name in self.of_services:
                self.of_services[name] = value
                continue
            if name not in common:
                known = ", ".join([*common, *self.of_services])
                raise ValueError(f"unknown setting {name!r}; there are: {known}")
            if name == "rate_limit":
                parse_rate(value)
            setattr(self, name, value)


def parse_rate(text: str | None) -> tuple[int, float] | None:
    """Requests and seconds of a limit such as "30/minute"; None for no limit."""
    if text in (None, "", "none"):
        return None
    found = re.fullmatch(r"(\d+)\s*(?:/|per)\s*(second|minute|hour|day)s?", str(text).strip())
    if found is None:
        raise ValueError(f"a rate limit looks like '30/minute' or 'none', not {text!r}")
    return int(found.group(1)), PERIODS[found.group(2)]
