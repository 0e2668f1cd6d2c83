"""What `box.configure()` changes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import cast

from remote_agents.sandbox.agent import Setting
from remote_agents.sandbox.directory import AGENTS
from remote_agents.sandbox.json_types import JsonObject

PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


def settings_of_services() -> JsonObject:
    """The settings that the services of the sandbox name, as they are at first."""
    return {name: setting.first for name, setting in _of_services().items()}


def _of_services() -> dict[str, Setting]:
    return {name: setting for agent in AGENTS.values() for name, setting in agent.settings.items()}


@dataclass
class Settings:
    """What `box.configure()` changes while the server runs."""

    word_delay: float = 0.0
    rate_limit: str | None = "30/minute"
    of_services: JsonObject = field(default_factory=settings_of_services)  # of one service each

    def change(self, changes: JsonObject) -> None:
        """Set some of them, or none.

        Raises:
            ValueError: One does not exist, or cannot have its value: a test that rests on a
                misspelt one would pass for another reason.
        """
        known = {**_COMMON, **_of_services()}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; there are: {', '.join(known)}")
            if not known[name].fits(value):
                raise ValueError(f"{name} must be {known[name].words}, not {value!r}")
        for name, value in changes.items():
            if name in _COMMON:
                setattr(self, name, value)
            else:
                self.of_services[name] = value


def _is_delay(value: object) -> bool:
    """Whether it is a number of seconds to wait."""
    return type(value) in (int, float) and 0 <= cast("float", value) < math.inf


def _is_rate(value: object) -> bool:
    try:
        parse_rate(cast("str | None", value))
    except ValueError:
        return False
    return True


_COMMON = {
    "word_delay": Setting(0.0, "a number of seconds from 0", _is_delay),
    "rate_limit": Setting("30/minute", "a limit such as '30/minute' (not 0) or 'none'", _is_rate),
}


def parse_rate(text: str | None) -> tuple[int, float] | None:
    """Requests and seconds of a limit such as "30/minute"; None for no limit."""
    if text in (None, "", "none"):
        return None
    found = re.fullmatch(r"(\d+)\s*(?:/|per)\s*(second|minute|hour|day)s?", str(text).strip())
    if found is None or int(found.group(1)) == 0:
        raise ValueError(f"a rate limit looks like '30/minute' (not 0) or 'none', not {text!r}")
    return int(found.group(1)), PERIODS[found.group(2)]
