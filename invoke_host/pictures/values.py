"""What is asked of the decoder, and what comes out of it. Both processes import this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from invoke_host.jsondepth import too_deep_at

#: PNG text chunks in the reference's words. Each holds a JSON object (`is_text`), at most so many bytes of UTF-8.
METADATA, WORKFLOW, GRAPH = "invokeai_metadata", "invokeai_workflow", "invokeai_graph"
TEXT_LIMITS: Mapping[str, int] = {METADATA: 1024 * 1024, WORKFLOW: 4 * 1024 * 1024, GRAPH: 4 * 1024 * 1024}

#: Files in the target folder.
IMAGE_FILE, THUMBNAIL_FILE, TEXTS_FILE = "picture.png", "thumbnail.webp", "texts.json"

#: Longest side of a picture, in pixels.
MOST_SIDE = 65_535

Refusal = Literal["unsupported", "damaged", "too_large", "too_costly", "no_room"]


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """One picture to be decoded. `resize` and `thumbnail_px` are pixels; `texts` replace what the file says."""

    source: str
    target_dir: str
    max_pixels: int
    thumbnail_px: int = 256
    resize: tuple[int, int] | None = None
    crop_visible: bool = False
    keep_texts: bool = True
    texts: Mapping[str, str] = field(default_factory=dict)

    def to_line(self) -> bytes:
        """One line of JSON."""
        return orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_line(cls, line: bytes) -> DecodeJob:
        """The job of a line that `to_line` made."""
        values: dict[str, Any] = orjson.loads(line)
        resize = values.pop("resize")
        return cls(**values, resize=None if resize is None else (resize[0], resize[1]))


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture that was decoded and encoded anew: a PNG, a WebP thumbnail, and the texts that the PNG carries.

    Sizes in pixels and bytes. The files are in the target folder, and the caller's.
    """

    width: int
    height: int
    image: Path
    thumbnail: Path
    sha256: str
    size_bytes: int
    thumbnail_sha256: str
    texts: Mapping[str, str]


def is_text(chunk: str, text: str) -> bool:
    """Whether a text may stand in that chunk: a JSON object, not too long, not nested too deeply for any reader."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > TEXT_LIMITS[chunk]:
        return False
    try:
        return isinstance(orjson.loads(raw), dict) and too_deep_at(text) is None
    except orjson.JSONDecodeError:
        return False
