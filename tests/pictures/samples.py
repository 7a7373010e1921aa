"""Pictures as people and attackers send them, made here byte by byte or with Pillow."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

PNG_START = b"\x89PNG\r\n\x1a\n"


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png(
    width: int = 32, height: int = 16, mode: str = "RGB", color: object = (200, 30, 60), **options: object
) -> bytes:
    return encoded(Image.new(mode, (width, height), color), **options)


def with_texts(texts: dict[str, str], *, compressed: bool = False) -> bytes:
    info = PngInfo()
    for chunk, text in texts.items():
        info.add_text(chunk, text, zip=compressed)
    return png(pnginfo=info)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, depth: int = 8, color: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))


def claiming(width: int, height: int, depth: int = 8, color: int = 2) -> bytes:
    """A PNG whose header says so and that holds next to nothing."""
    return (
        PNG_START
        + header(width, height, depth, color)
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


def flat(width: int, height: int) -> bytes:
    """A whole one-bit PNG of zeros: a few kilobytes for any number of pixels."""
    rows = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    data = b"".join(rows.compress(row) for _ in range(height)) + rows.flush()
    return PNG_START + header(width, height, 1, 0) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def text_bomb(kind: bytes, unpacked: int, *, count: int = 1) -> bytes:
    """A small PNG with text chunks that unpack to so many bytes each."""
    packed = zlib.compress(b" " * unpacked, 9)
    body = {
        b"zTXt": b"invokeai_metadata\0\0" + packed,
        b"iTXt": b"invokeai_metadata\0\1\0\0\0" + packed,
        b"iCCP": b"bomb\0\0" + packed,
    }[kind]
    whole = png()
    return whole[:33] + chunk(kind, body) * count + whole[33:]


def corrupted(kind: bytes = b"IDAT") -> bytes:
    """A PNG in which one checksum is wrong."""
    whole = bytearray(png(64, 64))
    at = whole.index(kind)
    (length,) = struct.unpack(">I", whole[at - 4 : at])
    whole[at + 4 + length] ^= 0xFF
    return bytes(whole)


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "green", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50, **_LOSSLESS.get(kind, {}))


_LOSSLESS: dict[str, dict[str, object]] = {"WEBP": {"lossless": True}}


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(w) (file) run\n"
