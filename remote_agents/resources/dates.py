"""Ranges of days, as records are asked for. Pure."""

from __future__ import annotations

from datetime import date, datetime

from remote_agents.errors import ConfigurationError

Day = str | date


def date_range(start: Day | None, end: Day | None) -> tuple[str, str]:
    """Both days as `YYYY-MM-DD`.

    Raises:
        ConfigurationError: One is missing or no date, or they are the wrong way round.

    Example:
        >>> date_range(date(2025, 1, 1), "2025-01-31")
        ('2025-01-01', '2025-01-31')
    """
    if start is None or end is None:
        missing = " and ".join(n for n, v in (("start", start), ("end", end)) if v is None)
        raise ConfigurationError(
            f"Records need a range of days: pass {missing} as a date or 'YYYY-MM-DD'."
        )
    return _ordered(_day("start", start), _day("end", end))


def open_range(start: Day | None, end: Day | None) -> tuple[str | None, str | None]:
    """Both days as `YYYY-MM-DD`, each None if it is left open.

    Raises:
        ConfigurationError: One is no date, or they are the wrong way round.
    """
    first = None if start is None else _day("start", start)
    last = None if end is None else _day("end", end)
    return (first, last) if first is None or last is None else _ordered(first, last)


def _ordered(first: str, last: str) -> tuple[str, str]:
    if first > last:
        raise ConfigurationError(f"start ({first}) is after end ({last}): swap them.")
    return first, last


def _day(name: str, value: Day) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{name} must be a date or 'YYYY-MM-DD', like '2025-01-31', not {value!r}."
        ) from None
