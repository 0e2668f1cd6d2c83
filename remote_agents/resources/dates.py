"""Ranges of days, as records are asked for, and times, as services tell them. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone

from remote_agents.errors import ConfigurationError
from remote_agents.wire.json import number as finite

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


def open_seconds(start: Day | None, end: Day | None) -> tuple[int | None, int | None]:
    """The first second of one day and the last of another in UTC, each None if it is left open.

    Raises:
        ConfigurationError: One is no date, or they are the wrong way round.

    Example:
        >>> open_seconds("2024-07-20", date(2024, 7, 20))
        (1721433600, 1721519999)
    """
    first, last = open_range(start, end)
    return (
        None if first is None else _midnight(first),
        None if last is None else _midnight(last) + 86_399,
    )


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp())


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


def moment(value: object) -> datetime | None:
    """A time from ISO 8601, seconds, or milliseconds, as number or text; UTC where none is said.

    Example:
        >>> moment("1728181396000") == moment(1728181396) == moment("2024-10-06T02:23:16Z")
        True
    """
    if isinstance(value, str) and (parsed := _iso(value)) is not None:
        return parsed
    seconds = finite(value)
    if seconds is None:
        return None
    if abs(seconds) > 1e11:  # the year 5138: these are milliseconds
        seconds /= 1000
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(value: str) -> datetime | None:
    if "-" not in value[1:]:
        return None
    # Python 3.10 takes three or six digits after the point, and no Z.
    form = re.sub(r"\.(\d+)", lambda found: f".{found[1]:0<6.6}", value.strip())
    try:
        parsed = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", form))
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)
