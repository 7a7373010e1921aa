"""Image names and the blob keys made from them. Names are the host's own, `<uuid>.png`; clients only quote them."""

from __future__ import annotations

import re
from typing import NewType

from invoke_host import ids
from invoke_host.api import NotFound

ImageName = NewType("ImageName", str)

_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.png", re.ASCII)


def new_name() -> ImageName:
    """A fresh name, for a picture that is about to be saved."""
    return ImageName(f"{ids.new_id()}.png")


def is_name(text: str) -> bool:
    """True if the text can be an image's name at all; everything else is answered 404 without asking anybody."""
    return _NAME.fullmatch(text) is not None


def unknown(name: str) -> NotFound:
    """The one answer for an image that does not exist and for one that may not be seen."""
    return NotFound(f"There is no image {name[:64]!r}.")


def image_key(name: str) -> str:
    """Blob key of the picture itself. Raises ValueError for what is no image name."""
    _check(name)
    return f"images/{name[:2]}/{name}"


def thumbnail_key(name: str) -> str:
    """Blob key of its thumbnail. Raises ValueError for what is no image name."""
    _check(name)
    return f"thumbnails/{name[:2]}/{name.removesuffix('.png')}.webp"


def name_of_key(key: str) -> ImageName | None:
    """The image that a blob key belongs to, or None if the key is not an image's or a thumbnail's."""
    kind, _, rest = key.partition("/")
    stem, _, suffix = rest.rpartition("/")[2].rpartition(".")
    name = f"{stem}.png"
    if not is_name(name) or (kind, suffix) not in {("images", "png"), ("thumbnails", "webp")}:
        return None
    return ImageName(name) if key in {image_key(name), thumbnail_key(name)} else None


def _check(name: str) -> None:
    if not is_name(name):
        raise ValueError(f"not an image name: {name[:80]!r}")
