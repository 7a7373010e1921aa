"""Which limits there are, what their values mean, and the calendar windows in which use is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Window = Literal["minute", "day", "month"]
Unit = Literal["images", "engine_s"]
Scope = Literal["each", "together"]

#: Of caps and quotas; far above all that can be, far below what a column holds.
LARGEST: Final = 1_000_000_000.0

#: A share is at most a million times another one, so clocks of lanes stay far from the end of their column.
SMALLEST_WEIGHT: Final = 0.001
LARGEST_WEIGHT: Final = 1000.0

DEFAULT_WEIGHT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limit:
    """One kind of limit. Quotas have a window and a unit, caps and the weight have none."""

    name: str
    kind: Literal["weight", "cap", "quota"]
    text: str
    window: Window | None = None
    unit: Unit | None = None

    @property
    def whole(self) -> bool:
        """True if values are whole numbers."""
        return self.kind == "cap" or self.unit == "images"


def _quota(unit: Unit, window: Window, text: str) -> Limit:
    return Limit(f"{unit}_per_{window}", "quota", text, window, unit)


_ALL = (
    Limit("weight", "weight", "share of device time when several wait, against the 1 of others"),
    Limit("max_pending", "cap", "items that may wait at a time"),
    Limit("max_running", "cap", "items that may run at a time"),
    _quota("images", "minute", "images a minute"),
    _quota("images", "day", "images a day"),
    _quota("images", "month", "images a month"),
    _quota("engine_s", "minute", "seconds of device time a minute"),
    _quota("engine_s", "day", "seconds of device time a day"),
    _quota("engine_s", "month", "seconds of device time a month"),
)

#: By name, in the order in which people are shown them.
LIMITS: Final[Mapping[str, Limit]] = {limit.name: limit for limit in _ALL}

#: What counts for items that wait, and what for items that start.
QUOTAS: Final = tuple(limit for limit in _ALL if limit.kind == "quota")


def shown(value: float | None) -> float | None:
    """A value as it is told: whole numbers without a fraction."""
    return int(value) if value is not None and value == int(value) else value


def problem_of(limit: Limit, value: float | None) -> str | None:
    """What is wrong with this value, or None. A value of None means that there is explicitly no such limit."""
    if value is None:
        return "the weight is a number; remove it to go back to the default" if limit.kind == "weight" else None
    # Neither range holds what is no finite number.
    if limit.kind == "weight":
        within = SMALLEST_WEIGHT <= value <= LARGEST_WEIGHT
        return None if within else f"must be from {SMALLEST_WEIGHT:g} to {LARGEST_WEIGHT:g}"
    if not 0 <= value <= LARGEST:
        return f"must be from 0 to {LARGEST:.0f}, or null for no limit"
    if limit.whole and value != int(value):
        return "must be a whole number"
    return None
