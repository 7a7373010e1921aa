"""One picture: what it is, whether it may be decoded, and the files that are made of it.

Kinds are told by content and only three of them are ever opened. Width and height are looked at before anything is
decoded; chunks of text are bounded by Pillow while it reads them.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import orjson
from PIL import Image, PngImagePlugin

from invoke_host.faults import failpoint
from invoke_host.pictures.decoder.pixels import plain, thumbnail, visible_part
from invoke_host.pictures.values import (
    IMAGE_FILE,
    MOST_SIDE,
    TEXT_LIMITS,
    TEXTS_FILE,
    THUMBNAIL_FILE,
    DecodeJob,
    Refusal,
    is_text,
)

# What one compressed chunk, and all text of one file, may unpack to.
PngImagePlugin.MAX_TEXT_CHUNK = 4 * 1024 * 1024
PngImagePlugin.MAX_TEXT_MEMORY = 16 * 1024 * 1024
warnings.simplefilter("ignore")
warnings.simplefilter("error", Image.DecompressionBombWarning)


class Refused(Exception):
    """The picture is not taken: why, in a word and in a sentence."""

    def __init__(self, reason: Refusal, message: str) -> None:
        self.reason: Refusal = reason
        super().__init__(message)


def decode(job: DecodeJob) -> tuple[int, int]:
    """Write the files of a picture into the target folder; width and height of what was written. Raises Refused."""
    failpoint("pictures.decode")
    try:
        image, texts = _read(Path(job.source), job)
        image = _shaped(image, job)
    except Refused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(job) from None
    except MemoryError:
        raise _too_costly() from None
    except Exception as error:
        # Pillow raises almost anything at a damaged file, and its texts name our paths.
        raise Refused("damaged", "the picture is damaged or not complete") from error
    try:
        _write(image, {**texts, **job.texts}, job)
    except MemoryError:
        raise _too_costly() from None
    except OSError as error:
        raise Refused("no_room", f"the picture can't be stored: {error.strerror or type(error).__name__}") from error
    return image.size


def _kind(source: Path) -> str | None:
    with source.open("rb") as file:
        start = file.read(12)
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    return "WEBP" if start[:4] == b"RIFF" and start[8:] == b"WEBP" else None


def _read(source: Path, job: DecodeJob) -> tuple[Image.Image, dict[str, str]]:
    kind = _kind(source)
    if kind is None:
        raise Refused("unsupported", "the file is no PNG, JPEG or WebP picture")
    Image.MAX_IMAGE_PIXELS = job.max_pixels
    if kind == "PNG":
        with Image.open(source, formats=[kind]) as opened:
            _check_size(opened, job)
            opened.verify()  # checksums of the pixel data, which decoding does not look at
    with Image.open(source, formats=[kind]) as opened:
        _check_size(opened, job)
        opened.load()
        texts = _texts(opened) if job.keep_texts and isinstance(opened, PngImagePlugin.PngImageFile) else {}
        return plain(opened), texts


def _check_size(image: Image.Image, job: DecodeJob) -> None:
    if image.width * image.height > job.max_pixels:
        raise _too_large(job)
    if max(image.size) > MOST_SIDE:
        raise Refused("too_large", f"the picture is wider or higher than {MOST_SIDE} pixels")


def _texts(image: PngImagePlugin.PngImageFile) -> dict[str, str]:
    found = {chunk: image.text.get(chunk) for chunk in TEXT_LIMITS}
    return {chunk: str(text) for chunk, text in found.items() if text is not None and is_text(chunk, text)}


def _shaped(image: Image.Image, job: DecodeJob) -> Image.Image:
    if job.crop_visible:
        image = visible_part(image)
    if job.resize is not None and image.size != job.resize:
        image = image.resize(job.resize, Image.Resampling.LANCZOS)
    image.info.clear()  # what is in there would be written into the files
    return image


def _write(image: Image.Image, texts: Mapping[str, str], job: DecodeJob) -> None:
    folder = Path(job.target_dir)
    chunks = PngImagePlugin.PngInfo()
    for chunk, text in texts.items():
        chunks.add_text(chunk, text)
    # Level 1 for the same reason as generated pictures (generation.worker.encoding): speed, for a few per cent.
    image.save(folder / IMAGE_FILE, "PNG", pnginfo=chunks, compress_level=1)
    small = thumbnail(image, job.thumbnail_px)
    small.save(folder / THUMBNAIL_FILE, "WEBP", quality=80, method=2)
    (folder / TEXTS_FILE).write_bytes(orjson.dumps(texts))


def _too_large(job: DecodeJob) -> Refused:
    return Refused("too_large", f"the picture has more than {job.max_pixels / 1e6:g} million pixels")


def _too_costly() -> Refused:
    return Refused("too_costly", "the picture takes more memory than a picture of its size should")
