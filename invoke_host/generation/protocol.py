"""The words between host and worker: typed frames over one Unix socket pair, the same code on both ends.

A frame is 4 bytes length, 1 byte protocol version, 1 byte kind, then the JSON of one frozen dataclass. Both ends are
the same installation, so an unknown version or kind means a broken peer: ProtocolError, and the host restarts it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from invoke_host.api import InvokeHostError, Job, JobDone, JobFailed, JobOutput, JobProgress, JobStarted

VERSION: Final = 1
MAX_FRAME_BYTES: Final = 1024 * 1024
HEADER: Final = struct.Struct(">IBB")


class ProtocolError(InvokeHostError):
    """The other end sent something that is not a frame of this protocol."""


@dataclass(frozen=True, slots=True)
class Configure:
    """First frame to a worker: which device (`auto` = find out), and its limits."""

    device: str
    threads: int
    max_loaded_models: int
    prompt_cache_bytes: int
    heartbeat_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """Make this picture. Sent only against a credit."""

    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop that job at the next step; unknown ids are ignored."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Previews:
    """From now on send previews of that job, or no more; unknown ids are ignored."""

    job_id: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker's answer to Configure: the device it took, all devices it sees, and what it runs on."""

    pid: int
    device: str
    kind: str
    detail: str
    available: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The worker can't serve and restarting it won't help: no torch, no such device."""

    message: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Room for one more job: the worker is idle, or in the last step of the running one."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The worker's process is alive (not: that it makes progress)."""


ToWorker = Configure | Run | Cancel | Previews
ToHost = Ready | Refused | Credit | Heartbeat | JobStarted | JobProgress | JobOutput | JobDone | JobFailed
Frame = ToWorker | ToHost

_KINDS: Final[dict[int, type[Any]]] = {
    1: Configure,
    2: Run,
    3: Cancel,
    4: Previews,
    16: Ready,
    17: Refused,
    18: Credit,
    19: Heartbeat,
    32: JobStarted,
    33: JobProgress,
    34: JobOutput,
    35: JobDone,
    36: JobFailed,
}
_CODES: Final = {frame: code for code, frame in _KINDS.items()}
_ADAPTERS: Final = {code: TypeAdapter[Any](frame) for code, frame in _KINDS.items()}


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no place in a frame")


def encode(frame: Frame) -> bytes:
    """Header and payload of a frame.

    Raises:
        ProtocolError: the payload is larger than a frame may be.
    """
    payload = orjson.dumps(frame, default=_plain)
    if len(payload) > MAX_FRAME_BYTES:
        raise ProtocolError(f"a {type(frame).__name__} of {len(payload)} bytes is over {MAX_FRAME_BYTES}")
    return HEADER.pack(len(payload), VERSION, _CODES[type(frame)]) + payload


def payload_length(header: bytes) -> int:
    """How many bytes follow this header.

    Raises:
        ProtocolError: unknown version or kind, or over the size limit. Nothing more can be read after that.
    """
    length, version, kind = HEADER.unpack(header)
    if version != VERSION:
        raise ProtocolError(f"protocol version {version}, expected {VERSION}")
    if kind not in _KINDS:
        raise ProtocolError(f"unknown frame kind {kind}")
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {length} bytes is over {MAX_FRAME_BYTES}")
    return int(length)


def decode(header: bytes, payload: bytes) -> Frame:
    """The frame; `header` must have passed `payload_length`.

    Raises:
        ProtocolError: the payload is not what its kind promises.
    """
    kind = header[5]
    try:
        frame: Frame = _ADAPTERS[kind].validate_json(payload, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "payload"
        raise ProtocolError(f"bad {_KINDS[kind].__name__} frame: {where}: {first['msg']}") from None
    return frame
