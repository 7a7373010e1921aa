"""What the decoder left. Sizes and checksums are taken here, in the host: the decoder's word proves nothing."""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from pathlib import Path

import orjson

from invoke_host.pictures.values import IMAGE_FILE, TEXTS_FILE, THUMBNAIL_FILE, Decoded


def read_result(folder: Path) -> Decoded:
    """The files of a picture in that folder. Raises OSError when they are not there, or not what they should be."""
    image, thumbnail = folder / IMAGE_FILE, folder / THUMBNAIL_FILE
    head, size_bytes, sha256 = _facts(image)
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        raise OSError(errno.EIO, "the decoder left something that is no PNG")
    width, height = struct.unpack(">II", head[16:24])
    small_head, _, thumbnail_sha256 = _facts(thumbnail)
    if small_head[:4] != b"RIFF" or small_head[8:12] != b"WEBP":
        raise OSError(errno.EIO, "the decoder left something that is no WebP picture")
    texts: dict[str, str] = orjson.loads((folder / TEXTS_FILE).read_bytes())
    return Decoded(width, height, image, thumbnail, sha256, size_bytes, thumbnail_sha256, texts)


def _facts(path: Path) -> tuple[bytes, int, str]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        head = file.read(32)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return head, file.tell(), digest
