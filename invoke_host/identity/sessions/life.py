"""When a session is over: the one rule, for the check of every request, for lists and for clearing away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from invoke_host.clock import timestamp


class Lifetimes(Protocol):
    """The configured times (`[auth.sessions]`)."""

    @property
    def lifetime_s(self) -> int:
        """Life of a token."""
        ...

    @property
    def remembered_lifetime_s(self) -> int:
        """Life of a token of a remembered session, and how long that may lie idle."""
        ...

    @property
    def idle_s(self) -> int:
        """How long any other session may lie idle."""
        ...

    @property
    def longest_s(self) -> int:
        """Life of a session, however often it is renewed."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """At one moment: sessions last seen at or before these times are over, and those whose end is `now` or before."""

    now: str
    idle_since: str
    remembered_idle_since: str

    @classmethod
    def at(cls, now: datetime, times: Lifetimes) -> Limits:
        """The limits at that moment."""
        return cls(
            timestamp(now),
            timestamp(now - timedelta(seconds=times.idle_s)),
            timestamp(now - timedelta(seconds=times.remembered_lifetime_s)),
        )

    def allow(self, *, remember: bool, last_seen_at: str, ends_at: str) -> bool:
        """Whether such a session is still good."""
        idle_since = self.remembered_idle_since if remember else self.idle_since
        return last_seen_at > idle_since and ends_at > self.now
