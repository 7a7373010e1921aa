"""Ids that are missing between two events: a transaction that has not committed yet, or one that never will."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_host.api import Event
from invoke_host.clock import Clock

#: How long events behind a gap wait for it to be filled; a transaction that writes an event lasts milliseconds.
WAIT_S = 2.0

#: How long an id that was given up is still looked for.
REMEMBER_S = 300.0

#: Gaps remembered at most, the newest; far more than there can be transactions at one time.
MAX_REMEMBERED = 1000


class Gaps:
    """Holds events back behind a missing id, and remembers ids that were given up in case they come after all."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen_at: dict[int, float] = {}
        self._given_up: dict[int, float] = {}

    def in_order(self, position: int, events: Sequence[Event]) -> list[Event]:
        """Those events (sorted by id, all above `position`) that can be sent now without one overtaking another."""
        now = self._clock.monotonic()
        ready: list[Event] = []
        for event in events:
            here = event.id or 0
            missing = range(position + 1, here)[-MAX_REMEMBERED:]
            waited_s = [now - self._seen_at.setdefault(each, now) for each in missing]
            if waited_s and min(waited_s) < WAIT_S:
                break
            for each in missing:
                self._seen_at.pop(each, None)
                self._given_up[each] = now
            self._seen_at.pop(here, None)
            ready.append(event)
            position = here
        return ready

    @property
    def pending(self) -> bool:
        """True while events wait behind a gap."""
        return bool(self._seen_at)

    def missing(self) -> list[int]:
        """Ids that were given up lately and should still be looked for."""
        now = self._clock.monotonic()
        recent = {each: since for each, since in self._given_up.items() if now - since < REMEMBER_S}
        self._given_up = dict(list(recent.items())[-MAX_REMEMBERED:])
        return list(self._given_up)

    def found(self, event: Event) -> None:
        """The event of a missing id has come after all."""
        if event.id is not None:
            self._given_up.pop(event.id, None)
