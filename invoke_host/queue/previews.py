"""Asks the executor for previews of the items whose owners listen, and no more as soon as they don't."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from invoke_host.api import Executor


class Presence(Protocol):
    """Who listens (`events.presence.Presence`)."""

    def listens(self, user_id: str) -> bool:
        """Has this user a stream open?"""
        ...

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call it with each user who begins to listen, or listens no more."""
        ...


class Previews:
    """Previews go to an item's owner only, so nobody else's streams count. Without `presence` there are none."""

    def __init__(self, executor: Executor, presence: Presence | None = None) -> None:
        self._executor = executor
        self._presence = presence
        self._jobs: dict[str, set[str]] = {}
        if presence is not None:
            presence.watch(self._changed)

    @contextmanager
    def of(self, job_id: str, user_id: str) -> Iterator[None]:
        """Inside, the job that was just submitted is previewed whenever its owner listens."""
        if self._presence is None:
            yield
            return
        jobs = self._jobs.setdefault(user_id, set())
        jobs.add(job_id)
        if self._presence.listens(user_id):
            self._executor.preview(job_id, True)
        try:
            yield
        finally:
            jobs.discard(job_id)
            if not jobs:
                self._jobs.pop(user_id, None)

    def _changed(self, user_id: str) -> None:
        if self._presence is not None:
            for job_id in self._jobs.get(user_id, ()):
                self._executor.preview(job_id, self._presence.listens(user_id))
