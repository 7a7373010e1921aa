"""How many rows one step of a long operation takes, so that it holds the writer for a few milliseconds only."""

from __future__ import annotations

#: What a step aims at before its commit, so that the longest stays well below 20 ms; and one that nobody waits for.
TARGET_S = 0.008
PATIENT_TARGET_S = 0.004

FEWEST = 16
MOST = 1500

#: The first step of an operation; rows may be large, and the disk slow.
FIRST = 100

#: A step has at most so many times the rows of the one before.
GROWTH = 4


class Pace:
    """Learns from each step how many rows the next one may have: what a row costs differs by machine and by history."""

    def __init__(self, *, first: int = FIRST, target_s: float = TARGET_S, rest: float = 0.0) -> None:
        self.rows = first
        #: Seconds to wait before the next step.
        self.rest_s = 0.0
        self._target_s = target_s
        self._rest = rest

    def took(self, rows: int, seconds: float) -> None:
        """A step with so many rows took so long."""
        self.rest_s = self._rest * seconds
        if rows:
            fitting = int(rows * self._target_s / max(seconds, 1e-6))
            self.rows = max(FEWEST, min(fitting, self.rows * GROWTH, MOST))
