"""What a client asks for, and the same with every question answered.

`GenerationRequest` is the body of `POST .../generate`. `resolve` fills in what it leaves open from the model and turns
it into one `ResolvedRequest` per image: what a queue row holds, and what the executor gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Protocol

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from invoke_host.api import FieldProblem, InvalidInput, Job
from invoke_host.generation.metadata import core_metadata
from invoke_host.generation.schedulers import AVAILABLE, SCHEDULERS
from invoke_host.models.service import ModelRecord

#: Seeds are 0 … 2^32 - 1, as in InvokeAI; the next one after the last is 0.
SEED_RANGE = 2**32


def _no_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
Prompt = Annotated[Text, Field(max_length=4000)]
Label = Annotated[Text, Field(max_length=255)]
Side = Annotated[int, Field(ge=64, le=2048, multiple_of=8)]


class GenerationRequest(BaseModel):
    """A wish for pictures. Everything but the prompt may be left out; null means "as the model likes it"."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    positive_prompt: Annotated[Prompt, Field(min_length=1, description="What the picture shows.")]
    negative_prompt: Annotated[Prompt, Field(description="What it must not show.")] = ""
    model: Annotated[Label | None, Field(description="Key or name of a model; null = the host's default.")] = None
    width: Annotated[Side | None, Field(description="Pixels; null = the model's default.")] = None
    height: Annotated[Side | None, Field(description="Pixels; null = the model's default.")] = None
    steps: Annotated[int | None, Field(ge=1, le=150, description="Denoising steps; null = the model's default.")] = None
    cfg_scale: Annotated[
        float | None,
        Field(ge=1, le=30, allow_inf_nan=False, description="Guidance; 1 = none, null = the model's default."),
    ] = None
    seed: Annotated[
        int | None,
        Field(ge=0, lt=SEED_RANGE, description="Image k of the request uses seed + k; null = random."),
    ] = None
    scheduler: Annotated[Label | None, Field(description="Name of a sampler; null = the model's default.")] = None
    count: Annotated[int, Field(ge=1, le=1000, description="How many pictures; each is an item of the queue.")] = 1
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

    def job(self, job_id: str, record: ModelRecord, staging: Path) -> Job:
        """What the executor gets. The metadata is what the reference writes into pictures (its section 7.5)."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_OF_THE_JOB}
        return Job(id=job_id, model=record.offer, staging=staging, metadata=core_metadata(own, record), **own)


_RESOLVED = TypeAdapter(ResolvedRequest)

#: Fields that say nothing about how the picture is made, or say it in the host's own words.
_NOT_OF_THE_JOB = frozenset({"model", "model_hash", "board_id"})


class Catalog(Protocol):
    """What requests need of the model catalogue. Only `find` may look at the disk; the others answer from memory."""

    async def find(self, key_or_name: str) -> ModelRecord | None: ...
    def get(self, key_or_name: str) -> ModelRecord | None: ...
    def default(self) -> ModelRecord | None: ...
    def close_matches(self, key_or_name: str) -> Sequence[str]: ...


def resolve(request: GenerationRequest, catalog: Catalog, *, new_seed: Callable[[], int]) -> list[ResolvedRequest]:
    """One resolved request per image, in order; image k has the request's (or one new) seed plus k, modulo 2^32.

    A model that may be new on the disk must have been looked for with `catalog.find` before.

    Raises:
        InvalidInput: the model or the scheduler is unknown or can't be used; every problem at once, paths from `body`.
    """
    record, problems = _judge({"model": request.model, "scheduler": request.scheduler}, catalog)
    if problems or record is None:
        raise InvalidInput(problems)
    defaults = record.offer.defaults
    first = request.seed if request.seed is not None else new_seed()
    shared: dict[str, Any] = {
        "model": record.key,
        "model_hash": record.hash,
        "positive_prompt": request.positive_prompt,
        "negative_prompt": request.negative_prompt,
        "width": request.width or defaults.width,
        "height": request.height or defaults.height,
        "steps": request.steps or defaults.steps,
        "cfg_scale": float(request.cfg_scale or defaults.cfg_scale),
        "scheduler": request.scheduler or defaults.scheduler,
        "board_id": request.board_id,
    }
    return [ResolvedRequest(seed=(first + k) % SEED_RANGE, **shared) for k in range(request.count)]


async def find_problems(values: Mapping[str, Any], catalog: Catalog) -> list[FieldProblem]:
    """What only the catalogue knows to be wrong with `model` and `scheduler` among the values of a request.

    For requests that are refused for other fields: one that is not among the values is not judged.
    """
    if values.get("model") is not None:
        await catalog.find(values["model"])
    return _judge(values, catalog)[1]


def _judge(values: Mapping[str, Any], catalog: Catalog) -> tuple[ModelRecord | None, list[FieldProblem]]:
    problems: list[FieldProblem] = []
    record = _model(values["model"], catalog, problems) if "model" in values else None
    if "scheduler" in values:
        scheduler = values["scheduler"] or (record.offer.defaults.scheduler if record else None)
        if scheduler:
            _check_scheduler(scheduler, record, problems)
    return record, problems


def _model(wanted: str | None, catalog: Catalog, problems: list[FieldProblem]) -> ModelRecord | None:
    loc = ("body", "model")
    record = catalog.get(wanted) if wanted is not None else catalog.default()
    if record is None and wanted is None:
        problems.append(FieldProblem(loc, "this host has no default model; name one", "model_missing"))
    elif record is None:
        near = catalog.close_matches(wanted or "")
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        problems.append(FieldProblem(loc, f"there is no model {wanted!r}{hint}", "model_unknown"))
    elif record.problem:
        text = f"the model {record.offer.name!r} can't be used: {record.problem}"
        problems.append(FieldProblem(loc, text, "model_unusable"))
    return record


def _check_scheduler(name: str, record: ModelRecord | None, problems: list[FieldProblem]) -> None:
    loc = ("body", "scheduler")
    spec = SCHEDULERS.get(name)
    if spec is None:
        near = get_close_matches(name, AVAILABLE, n=3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        problems.append(FieldProblem(loc, f"there is no scheduler {name!r}{hint}", "scheduler_unknown"))
    elif spec.unavailable:
        problems.append(FieldProblem(loc, f"{name!r} can't be used: {spec.unavailable}", "scheduler_unavailable"))
    elif record and record.offer.schedulers is not None and name not in record.offer.schedulers:
        works = ", ".join(sorted(record.offer.schedulers & AVAILABLE))
        text = f"{name!r} does not work with the model {record.offer.name!r}; these do: {works}"
        problems.append(FieldProblem(loc, text, "scheduler_unsupported"))
