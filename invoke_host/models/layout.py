"""What a model folder in the diffusers layout holds, judged without torch: configs, sizes, a cheap fingerprint.

Both sides use it: the catalogue to list models, the worker to refuse a folder with one clear sentence before loading.
Pickled weights (`.bin`, `.ckpt`, `.pt`) can run code when they are opened, so only safetensors count as weights.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoke_host.api import ModelUnusable

#: The one pipeline the worker can drive.
PIPELINE = "StableDiffusionPipeline"
_NEEDED = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
_WITH_WEIGHTS = ("unet", "vae", "text_encoder")
_LIBRARIES = ("diffusers", "transformers")
_MAX_HEADER_BYTES = 100 * 1024 * 1024  # the limit of the safetensors format itself


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What can be known without loading: `native_px` is the side length that the UNet was trained for, in pixels."""

    hash: str
    size_bytes: int
    native_px: int
    base: str
    prediction_type: str


def inspect_folder(path: Path) -> FolderFacts:
    """Judge a model folder; reads configs and safetensors headers only (milliseconds, also for large models).

    The hash covers `model_index.json` and every weight file's header and size: it tells models apart, it does not
    prove that no byte of the weights changed.

    Raises:
        ModelUnusable: the folder is missing, damaged, of another pipeline, or has only pickled weights.
    """
    index_file = path / "model_index.json"
    if not path.is_dir():
        raise ModelUnusable("its folder is missing")
    index = _json(index_file)
    _check_index(index)
    digest, size = hashlib.sha256(index_file.read_bytes()), 0
    for component in _NEEDED:
        if not (path / component).is_dir():
            raise ModelUnusable(f"its folder {component}/ is missing")
    for component in _WITH_WEIGHTS:
        for file in _weights(path / component):
            header, length = _safetensors_header(file)
            digest.update(f"{component}/{file.name}:{length}".encode())
            digest.update(header)
            size += length
    unet, vae = _json(path / "unet" / "config.json"), _json(path / "vae" / "config.json")
    scheduler = _json(path / "scheduler" / "scheduler_config.json")
    return FolderFacts(
        hash=f"sha256-headers:{digest.hexdigest()}",
        size_bytes=size,
        native_px=_side(unet.get("sample_size")) * 2 ** (len(vae.get("block_out_channels") or [0]) - 1),
        base="sd-2" if unet.get("cross_attention_dim") == 1024 else "sd-1",
        prediction_type=str(scheduler.get("prediction_type", "epsilon")),
    )


def _check_index(index: dict[str, Any]) -> None:
    if index.get("_class_name") != PIPELINE:
        raise ModelUnusable(f"it is a {index.get('_class_name')!r} model; only {PIPELINE} folders can be used")
    for component in _NEEDED:
        entry = index.get(component)
        # A library name that is not one of these would make diffusers import code from the model folder.
        if not (isinstance(entry, list) and len(entry) == 2 and entry[0] in _LIBRARIES):
            raise ModelUnusable(f"model_index.json: {component} must be [library, class] from {_LIBRARIES}")


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())  # not orjson: diffusers writes -Infinity into its configs
    except FileNotFoundError:
        raise ModelUnusable(f"its file {_short(file)} is missing") from None
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"its file {_short(file)} can't be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelUnusable(f"its file {_short(file)} is not a JSON object")
    return value


def _weights(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.safetensors"))
    if files:
        return files
    if any(file.suffix in (".bin", ".ckpt", ".pt", ".pth") for file in folder.iterdir()):
        raise ModelUnusable(f"{folder.name}/ has only pickled weights, which can run code; convert them to safetensors")
    raise ModelUnusable(f"{folder.name}/ has no *.safetensors file")


def _safetensors_header(file: Path) -> tuple[bytes, int]:
    """The JSON header and the file's length, which the header must account for to the byte."""
    length = file.stat().st_size
    with file.open("rb") as stream:
        prefix = stream.read(8)
        size = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else _MAX_HEADER_BYTES + 1
        header = stream.read(size) if size <= min(_MAX_HEADER_BYTES, length) else b""
    try:
        tensors = json.loads(header)
        end = max((entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"), default=0)
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        raise ModelUnusable(f"its file {_short(file)} is damaged (no valid safetensors header)") from None
    if 8 + size + end != length:
        raise ModelUnusable(f"its file {_short(file)} is damaged ({length} bytes instead of {8 + size + end})")
    return header, length


def _side(sample_size: object) -> int:
    if isinstance(sample_size, list) and sample_size:
        sample_size = max(sample_size)
    return sample_size if isinstance(sample_size, int) and sample_size > 0 else 64


def _short(file: Path) -> str:
    return file.name if file.name == "model_index.json" else f"{file.parent.name}/{file.name}"
