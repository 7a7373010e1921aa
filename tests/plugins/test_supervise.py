"""Rows of the failure table about background tasks and health checks."""

from __future__ import annotations

import asyncio

import pytest

from invoke_host.api import BackgroundTask, Health, HealthCheck
from invoke_host.plugins import Outcome, Supervisor, guarded
from invoke_host.plugins.supervise import pause_s


class Pauses:
    """Stands in for `asyncio.sleep`: records each pause and ends it when the test says so."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self.go_on = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self.go_on.acquire()

    async def next(self) -> float:
        return await asyncio.wait_for(self.asked.get(), 5)


@pytest.fixture
async def supervise(log):
    supervisors = []

    def start(run, interval_s=60.0, timeout_s=600.0):
        pauses = Pauses()
        task = BackgroundTask("sweep", run, interval_s, timeout_s)
        supervisor = Supervisor([Outcome("acme", task)], log.logger, sleep=pauses)
        supervisors.append(supervisor)
        supervisor.start()
        return supervisor, pauses

    yield start
    for supervisor in supervisors:
        await supervisor.stop()


async def test_a_background_task_runs_at_once_and_then_in_its_interval(supervise):
    runs = []

    async def run():
        runs.append(1)

    _, pauses = supervise(run, interval_s=60)
    assert await pauses.next() == 60
    pauses.go_on.release()
    assert await pauses.next() == 60
    assert len(runs) == 2


async def test_a_background_task_that_dies_is_restarted_with_back_off_and_health_turns_degraded(supervise, log):
    outcomes = iter([OSError("disk gone"), OSError("disk gone"), OSError("disk gone"), None])

    async def run():
        if error := next(outcomes):
            raise error

    supervisor, pauses = supervise(run, interval_s=60)
    for expected in (1, 2, 4):
        assert await pauses.next() == expected
        (health,) = [await check.run() for check in supervisor.checks()]
        assert (health.name, health.status) == ("acme.sweep", "degraded")
        assert "OSError: disk gone" in health.detail
        pauses.go_on.release()
    assert await pauses.next() == 60
    assert supervisor.health() == [Health("acme.sweep", "ok")]
    assert [entry["failures"] for entry in log.events("background_task_failed")] == [1, 2, 3]
    assert log.events("background_task_failed")[0]["plugin"] == "acme"


async def test_a_background_task_that_hangs_counts_as_failed(supervise):
    async def run():
        await asyncio.Event().wait()

    supervisor, pauses = supervise(run, timeout_s=0.01)
    assert await pauses.next() == 1
    assert supervisor.health()[0].status == "degraded"


async def test_a_run_that_is_no_coroutine_shows_in_health_and_not_as_a_crash(supervise):
    supervisor, pauses = supervise(lambda: None)
    assert await pauses.next() == 1
    assert "TypeError" in supervisor.health()[0].detail


async def test_stopping_cancels_a_running_task(supervise):
    started, ended = asyncio.Event(), asyncio.Event()

    async def run():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    supervisor, _ = supervise(run)
    await started.wait()
    await supervisor.stop()
    assert ended.is_set()


def test_pauses_grow_to_five_minutes_whatever_the_interval():
    assert [pause_s(failures, 3600) for failures in (0, 1, 2, 5, 9, 100)] == [3600, 1, 2, 16, 256, 300]
    assert pause_s(0, 0.5) == 0.5


class Hands:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time


async def run_checks(log, clock, *functions, timeout_s=0.02):
    checks = [Outcome("acme", HealthCheck(function.__name__, function)) for function in functions]
    return [await check.run() for check in guarded(checks, log.logger, clock, timeout_s=timeout_s)]


async def fine():
    return Health("whatever", "ok", "all well")


async def broken():
    raise ConnectionError("refused")


async def wrong():
    return "ok"


async def slow():
    await asyncio.Event().wait()


async def test_health_checks_answer_under_their_plugins_name_and_failures_do_not_spread(log):
    answers = await run_checks(log, Hands(), fine, broken, wrong)
    assert answers == [
        Health("acme.fine", "ok", "all well"),
        Health("acme.broken", "failed", "ConnectionError: refused"),
        Health("acme.wrong", "failed", "answered str, want Health"),
    ]


async def test_a_slow_health_check_is_dropped_and_logged_once_per_minute(log):
    clock = Hands()
    (check,) = guarded([Outcome("acme", HealthCheck("slow", slow))], log.logger, clock, timeout_s=0.01)
    for moment in (0.0, 30.0, 61.0):
        clock.time = moment
        assert (await check.run()).status == "degraded"
    assert len(log.events("health_check_slow")) == 2


async def test_a_health_check_that_swallows_its_cancellation_does_not_hold_up_the_answer(log):
    release = asyncio.Event()

    async def stubborn():
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return Health("late", "ok")

    (answer,) = await run_checks(log, Hands(), stubborn)
    assert answer.status == "degraded"
    release.set()
