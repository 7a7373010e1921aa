"""The time limit around a provider: none for those that do not wait, a real one for those that do."""

from __future__ import annotations

import asyncio

import pytest

from invoke_host.identity.promptly import within


async def test_work_that_does_not_wait_is_done_at_once_and_without_a_timer(monkeypatch):
    monkeypatch.setattr(asyncio, "timeout", lambda _: pytest.fail("a timer was set"))

    async def work():
        return 42

    assert await within(1.0, work()) == 42


async def test_what_the_work_raises_comes_through():
    async def work():
        raise LookupError("at once")

    async def later():
        await asyncio.sleep(0)
        raise LookupError("later")

    with pytest.raises(LookupError, match="at once"):
        await within(1.0, work())
    with pytest.raises(LookupError, match="later"):
        await within(1.0, later())


async def test_work_may_wait_many_times_and_sees_what_it_waited_for():
    loop = asyncio.get_running_loop()

    async def work():
        seen = []
        for number in range(3):
            future = loop.create_future()
            loop.call_soon(future.set_result, number)
            seen.append(await future)
            await asyncio.sleep(0)
        failed = loop.create_future()
        loop.call_soon(failed.set_exception, OSError("gone"))
        try:
            await failed
        except OSError as error:
            seen.append(str(error))
        async with asyncio.timeout(1):  # its own limits work inside ours
            seen.append(await asyncio.create_task(asyncio.sleep(0, "task")))
        return seen

    assert await within(5.0, work()) == [0, 1, 2, "gone", "task"]


async def test_work_that_waits_too_long_is_canceled_and_can_clean_up():
    cleaned = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(TimeoutError):
        await within(0.01, work())
    assert cleaned == [True]


async def test_canceling_the_caller_cancels_the_work():
    begun, ended = asyncio.Event(), []

    async def work():
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("canceled")
            raise

    task = asyncio.create_task(within(5.0, work()))
    await begun.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["canceled"]


async def test_other_awaitables_have_the_limit_too():
    future = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await within(0.01, future)
    with pytest.raises(TypeError):
        await within(1.0, None)
