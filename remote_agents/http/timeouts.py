"""The time limits of a turn, which need no HTTP library to be set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonMapping
from remote_agents.seconds import is_limit


@dataclass(frozen=True, slots=True)
class Timeout:
    """Time limits in seconds; None means no limit.

    Args:
        connect: To get a connection (default 10).
        first_event: From sending to the first event of the answer (default 120).
        idle: Between two events; keep-alive bytes do not count (default 60).
        total: For the whole turn (default none).

    Raises:
        ConfigurationError: A limit is 0 or less, infinite, or more than a year.

    Example:
        >>> Timeout(idle=30).first_event
        120.0
    """

    connect: float | None = 10.0
    first_event: float | None = 120.0
    idle: float | None = 60.0
    total: float | None = None

    def __post_init__(self) -> None:
        for phase in ("connect", "first_event", "idle", "total"):
            seconds = getattr(self, phase)
            if seconds is not None and not is_limit(seconds):
                raise _not_a_limit(f"{phase}={seconds!r}")

    @classmethod
    def of(cls, value: Any) -> Timeout:
        """One from another, from httpx's, or from a number of seconds for each phase."""
        if value is None:
            return _DEFAULT
        if isinstance(value, cls):
            return value
        if hasattr(value, "connect") and hasattr(value, "read"):  # httpx's, which is not imported
            return cls(value.connect, value.read, value.read)
        if isinstance(value, Mapping):
            return _from_mapping(value)
        if not is_limit(value):
            raise _not_a_limit(repr(value))
        seconds = float(value)
        return cls(min(10.0, seconds), seconds, seconds)


def _from_mapping(value: JsonMapping) -> Timeout:
    if unknown := value.keys() - set(Timeout.__slots__):
        told = ", ".join(sorted(map(str, unknown)))
        raise ConfigurationError(f"A Timeout has {', '.join(Timeout.__slots__)}, not {told}.")
    return Timeout(**value)


def _not_a_limit(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"A time limit is a number of seconds above 0 and below a year, or None for no limit, "
        f"not {what}."
    )


_DEFAULT = Timeout()
