"""What a client asks for, and the same with every question answered.

`GenerationRequest` is the body of `POST .../generate`; `resolving.resolve` turns it into one `ResolvedRequest` per
image: what is kept in the queue, and what the executor gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field, TypeAdapter

from invoke_host.api import Job
from invoke_host.generation.data import Data
from invoke_host.generation.fields import (
    MAX_PICTURES,
    STRICT,
    CfgScale,
    Label,
    NegativePrompt,
    PositivePrompt,
    Seed,
    Side,
    Steps,
    Text,
)
from invoke_host.generation.metadata import core_metadata
from invoke_host.models.service import ModelRecord


class GenerationRequest(BaseModel):
    """A wish for pictures. Everything but the prompt may be left out; null means "as the model likes it"."""

    model_config = STRICT

    positive_prompt: Annotated[
        PositivePrompt | None, Field(description="What the picture shows; needed unless `data` has the prompts.")
    ] = None
    negative_prompt: Annotated[NegativePrompt, Field(description="What it must not show.")] = ""
    model: Annotated[Label | None, Field(description="Key or name of a model; null = the host's default.")] = None
    width: Annotated[Side | None, Field(description="Pixels; null = the model's default.")] = None
    height: Annotated[Side | None, Field(description="Pixels; null = the model's default.")] = None
    steps: Annotated[Steps | None, Field(description="Denoising steps; null = the model's default.")] = None
    cfg_scale: Annotated[CfgScale | None, Field(description="Guidance; 1 = none, null = the model's default.")] = None
    seed: Annotated[Seed | None, Field(description="Image k of the request uses seed + k; null = random.")] = None
    scheduler: Annotated[Label | None, Field(description="Name of a sampler; null = the model's default.")] = None
    count: Annotated[
        int, Field(ge=1, le=MAX_PICTURES, description="How many pictures of each combination; each is an item.")
    ] = 1
    data: Annotated[
        Data | None,
        Field(
            description="Values for some of the fields above: lists beside each other are read row by row, "
            "each row of one list is combined with each row of the others."
        ),
    ] = None
    runs: Annotated[int, Field(ge=1, le=MAX_PICTURES, description="How often all of that.")] = 1
    prepend: Annotated[bool, Field(description="Before the caller's other waiting items.")] = False
    origin: Annotated[Label | None, Field(description="Free word: where the request comes from.")] = None
    destination: Annotated[Label | None, Field(description="Free word: where the pictures are to go.")] = None
    board_id: Annotated[
        Text | None, Field(max_length=64, description="The board to put the pictures on; null = on none.")
    ] = None


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """One image, nothing left open. `model` is a key; `model_hash` its fingerprint when the request was made."""

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
    board_id: str | None = None
    is_intermediate: bool = False

    def to_json(self) -> str:
        """Text for a queue row; `from_json` reads it back."""
        return orjson.dumps(self).decode()

    @classmethod
    def from_json(cls, text: str) -> ResolvedRequest:
        """The request of a queue row; keys that a later version added are ignored.

        Raises:
            pydantic.ValidationError: the text is not a stored request.
        """
        return _RESOLVED.validate_json(text)

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> ResolvedRequest:
        """The same of a request whose texts were read and put together already."""
        return _RESOLVED.validate_python(values)

    def job(self, job_id: str, record: ModelRecord, staging: Path) -> Job:
        """What the executor gets. The metadata is what the reference writes into pictures (its section 7.5)."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_OF_THE_JOB}
        return Job(id=job_id, model=record.offer, staging=staging, metadata=core_metadata(own, record), **own)


_RESOLVED = TypeAdapter(ResolvedRequest)

#: Fields that say nothing about how the picture is made, or say it in the host's own words.
_NOT_OF_THE_JOB = frozenset({"model", "model_hash", "board_id", "is_intermediate"})
