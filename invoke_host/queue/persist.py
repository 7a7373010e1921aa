"""Writing what must not be lost: a locked or full database is waited for, as long as the caller is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from invoke_host.api import StorageReadOnly, StorageUnavailable
from invoke_host.storage import Storage

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds between two tries, doubled each time up to the second number.
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0


async def persist(
    storage: Storage,
    log: FilteringBoundLogger,
    unit: Callable[Concatenate[Connection, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """`storage.write`, tried again while the database is locked, away or takes no changes; until canceled.

    The unit must be safe to run again after a commit whose answer was lost. Other errors come out at once.
    """
    return await patiently(log, unit.__name__, lambda: storage.write(unit, *args, **kwargs))


async def patiently(log: FilteringBoundLogger, name: str, call: Callable[[], Awaitable[T]]) -> T:
    """What `call` returns, called again while the database is locked or away; `name` says in the log what it is."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return await call()
        except (StorageUnavailable, StorageReadOnly) as error:
            log.warning("a result can't be written, trying again", unit=name, error=str(error))
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
