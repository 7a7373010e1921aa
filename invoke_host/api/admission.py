"""Whether somebody's images may be enqueued now: a word of plugins beside the host's own caps and quotas."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from invoke_host.api.identity import Actor


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """What somebody asks to enqueue, all of it; the host's limits may let in less afterwards.

    `engine_s` is the device time that all of it is expected to take. `models` are keys. `prompts` are the positive
    prompts in it, each once; `board_id` is where the images are to go, None = on no board. `retry`: they failed or were
    canceled before, and their owner need not be the actor.
    """

    actor: Actor
    queue_id: str
    images: int
    engine_s: float
    models: frozenset[str]
    prompts: tuple[str, ...] = ()
    board_id: str | None = None
    origin: str | None = None
    destination: str | None = None
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is enqueued and the client reads `message`: 429 with Retry-After, or 403 without `retry_after_s`."""

    message: str
    retry_after_s: int | None = None


class JobAdmission(ABC):
    """Says no to what somebody wants to enqueue. All of them are asked, one after another, until one refuses.

    It is asked outside of any transaction and may do I/O. When it raises, or takes over 2 s, nothing is enqueued (503).
    """

    name: ClassVar[str]

    @abstractmethod
    async def admit(self, request: AdmissionRequest) -> Refusal | None:
        """None = nothing to say against it. What is let in here may still fall under a limit: book nothing for it."""
