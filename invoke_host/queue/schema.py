"""What goes in and out of the queue routes. Answers are built from rows directly; these models describe them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from invoke_host.queue.store.items import Status

#: Items in one request or answer; who wants more asks several times.
MAX_ITEMS = 1000

#: Ids in one answer of `item_ids`.
MAX_IDS = 10_000

ItemId = Annotated[int, Field(ge=0, le=2**63 - 1)]
Label = Annotated[str, StringConstraints(max_length=255)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ItemIds(_Body):
    """Up to a thousand items by id."""

    item_ids: Annotated[list[ItemId], Field(max_length=MAX_ITEMS)]


class BatchIds(_Body):
    """Up to a thousand batches by id."""

    batch_ids: Annotated[list[Label], Field(max_length=MAX_ITEMS)]


#: The body of `retry_items_by_id`, a bare array as in the reference; as strict as the bodies above.
RetryIds = Annotated[list[Annotated[ItemId, Field(strict=True)]], Field(max_length=MAX_ITEMS)]


class DestinationQuery(BaseModel):
    """Items that name this destination."""

    destination: Label


class ListQuery(BaseModel):
    """The newest items, oldest of them first; `before` (an item id) continues towards older ones.

    `mine`: only the caller's own, also for administrators.
    """

    status: Status | None = None
    batch_id: Label | None = None
    destination: Label | None = None
    mine: bool = False
    before: ItemId | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS)] = 100


class LineQuery(BaseModel):
    """The first of those that wait; `mine`: of the caller's own, those too that a pause holds up."""

    mine: bool = False
    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS)] = 100


class PruneQuery(BaseModel):
    """`mine`: only what is the caller's own, also for administrators."""

    mine: bool = False


class IdsQuery(BaseModel):
    """Item ids in order; `start` (an item id) continues after it in that order."""

    order_dir: Literal["ASC", "DESC"] = "DESC"
    start: ItemId | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_IDS)] = MAX_IDS


class ItemRequest(BaseModel):
    """How the picture is made, nothing left open."""

    model: str
    model_hash: str
    positive_prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    cfg_scale: float
    seed: int
    scheduler: str
    board_id: str | None
    is_intermediate: bool


class FieldValue(BaseModel):
    """A place in the graph that an item came from, and what it has there."""

    node_path: str
    field_name: str
    value: str | int | float | None


class QueueItemSummary(BaseModel):
    """An item as lists show it. For those who may not view it, ids of owner, batch and session read `redacted`.

    `field_values` are of items that came from a graph with lists. `workflow_call_id` and those after it belong to
    InvokeAI's workflows, and are always null here.
    """

    item_id: int
    queue_id: str
    status: Status
    status_sequence: int
    priority: int
    batch_id: str
    session_id: str
    origin: str | None
    destination: str | None
    device: str | None
    error_type: str | None
    error_message: str | None
    position: int | None
    estimated_start_at: str | None
    created_at: str
    updated_at: str
    started_at: str | None
    completed_at: str | None
    field_values: list[FieldValue] | None
    retried_from_item_id: int | None
    retried_as_item_id: int | None
    workflow_call_id: None
    parent_item_id: None
    parent_session_id: None
    root_item_id: None
    workflow_call_depth: None
    user_id: str
    user_display_name: str | None
    user_email: str | None
    attempt: int


class ImageField(BaseModel):
    """A picture by name."""

    image_name: str


class ImageOutput(BaseModel):
    """A picture as the output of a session. The size is the one asked for."""

    type: Literal["image_output"]
    image: ImageField
    width: int
    height: int


class Session(BaseModel):
    """The pictures of an item where clients of InvokeAI look for them: `results`.

    The keys are those that `source_prepared_mapping` names for the graph's output node; for items that came from no
    graph they are "0", "1", ..., and both mappings are empty. `errors` always is; `error_message` says what failed.
    """

    id: str
    results: dict[str, ImageOutput]
    errors: dict[str, str]
    prepared_source_mapping: dict[str, str]
    source_prepared_mapping: dict[str, list[str]]


class QueueItemDTO(QueueItemSummary):
    """A queue item: one picture. `image_names` are its pictures, once it is completed and while they exist."""

    error_traceback: None
    workflow: None
    session: Session
    request: ItemRequest | None
    image_names: list[str]


class ItemIdsPage(BaseModel):
    """Ids of items, and how many there are in all."""

    item_ids: list[int]
    total_count: int


class StatusCounts(BaseModel):
    """How many items are in each status; `waiting` belongs to workflows and is always 0 here."""

    pending: int
    in_progress: int
    waiting: int
    completed: int
    failed: int
    canceled: int
    total: int


class QueueStatus(StatusCounts):
    """Counts over all users, and the caller's own. The ids are of a running item that the caller may view."""

    queue_id: str
    item_id: int | None
    session_id: str | None
    batch_id: str | None
    user_pending: int
    user_in_progress: int
    user_paused: bool


class ProcessorStatus(BaseModel):
    """`is_started` is false while this queue is paused; `is_processing`: a picture of this queue is being made."""

    is_started: bool
    is_processing: bool


class OwnPause(BaseModel):
    """Whether the caller's own items wait until they resume them."""

    user_paused: bool


class QueueAndProcessorStatus(BaseModel):
    """The queue and what works on it."""

    queue: QueueStatus
    processor: ProcessorStatus


class DestinationCounts(StatusCounts):
    """The caller's items that name a destination."""

    queue_id: str
    destination: str


class CanceledCount(BaseModel):
    """How many items this call canceled."""

    canceled: int


class DeletedCount(BaseModel):
    """How many items this call removed."""

    deleted: int


class RetriedItems(BaseModel):
    """Which of the items were put into the queue again, and their new ids in the same order."""

    queue_id: str
    retried_item_ids: list[int]
    new_item_ids: list[int]
