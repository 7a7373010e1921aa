"""Who listens: how many streams each user has open, and word of the first and of the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from invoke_host.api import UserId


class Presence:
    """Kept by the hub. All methods belong to the event loop."""

    def __init__(self) -> None:
        self._streams: Counter[UserId] = Counter()
        self._watchers: list[Callable[[UserId], None]] = []

    def watch(self, changed: Callable[[UserId], None]) -> None:
        """Call it with each user who begins to listen, or listens no more. It must not block."""
        self._watchers.append(changed)

    def listens(self, user_id: str) -> bool:
        """Has this user a stream open?"""
        return self._streams[UserId(user_id)] > 0

    def joined(self, user_id: UserId | None) -> None:
        """One more stream; of nobody in particular, nobody listens."""
        if user_id is None:
            return
        self._streams[user_id] += 1
        if self._streams[user_id] == 1:
            self._tell(user_id)

    def left(self, user_id: UserId | None) -> None:
        """One stream less."""
        if user_id is None:
            return
        self._streams[user_id] -= 1
        if self._streams[user_id] < 1:
            del self._streams[user_id]
            self._tell(user_id)

    def _tell(self, user_id: UserId) -> None:
        for changed in self._watchers:
            changed(user_id)
