"""Calendar windows in UTC: when the minute, day and month of a moment begin, and when they end.

Moments are texts as `clock.timestamp` makes them, windows whole seconds since the epoch.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from invoke_host.clock import timestamp
from invoke_host.limits.names import Window

MINUTE_S = 60
DAY_S = 86400


def epoch(moment: str) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def minute_of(moment: str) -> int:
    """When the minute of that moment began."""
    return _minute(moment[:16])


def day_of(moment: str) -> int:
    """When its day began."""
    second = _minute(moment[:16])
    return second - second % DAY_S


@lru_cache(256)
def month_of(day: int) -> int:
    """When the month of that day began."""
    return int(datetime.fromtimestamp(day, UTC).replace(day=1, hour=0, minute=0, second=0).timestamp())


def end_of(window: Window, moment: str) -> int:
    """When the window in which that moment lies is over and a new one begins."""
    if window == "minute":
        return minute_of(moment) + MINUTE_S
    day = day_of(moment)
    if window == "day":
        return day + DAY_S
    # No month has more than 31 days, and the 32nd day after its first is in the next one.
    return month_of(month_of(day) + 31 * DAY_S)


def as_text(second: float) -> str:
    """That second as `clock.timestamp` writes it."""
    return timestamp(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second))


@lru_cache(256)
def _minute(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
