"""Since when a login provider has not answered, by logins and re-checks alike; for health checks and the log.

The log has it because `/readyz` tells strangers the state alone.
"""

from __future__ import annotations

from datetime import datetime

from structlog.typing import FilteringBoundLogger

from invoke_host.api import AuthOutcome, Unavailable
from invoke_host.clock import Clock, timestamp


class Outages:
    """What this process has seen of its providers. Belongs to the event loop."""

    def __init__(self, clock: Clock, log: FilteringBoundLogger) -> None:
        self._clock = clock
        self._log = log
        self._since: dict[str, datetime] = {}

    def heard(self, provider: str, outcome: AuthOutcome | None) -> None:
        """The provider was asked: any answer but Unavailable ends its outage."""
        if not isinstance(outcome, Unavailable):
            if since := self._since.pop(provider, None):
                self._log.info("auth_provider_answers_again", provider=provider, since=timestamp(since))
        elif provider not in self._since:
            self._since[provider] = self._clock.now()
            self._log.warning("auth_provider_unavailable", provider=provider, code=outcome.code)

    def since(self, provider: str) -> datetime | None:
        """When it first failed to answer; None: its last answer was one."""
        return self._since.get(provider)
