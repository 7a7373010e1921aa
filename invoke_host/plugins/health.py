"""Health checks of plugins, made safe to ask: a slow or broken one shows as such and never holds up the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from structlog.typing import FilteringBoundLogger

from invoke_host.api import Health, HealthCheck
from invoke_host.clock import Clock
from invoke_host.plugins.bounded import say
from invoke_host.plugins.loaded import Outcome

#: Longest time for one plugin's check; below the 200 ms that the whole answer has, so that the others still count.
CHECK_TIMEOUT_S = 0.15
#: A slow check is logged once in this time.
LOG_EVERY_S = 60.0


def guarded(
    checks: Iterable[Outcome[HealthCheck]],
    log: FilteringBoundLogger,
    clock: Clock,
    *,
    timeout_s: float = CHECK_TIMEOUT_S,
) -> list[HealthCheck]:
    """The plugins' checks under the names `<plugin>.<check>`, each answering in time and never raising.

    A slow check's answer is dropped: it counts as degraded, not failed, and is logged once per minute. One that raises,
    or answers something else than Health, is failed.
    """
    return [_Guard(each, log, clock, timeout_s).check() for each in checks]


class _Guard:
    def __init__(
        self, outcome: Outcome[HealthCheck], log: FilteringBoundLogger, clock: Clock, timeout_s: float
    ) -> None:
        self._outcome = outcome
        self._name = f"{outcome.plugin}.{outcome.value.name}"
        self._log = log
        self._clock = clock
        self._timeout_s = timeout_s
        self._logged_at: float | None = None

    def check(self) -> HealthCheck:
        return HealthCheck(self._name, self._run)

    async def _run(self) -> Health:
        task = asyncio.ensure_future(self._ask())
        try:
            await asyncio.wait({task}, timeout=self._timeout_s)
        finally:
            task.cancel()  # no wait for its end: a check may swallow this
        if task.done() and not task.cancelled():
            return task.result()
        self._complain()
        return Health(self._name, "degraded", f"no answer within {self._timeout_s * 1000:.0f} ms")

    async def _ask(self) -> Health:
        try:
            answer = await self._outcome.value.run()
        except Exception as error:  # noqa: BLE001 - a check that raises is an answer: failed
            return Health(self._name, "failed", say(error))
        if not isinstance(answer, Health):
            return Health(self._name, "failed", f"answered {type(answer).__name__}, want Health")
        return Health(self._name, answer.status, answer.detail)

    def _complain(self) -> None:
        now = self._clock.monotonic()
        if self._logged_at is None or now - self._logged_at >= LOG_EVERY_S:
            self._logged_at = now
            self._log.warning("health_check_slow", plugin=self._outcome.plugin, check=self._outcome.value.name)
