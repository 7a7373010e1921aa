"""Background tasks of plugins: repeated, timed, and tried again with growing pauses when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from structlog.typing import FilteringBoundLogger

from invoke_host.api import BackgroundTask, Health, HealthCheck
from invoke_host.plugins.bounded import bounded, say
from invoke_host.plugins.loaded import Outcome

#: Pause after the first failure; doubles with each further one.
FIRST_PAUSE_S = 1.0
#: Longest pause between two tries of a failing task, unless its own interval is longer.
LONGEST_PAUSE_S = 300.0
#: How long canceled tasks may take to end when the host stops.
STOP_GRACE_S = 5.0

Sleep = Callable[[float], Awaitable[None]]


def pause_s(failures: int, interval_s: float) -> float:
    """Seconds until the next try: the interval while all is well, else 1 s, 2 s, 4 s … up to five minutes.

    A task with a long interval is tried again early; one with a short interval is slowed down.
    """
    if failures == 0:
        return interval_s
    return float(min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE_S))


class Supervisor:
    """Runs the background tasks of all plugins until stopped. Each runs by itself; none runs twice at a time."""

    def __init__(
        self, tasks: Iterable[Outcome[BackgroundTask]], log: FilteringBoundLogger, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._tasks = list(tasks)
        self._log = log
        self._sleep = sleep
        self._running: list[asyncio.Task[None]] = []
        self._health = {
            f"{each.plugin}.{each.value.name}": Health(f"{each.plugin}.{each.value.name}", "ok") for each in self._tasks
        }

    def start(self) -> None:
        """Begin; each task runs at once for the first time."""
        self._running = [
            asyncio.create_task(self._repeat(each), name=f"plugin {each.plugin}: {each.value.name}")
            for each in self._tasks
        ]

    async def stop(self) -> None:
        """Cancel all tasks; one that does not end within 5 s is logged and left behind."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        if running:
            _, stuck = await asyncio.wait(running, timeout=STOP_GRACE_S)
            for task in stuck:
                self._log.error("background_task_stuck", task=task.get_name())

    def health(self) -> list[Health]:
        """State of each task, `<plugin>.<task>`: degraded from its first failure until it works again."""
        return list(self._health.values())

    def checks(self) -> list[HealthCheck]:
        """The same as questions for `/readyz`."""

        def check(name: str) -> HealthCheck:
            async def run() -> Health:
                return self._health[name]

            return HealthCheck(name, run)

        return [check(name) for name in self._health]

    async def _repeat(self, outcome: Outcome[BackgroundTask]) -> None:
        task = outcome.value
        name = f"{outcome.plugin}.{task.name}"
        failures = 0
        while True:
            try:
                await bounded(task.run(), task.timeout_s)
                failures = 0
                self._health[name] = Health(name, "ok")
            except Exception as error:  # noqa: BLE001 - a plugin's failure must not end the host
                failures += 1
                self._health[name] = Health(name, "degraded", f"failed {failures} times in a row: {say(error)}")
                self._log.error(
                    "background_task_failed",
                    plugin=outcome.plugin,
                    task=task.name,
                    failures=failures,
                    retry_in_s=pause_s(failures, task.interval_s),
                    reason=say(error),
                )
            await self._sleep(pause_s(failures, task.interval_s))
