"""Says a thing once an hour: a header login repeats itself with every request, and the audit log must not."""

from __future__ import annotations

from collections import OrderedDict

from invoke_host.clock import Clock

#: How long a thing that was said is not said again, and how many are remembered.
AGAIN_S = 3600.0
REMEMBERED = 1000


class Seldom:
    """Remembers what was said, on one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def now(self, what: tuple[str, ...]) -> bool:
        """Whether it is time to say it; if so, it counts as said."""
        moment = self._clock.monotonic()
        if moment - self._said.get(what, -AGAIN_S) < AGAIN_S:
            return False
        self._said[what] = moment
        self._said.move_to_end(what)
        while len(self._said) > REMEMBERED:
            self._said.popitem(last=False)
        return True
