"""However a worker ends, its job's stream ends with a word, the others go on, and the next worker takes over."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psutil

from invoke_host.api import JobDone, JobEvent, JobFailed, JobProgress, JobStarted
from invoke_host.generation.local import LocalExecutor
from tests.generation.conftest import QUICK, files, make_executor, run, until, with_failpoint


@asynccontextmanager
async def running(executor: LocalExecutor) -> AsyncIterator[LocalExecutor]:
    await executor.start()
    try:
        await until(lambda: all(device.state == "ready" for device in executor.devices()))
        yield executor
    finally:
        pids = executor.pids().values()
        await executor.stop(grace_s=0)
        assert not any(psutil.pid_exists(pid) for pid in pids)


async def read_until(stream: AsyncIterator[JobEvent], kind: type, step: int = 0) -> None:
    async for event in stream:
        if isinstance(event, kind) and getattr(event, "step", 0) >= step:
            return


async def test_kill_9_fails_the_running_job_for_another_try_keeps_the_waiting_one_and_brings_up_a_new_worker(make_job):
    async with running(make_executor("cpu")) as executor:
        running_job, waiting_job = make_job(steps=150), make_job()
        stream, waiting = executor.submit(running_job), executor.submit(waiting_job)
        await read_until(stream, JobProgress, step=2)
        [pid] = executor.pids().values()
        os.kill(pid, signal.SIGKILL)
        *_, failed = [event async for event in stream]
        assert (failed.code, failed.retry) == ("worker_died", True)
        assert failed.message.startswith("The worker on cpu ended while it made this picture: it was killed (SIGKILL")
        events = [event async for event in waiting]
        assert events[0] == JobStarted(waiting_job.id, "cpu")
        assert isinstance(events[-1], JobDone)
        assert list(executor.pids().values()) != [pid]
        again = replace(running_job, id="again", steps=3)
        assert isinstance((await run(executor, again))[-1], JobDone)


async def test_one_of_two_workers_dies_and_the_other_goes_on(make_job):
    async with running(make_executor("cpu", "cpu")) as executor:
        assert [device.name for device in executor.devices()] == ["cpu", "cpu#2"]
        first, second = executor.submit(make_job(steps=150)), executor.submit(make_job(steps=20))
        await read_until(first, JobProgress, step=1)
        await read_until(second, JobStarted)
        assert [device.state for device in executor.devices()] == ["busy", "busy"]
        os.kill(executor.pids()["cpu"], signal.SIGKILL)
        assert isinstance([event async for event in second][-1], JobDone)
        assert [event async for event in first][-1].code == "worker_died"


async def test_a_stopped_worker_is_noticed_by_its_missing_heartbeat_and_replaced(make_job):
    settings = replace(with_failpoint("worker.step:stop@3"), heartbeat_timeout_s=2.0)
    async with running(make_executor("cpu", settings=settings)) as executor:
        [pid] = executor.pids().values()
        *_, failed = await run(executor, make_job(steps=5))
        assert (failed.code, failed.retry) == ("worker_died", True)
        assert "it gave no sign of life for 2 s" in failed.message
        assert not psutil.pid_exists(pid)


async def test_a_worker_that_lives_but_makes_no_progress_is_replaced(make_job, clock):
    async with running(make_executor("cpu", clock=clock)) as executor:
        stream = executor.submit(make_job(model=replace(make_job().model, native_size=None), width=1024, height=1024))
        events: list[JobEvent] = []
        async for event in stream:
            events.append(event)
            clock.advance(QUICK.step_timeout_s + 1)  # each sign of progress starts the time anew
        failed = events[-1]
        assert isinstance(failed, JobFailed)
        assert "it made no progress for 900 s" in failed.message
        assert failed.retry


async def test_death_in_the_middle_of_writing_leaves_no_file_under_a_final_name(make_job):
    async with running(make_executor("cpu", settings=with_failpoint("worker.half_written:kill9"))) as executor:
        job = make_job()
        *_, failed = await run(executor, job)
        assert (failed.code, failed.retry) == ("worker_died", True)
        assert files(job) == {"0.png.part"}


async def test_stop_lets_the_running_job_finish_within_the_grace_and_sigterm_does_not_hurt_it(make_job):
    executor = make_executor("cpu")
    async with running(executor):
        stream = executor.submit(make_job(steps=20))
        await read_until(stream, JobProgress, step=1)
        for pid in executor.pids().values():
            os.kill(pid, signal.SIGTERM)  # what a service manager sends to the whole group
            os.kill(pid, signal.SIGINT)  # what Ctrl-C sends
        await executor.stop(grace_s=30)
        assert isinstance([event async for event in stream][-1], JobDone)
        assert [device.state for device in executor.devices()] == ["stopped"]
        late = await run(executor, make_job())
        assert [event.code for event in late if isinstance(event, JobFailed)] == ["worker_died"]


async def test_stop_ends_what_still_runs_after_the_grace_for_another_try(make_job):
    executor = make_executor("cpu")
    async with running(executor):
        stream, waiting = executor.submit(make_job(steps=150)), executor.submit(make_job())
        await read_until(stream, JobProgress, step=1)
        await executor.stop(grace_s=0.05)
        for each in (stream, waiting):
            *_, failed = [event async for event in each]
            assert (failed.code, failed.retry) == ("worker_died", True)
            assert "the host was stopped" in failed.message.lower()


async def test_a_device_that_does_not_exist_is_failed_with_the_reason_and_not_tried_for_ever():
    executor = make_executor("cuda:99")
    await executor.start()
    try:
        await until(lambda: executor.devices()[0].state != "starting")
        [device] = executor.devices()
        assert device.state == "failed"
        assert device.detail.startswith("the device 'cuda:99' can't be used: ")
        assert executor.pids() == {}
    finally:
        await executor.stop(grace_s=0)
