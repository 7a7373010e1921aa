"""What the queue routes answer about batches: what was taken, what was asked for, how far it is."""

from __future__ import annotations

from pydantic import BaseModel

from invoke_host.queue.schema import StatusCounts


class BatchDTO(BaseModel):
    """What the client asked for together."""

    batch_id: str
    origin: str | None
    destination: str | None


class LimitedBy(BaseModel):
    """The limit that let only some in, and when it begins anew; null for those that do not go by the clock."""

    limit: str
    value: float
    resets_at: str | None


class EnqueueResult(BaseModel):
    """What was accepted; `item_ids` in the order of the pictures (`enqueue_batch`: the other way round).

    `enqueued` < `requested`: the queue is full now, or `limited_by` says which limit let in no more.
    """

    queue_id: str
    enqueued: int
    requested: int
    batch: BatchDTO
    priority: int
    item_ids: list[int]
    limited_by: LimitedBy | None


class BatchStatus(StatusCounts):
    """How far a batch is."""

    queue_id: str
    batch_id: str
    origin: str | None
    destination: str | None


class BatchRequest(BaseModel):
    """What the pictures of a batch have in common; null where they differ."""

    model: str | None
    model_hash: str | None
    positive_prompt: str | None
    negative_prompt: str | None
    width: int | None
    height: int | None
    steps: int | None
    cfg_scale: float | None
    seed: int | None
    scheduler: str | None
    board_id: str | None
    is_intermediate: bool


class BatchDetails(BatchStatus):
    """What was asked for together, and how far it is. `varying` are the fields in which the pictures differ."""

    priority: int
    requested: int
    enqueued: int
    created_at: str
    user_id: str
    request: BatchRequest
    varying: list[str]
