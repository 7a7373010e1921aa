"""A limit to guessing who is here: sharing by e-mail tells whether an address has an account, so it tells it slowly."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from invoke_host.api import Actor, InvalidInput, TooManyRequests
from invoke_host.boards.grantees import PROBLEM
from invoke_host.clock import Clock

#: How often somebody may name who is not there, in so many seconds. A person who mistypes never comes near it.
MOST = 20
WITHIN_S = 60.0

#: Users whose misses are remembered; of more, those who missed first are forgotten.
_MOST_USERS = 10_000


class Misses:
    """Counts in the memory of this process, which is where all requests come. Administrators see all users anyway."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    @contextmanager
    def counted(self, actor: Actor) -> Iterator[None]:
        """Around naming somebody. Raises TooManyRequests before looking for anybody, after too many misses."""
        if actor.is_admin or actor.id is None:
            yield
            return
        self._check(actor.id)
        try:
            yield
        except InvalidInput as error:
            if any(problem.kind == PROBLEM for problem in error.problems):
                self._note(actor.id)
            raise

    def _check(self, user_id: str) -> None:
        times = self._times.get(user_id)
        if times is None:
            return
        now = self._clock.monotonic()
        while times and times[0] <= now - WITHIN_S:
            times.popleft()
        if len(times) >= MOST:
            raise TooManyRequests(
                "You have named too many people or groups that are not here; wait a little and check the names.",
                retry_after_s=max(1, ceil(times[0] + WITHIN_S - now)),
            )

    def _note(self, user_id: str) -> None:
        if user_id not in self._times and len(self._times) >= _MOST_USERS:
            self._times.pop(next(iter(self._times)))
        self._times.setdefault(user_id, deque(maxlen=MOST)).append(self._clock.monotonic())
