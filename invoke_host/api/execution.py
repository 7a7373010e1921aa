"""The seam between queue and GPU: jobs go to an executor, a stream of events comes back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal


@dataclass(frozen=True, slots=True)
class ModelDefaults:
    """What a request gets where it says nothing. Sizes in pixels."""

    width: int = 512
    height: int = 512
    steps: int = 30
    cfg_scale: float = 7.5
    scheduler: str = "euler"


@dataclass(frozen=True, slots=True)
class ModelOffer:
    """A model that can be loaded from disk: a folder in the diffusers layout with safetensors weights.

    `native_size` (width, height) is set for models that only work at one size: pictures are made at that size and
    scaled to what was asked; both sizes go into the metadata. `schedulers` None = all; otherwise the names that work,
    and `refusals` has for others why they don't, as half a sentence ("it needs a hundred steps").

    `formerly` are keys and names of models that this one takes the place of: waiting pictures, old metadata and
    settings that name one of them mean this model, unless there is a model that is called so.
    """

    key: str
    name: str
    path: Path
    base: str = "sd-1"
    type: str = "main"
    format: str = "diffusers"
    description: str = ""
    source: str = ""
    native_size: tuple[int, int] | None = None
    schedulers: frozenset[str] | None = None
    default: bool = False
    defaults: ModelDefaults = field(default_factory=ModelDefaults)
    formerly: tuple[str, ...] = ()
    refusals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """One image to make. Everything is resolved: no field is a default any more. Files go into `staging`."""

    id: str
    model: ModelOffer
    positive_prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    cfg_scale: float
    seed: int
    scheduler: str
    staging: Path
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The worker took the job up. `device` as the worker names it (`cpu`, `cuda:0`)."""

    job_id: str
    device: str


@dataclass(frozen=True, slots=True)
class JobPreview:
    """How the picture looks so far: a small JPEG or WebP as a data URL, to be shown at `width` x `height` pixels.

    Raises ValueError for what is no image of these kinds, or over MAX_CHARS characters; about 8,000 are usual.
    """

    width: int
    height: int
    data_url: str

    MAX_CHARS: ClassVar[int] = 64 * 1024

    def __post_init__(self) -> None:
        if not self.data_url.startswith(("data:image/jpeg;base64,", "data:image/webp;base64,")):
            raise ValueError("a preview is a data URL of a JPEG or a WebP, in base64")
        if len(self.data_url) > self.MAX_CHARS:
            raise ValueError(f"a preview of {len(self.data_url)} characters is over {self.MAX_CHARS}")


@dataclass(frozen=True, slots=True)
class JobProgress:
    """`step` of `steps` denoising steps are done; `message` says what else is going on (`loading model`)."""

    job_id: str
    step: int
    steps: int
    message: str = ""
    preview: JobPreview | None = None


@dataclass(frozen=True, slots=True)
class JobOutput:
    """A finished picture lies in the staging folder: complete files, not yet fsynced, with their SHA-256."""

    job_id: str
    index: int
    image: Path
    image_sha256: str
    thumbnail: Path
    thumbnail_sha256: str
    width: int
    height: int
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JobDone:
    """All outputs were reported. `engine_s` is the time the device was busy with it, in seconds."""

    job_id: str
    engine_s: float


@dataclass(frozen=True, slots=True)
class JobFailed:
    """No (further) output will come. `code` is an ExecutionError code; `retry`: the job itself may be innocent."""

    job_id: str
    code: str
    message: str
    retry: bool = False


JobEvent = JobStarted | JobProgress | JobOutput | JobDone | JobFailed


@dataclass(frozen=True, slots=True)
class Device:
    """A device as an executor sees it. `state` starting until the worker answered."""

    name: str
    kind: str
    state: Literal["starting", "ready", "busy", "failed", "stopped"]
    detail: str = ""


class Executor(ABC):
    """Runs jobs somewhere. All methods are called on the event loop; none may block it."""

    name: ClassVar[str]

    @abstractmethod
    async def start(self) -> None:
        """Begin to bring workers up; returns at once, readiness shows in `capacity()` and `devices()`."""

    @abstractmethod
    async def stop(self, grace_s: float) -> None:
        """End workers; jobs still running after `grace_s` end with JobFailed(code="worker_died", retry=True)."""

    @abstractmethod
    async def capacity(self) -> int:
        """Wait until at least one more job would start soon; returns how many to submit now."""

    @abstractmethod
    def submit(self, job: Job) -> AsyncIterator[JobEvent]:
        """Run a job; the stream ends after JobDone or JobFailed."""

    @abstractmethod
    async def cancel(self, job_id: str) -> None:
        """Stop a job at the next step; its stream ends with JobFailed(code="canceled"). Unknown ids are ignored."""

    def preview(self, job_id: str, wanted: bool) -> None:  # noqa: B027 - an executor without previews is a whole one
        """From now on the progress of that job should carry previews, or no more; unknown ids are ignored.

        Returns at once. Nobody is shown what nobody wants, so a job makes none until it is asked to. An executor that
        has none to show leaves this as it is.
        """

    @abstractmethod
    def devices(self) -> list[Device]:
        """The devices and how they are."""
