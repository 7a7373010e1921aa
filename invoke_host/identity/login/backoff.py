"""How long to wait after failed logins: two curves, both of what a number of failures costs and how it is forgiven.

Both are arithmetic only. A debt is a number of failures that still count; time pays it off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

#: An account is forgiven one failure in this time.
FORGIVEN_EVERY_S = 3600.0
#: Nothing is remembered of an account or an address that was left alone for so long.
FORGOTTEN_AFTER_S = 86_400.0


class Curve(Protocol):
    """What failures cost."""

    def left(self, debt: float, elapsed_s: float) -> float:
        """What remains of a debt after so much time without a failure."""
        ...

    def add(self, debt: float) -> float:
        """The debt after one failure more."""
        ...

    def wait_s(self, debt: float) -> float:
        """Time between the failure that made the debt this large and the next try that is looked at."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """Exponential back-off: `free` failures cost nothing, the next costs a second, each more twice as much.

    The wait never grows beyond `longest_s`, nor the debt beyond what that takes, so an attack that ends is forgotten
    as fast as any other: one failure an hour, and everything after a day without one.
    """

    free: int
    longest_s: float

    def left(self, debt: float, elapsed_s: float) -> float:
        if elapsed_s >= FORGOTTEN_AFTER_S:
            return 0.0
        return max(0.0, debt - elapsed_s / FORGIVEN_EVERY_S)

    def add(self, debt: float) -> float:
        return min(debt + 1.0, self.free + 1.0 + math.ceil(math.log2(self.longest_s)))

    def wait_s(self, debt: float) -> float:
        # Rounded up: what was forgiven during a burst must not make one of its failures free.
        beyond = math.ceil(debt - self.free)
        return min(2.0 ** (beyond - 1), self.longest_s) if beyond > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Address:
    """A token bucket: `at_once` failures, forgiven at the same number per minute."""

    at_once: int

    def left(self, debt: float, elapsed_s: float) -> float:
        return max(0.0, debt - elapsed_s * self.at_once / 60.0)

    def add(self, debt: float) -> float:
        return debt + 1.0

    def wait_s(self, debt: float) -> float:
        return max(0.0, (debt + 1.0 - self.at_once) * 60.0 / self.at_once)
