"""Waiting for a plugin, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

#: How long a canceled plugin may take to clean up before it is left behind.
CANCEL_GRACE_S = 1.0


async def bounded(work: Awaitable[T], timeout_s: float) -> T:
    """The result of `work`, or TimeoutError after `timeout_s`.

    Unlike `asyncio.timeout` this returns even if the plugin swallows its cancellation: the task is then abandoned.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        if task.done():
            return task.result()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_retrieve)
            await asyncio.wait({task}, timeout=CANCEL_GRACE_S)
    raise TimeoutError(f"no answer within {timeout_s:g} s")


def say(error: BaseException) -> str:
    """An exception as half a sentence: its type and the first line of its text."""
    if isinstance(error, TimeoutError):
        return str(error) or "took too long"
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


def _retrieve(task: asyncio.Future[T]) -> None:
    if not task.cancelled():
        task.exception()  # an abandoned plugin's failure was reported as a timeout already
