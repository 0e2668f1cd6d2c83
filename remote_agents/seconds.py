"""Numbers of seconds that a caller gives: finite, and within a year."""

from __future__ import annotations

from typing import Any

from remote_agents.errors import ConfigurationError

LONGEST = 366 * 24 * 3600.0
"""Seconds beyond which a limit is a mistake; timers overflow at some numbers."""


def is_limit(value: Any) -> bool:
    """Whether a value is a number of seconds that something may take."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 < value <= LONGEST


def read_seconds(name: str, value: Any) -> float:
    """A number of seconds.

    Raises:
        ConfigurationError: It is none, 0 or less, infinite, or more than a year.
    """
    if not is_limit(value):
        raise ConfigurationError(
            f"{name} must be a number of seconds above 0 and below a year, not {value!r}."
        )
    return float(value)
