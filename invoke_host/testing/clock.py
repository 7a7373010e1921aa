"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

#: Where a FakeClock starts; any moment would do, as long as it is always the same.
START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """Implements `invoke_host.clock.Clock`: wall and monotonic time go forward together, by `advance` only."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The moment that the test has set."""
        return self._now

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass. A negative number is a mistake: use `jump` for a wall clock that is set back."""
        if seconds < 0:
            raise ValueError("time does not go backwards; to set the wall clock back, use jump()")
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator or NTP does; monotonic time does not notice."""
        self._now += timedelta(seconds=seconds)
