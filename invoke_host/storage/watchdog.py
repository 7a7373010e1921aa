"""Reports quick units that are not quick, without a line for each when the whole machine is slow."""

from __future__ import annotations

from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

#: Quick units above this are reported: they hold up everybody.
SLOW_S = 0.005

#: At most one line per unit in this time.
EVERY_S = 60.0


@dataclass(slots=True)
class _Slow:
    said_at: float
    times: int = 0
    worst_s: float = 0.0


class Watchdog:
    """Counts slow runs per unit; a line tells how many there were since the last one, and the worst of them."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._slow: dict[str, _Slow] = {}

    def note(self, unit: str, took_s: float, now_s: float) -> None:
        """A run of `unit` took longer than SLOW_S; `now_s` is monotonic."""
        slow = self._slow.get(unit)
        if slow is None:
            slow = self._slow[unit] = _Slow(now_s - EVERY_S)
        slow.times += 1
        slow.worst_s = max(slow.worst_s, took_s)
        if now_s - slow.said_at >= EVERY_S:
            self._log.warning("slow quick unit", unit=unit, worst_ms=round(slow.worst_s * 1000, 1), times=slow.times)
            self._slow[unit] = _Slow(now_s)
