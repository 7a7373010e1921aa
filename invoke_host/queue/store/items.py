"""A queue item as the store's functions pass it on: typed, and with conditions that the partial indexes know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, FromClause, literal_column

from invoke_host.queue.tables import queue_items

Status = Literal["pending", "in_progress", "completed", "failed", "canceled"]

STATUSES: Final[tuple[Status, ...]] = ("pending", "in_progress", "completed", "failed", "canceled")
TERMINAL: Final[tuple[Status, ...]] = ("completed", "failed", "canceled")


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A row of `queue_items`, all of it but the idle columns. Times are texts as `clock.timestamp` makes them."""

    id: int
    batch_id: str
    batch_index: int
    queue_id: str
    user_id: str
    session_id: str
    origin: str | None
    destination: str | None
    status: Status
    status_sequence: int
    priority: int
    request: str
    model: str | None
    work: float
    attempt: int
    worker_deaths: int
    lease_token: str | None
    device: str | None
    retried_from_item_id: int | None
    retried_as_item_id: int | None
    error_type: str | None
    error_message: str | None
    estimated_us: int | None
    charged_us: int | None
    booked_us: int
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None


#: The columns of a QueueItem, in its order: `queue_item(*row)` reads them back.
ITEM_COLUMNS: Final = tuple(queue_items.c[field.name] for field in fields(QueueItem))


def queue_item(row: Sequence[Any]) -> QueueItem:
    """The item in a row that begins with ITEM_COLUMNS."""
    return QueueItem(*row[: len(ITEM_COLUMNS)])


def has_status(status: Status, items: FromClause = queue_items) -> ColumnElement[bool]:
    """`status = '...'` with the value written out: a bound value would keep the partial indexes from being used."""
    return items.c.status == literal_column(f"'{status}'")


#: `id` and texts behind an operation that changes nothing: the planner then leaves their indexes alone and reads the
#: few waiting items through the partial index, instead of the whole history of a queue or destination.
UNINDEXED_ID: Final = queue_items.c.id + 0


def unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """See UNINDEXED_ID, for text columns."""
    return column.concat("")
