"""What a model folder in the diffusers layout holds, judged without torch: configs, sizes, a cheap fingerprint.

Both sides use it: the catalogue to list models, the worker to refuse a folder with one clear sentence before loading.
Pickled weights (`.bin`, `.ckpt`, `.pt`) can run code when they are opened, so only safetensors count as weights.
"""

from __future__ import annotations

import hashlib
import json
import os
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
_MOST_VAE_BLOCKS = 8
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
        ModelUnusable: the folder is missing, unreadable, damaged, of another pipeline, or has only pickled weights.
    """
    try:
        return _inspect(path)
    except OSError as error:  # a link to nothing, no permission, gone while it is read, a disk that fails
        raise ModelUnusable(_reason(error, path)) from error


def _inspect(path: Path) -> FolderFacts:
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
        native_px=_side(unet.get("sample_size")) * _pixels_per_latent(vae.get("block_out_channels")),
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
    except (ValueError, RecursionError) as error:
        raise ModelUnusable(f"its file {_short(file)} can't be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelUnusable(f"its file {_short(file)} is not a JSON object")
    return value


def _weights(folder: Path) -> list[Path]:
    files = sorted(folder.iterdir())
    if weights := [file for file in files if file.suffix == ".safetensors"]:
        return weights
    if any(file.suffix in (".bin", ".ckpt", ".pt", ".pth") for file in files):
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
        ends = (entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__")
        needed = 8 + size + max(ends, default=0)
    except (ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError):
        raise ModelUnusable(f"its file {_short(file)} is damaged (no valid safetensors header)") from None
    if needed != length:
        raise ModelUnusable(f"its file {_short(file)} is damaged ({length} bytes instead of {needed})")
    return header, length


def _side(sample_size: object) -> int:
    sides = sample_size if isinstance(sample_size, list) else [sample_size]
    return max((side for side in sides if isinstance(side, int) and side > 0), default=64)


def _pixels_per_latent(block_out_channels: object) -> int:
    """Each block of the VAE but the last halves the picture."""
    if not block_out_channels:
        return 1
    if not isinstance(block_out_channels, list) or len(block_out_channels) > _MOST_VAE_BLOCKS:
        raise ModelUnusable(
            f"its file vae/config.json: block_out_channels must be a list of at most {_MOST_VAE_BLOCKS} numbers"
        )
    return int(2 ** (len(block_out_channels) - 1))


def _reason(error: OSError, folder: Path) -> str:
    """One sentence with the place inside the folder: where that lies on the server is not for clients."""
    file = Path(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes)) else folder
    inside = file.is_relative_to(folder) and file != folder
    kind = "folder" if os.path.isdir(file) else "file"  # noqa: PTH112 - Path.is_dir raises without permission
    what = f"its {kind} {file.relative_to(folder).as_posix()}" if inside else "its folder"
    if isinstance(error, FileNotFoundError):
        return f"{what} is missing"
    return f"{what} can't be read: {error.strerror or type(error).__name__}"


def _short(file: Path) -> str:
    return file.name if file.name == "model_index.json" else f"{file.parent.name}/{file.name}"
