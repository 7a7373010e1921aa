"""Tells waiting items their place and when they will begin, for many clients that ask often at the price of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from invoke_host.clock import Clock, timestamp
from invoke_host.queue.store import forecast
from invoke_host.queue.store.forecast import Place
from invoke_host.queue.store.lanes import Order
from invoke_host.storage import Storage

#: A forecast is used for so long at least,
KEEP_S = 0.25

#: and for so many times what it took to make: whatever is asked, it takes at most this part of a thread.
KEEP_COSTS = 20


@dataclass(frozen=True, slots=True)
class _Forecast:
    made: datetime
    #: How many changes it knows of that made an earlier one wrong.
    changes: int
    #: By the monotonic clock: when it is too old, and when it is too old for an item that it does not know.
    until: float
    unless_new: float
    places: Mapping[int, Place] = field(default_factory=dict)


class Forecaster:
    """Keeps the last forecast for a moment. `devices` says how many work on the line."""

    def __init__(self, storage: Storage, clock: Clock, order: Order, devices: Callable[[], int]) -> None:
        self._storage = storage
        self._clock = clock
        self._order = order
        self._devices = devices
        self._lock = asyncio.Lock()
        self._changes = 0
        self._last = _Forecast(clock.now(), 0, 0.0, 0.0)

    def forget(self) -> None:
        """Something is paused or goes on: who asks from now on is not told of the line as it was before."""
        self._changes += 1

    async def place(self, items: Sequence[dict[str, Any]]) -> None:
        """Set `position` and `estimated_start_at` of those of these items (as clients get them) that wait."""
        waiting = [item for item in items if item["status"] == "pending"]
        if not waiting:
            return
        found = await self._places({item["item_id"] for item in waiting})
        devices = max(1, self._devices())
        for item in waiting:
            place = found.places.get(item["item_id"])
            if place is not None:
                start = found.made + timedelta(microseconds=place.before_us // devices)
                item["position"] = place.position
                item["estimated_start_at"] = timestamp(max(start, found.made))

    async def line(self) -> Sequence[int]:
        """The ids of all that waits and may be begun, next first; of all queues."""
        return tuple((await self._places(set())).places)

    async def _places(self, wanted: set[int]) -> _Forecast:
        if self._stale(wanted):
            async with self._lock:  # one makes it for all who ask at the same time
                if self._stale(wanted):
                    self._last = await self._make()
        return self._last

    def _stale(self, wanted: set[int]) -> bool:
        last, now = self._last, self._clock.monotonic()
        if last.changes != self._changes or now >= last.until:
            return True
        return now >= last.unless_new and not last.places.keys() >= wanted

    async def _make(self) -> _Forecast:
        now, started, changes = self._clock.now(), self._clock.monotonic(), self._changes
        places = await self._storage.read(forecast.places, self._order, timestamp(now))
        ended = self._clock.monotonic()
        cost = ended - started
        return _Forecast(now, changes, ended + max(KEEP_S, KEEP_COSTS * cost), ended + 2 * cost, places)
