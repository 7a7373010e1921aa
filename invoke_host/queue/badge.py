"""The numbers on everybody's badge: how much is in the queue, and how much of it is one's own, as they change.

What others ask for is told to nobody item by item (docs/adr/0504-who-hears-of-items.md); these numbers are what they
may know of it. The counters are read once for all streams, after commits of this process and once a second for those
of others, and not more than a few times a second. While nobody listens nothing is read.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import Connection, literal_column, select
from structlog.typing import FilteringBoundLogger

from invoke_host.api import Actor, StorageError
from invoke_host.queue.names import DEFAULT_QUEUE
from invoke_host.queue.store.items import STATUSES
from invoke_host.queue.tables import queue_counts, queue_pauses
from invoke_host.storage import PreparedSelect, Storage

#: The kind of the event.
KIND: Final = "queue_counts_changed"

#: How often to look for what other processes changed.
POLL_S: Final = 1.0

#: The shortest time between two looks.
LEAST_S: Final = 0.25

#: The next look waits for so many times what the last one took.
_SHARE: Final = 20

#: Events that all streams together are sent in a second at most: where many listen, each is told less often.
_MOST_PER_S: Final = 400


class Audience(Protocol):
    """Where the numbers go (`events.hub.EventHub`)."""

    @property
    def streams(self) -> int:
        """How many clients listen now."""
        ...

    def emit_state(self, kind: str, key: str, states: Callable[[Actor], Iterable[Mapping[str, Any]]]) -> None:
        """Tell each stream what it was not told yet."""
        ...


@dataclass(slots=True)
class Numbers:
    """What the counters say: by queue and status over all users, and by user, queue and status; which queues pause."""

    total: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    own: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    _made: dict[tuple[str, int, int], dict[str, Any]] = field(default_factory=dict)

    def for_(self, actor: Actor) -> list[Mapping[str, Any]]:
        """What this caller is told, one mapping for each queue: the common one, and those in which they have items.

        Names of other queues are words of other people; administrators may know them. Callers with the same numbers get
        the same mapping.
        """
        own = self.own.get(str(actor.id), {})
        queues = self.total.keys() if actor.is_admin else own.keys()
        return [self._of(queue, own.get(queue, _NONE)) for queue in sorted({DEFAULT_QUEUE, *queues})]

    def _of(self, queue: str, own: Mapping[str, int]) -> dict[str, Any]:
        pending, in_progress = own["pending"], own["in_progress"]
        made = self._made.get((queue, pending, in_progress))
        if made is None:
            total = self.total.get(queue, _NONE)
            made = self._made[(queue, pending, in_progress)] = {
                "queue_id": queue,
                **{status: total[status] for status in STATUSES},
                "waiting": 0,
                "total": sum(total.values()),
                "user_pending": pending,
                "user_in_progress": in_progress,
                "is_started": queue not in self.paused,
            }
        return made


class Badge:
    """Tells of changed numbers while somebody listens. All methods belong to the event loop."""

    def __init__(
        self,
        storage: Storage,
        audience: Audience,
        log: FilteringBoundLogger,
        *,
        poll_s: float = POLL_S,
        least_s: float = LEAST_S,
    ) -> None:
        self._storage = storage
        self._audience = audience
        self._log = log
        self._poll_s = poll_s
        self._least_s = least_s
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._storage.on_commit(self._changed)
        self._task = asyncio.create_task(self._run(), name="queue badge")

    async def stop(self) -> None:
        """Tell no more; harmless when called twice."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def _changed(self) -> None:
        if self._audience.streams:
            self._wake.set()

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._wake.wait()
            self._wake.clear()
            began = time.perf_counter()
            try:
                if self._audience.streams:
                    numbers = await self._storage.read(read_numbers)
                    self._audience.emit_state(KIND, "queue_id", numbers.for_)
            except StorageError as error:
                self._log.warning("the counts of the queue can't be read, trying again", error=str(error))
            except Exception:  # noqa: BLE001 - whatever it is, badges that stand still are worse
                self._log.exception("telling of the queue's counts failed, trying again")
            pause_s = max(_SHARE * (time.perf_counter() - began), self._audience.streams / _MOST_PER_S)
            await asyncio.sleep(max(self._least_s, pause_s))


def read_numbers(conn: Connection) -> Numbers:
    """From the counters, never from items."""
    numbers = Numbers()
    for queue_id, user_id, status, count in _COUNTS.all(conn, {}):
        numbers.total[queue_id][status] += count
        numbers.own.setdefault(user_id, {}).setdefault(queue_id, Counter())[status] += count
    numbers.paused.update(queue_id for (queue_id,) in _PAUSES.all(conn, {}))
    return numbers


_NONE: Final[Counter[str]] = Counter()
_COUNTS = PreparedSelect(
    select(queue_counts.c.queue_id, queue_counts.c.user_id, queue_counts.c.status, queue_counts.c.count).where(
        queue_counts.c.count > literal_column("0")
    )
)
_PAUSES = PreparedSelect(select(queue_pauses.c.queue_id))
