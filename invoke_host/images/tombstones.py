"""The tombstones of images' files: those of deleted images, and those of pictures whose row is still to come.

What tombstones are, and how files without a row go, is told in `blobs.tombstones`; here are the names of images.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select

from invoke_host.api import BlobStore
from invoke_host.blobs import tombstones
from invoke_host.images.names import image_key, name_of_key, thumbnail_key
from invoke_host.images.tables import images


def keys_of(name: str) -> tuple[str, str]:
    """The blob keys of an image: picture and thumbnail."""
    return image_key(name), thumbnail_key(name)


def entomb(conn: Connection, names: Sequence[str], *, now: str) -> None:
    """Write the tombstones of these images' files."""
    tombstones.entomb(conn, [key for name in names for key in keys_of(name)], now=now)


def clear(conn: Connection, names: Sequence[str]) -> None:
    """Remove the tombstones of these images' files."""
    tombstones.clear(conn, [key for name in names for key in keys_of(name)])


def remove_files(blobs: BlobStore, names: Sequence[str]) -> list[str]:
    """Remove the files of deleted images; returns the names whose files are gone. Others keep their tombstones."""
    gone = set(tombstones.remove_files(blobs, [key for name in names for key in keys_of(name)]))
    return [name for name in names if gone.issuperset(keys_of(name))]


def in_use(conn: Connection, keys: Collection[str]) -> set[str]:
    """Those of the keys whose image exists, in the trash or not."""
    names = {key: name for key in keys if (name := name_of_key(key)) is not None}
    existing = set(conn.scalars(select(images.c.name).where(images.c.name.in_(set(names.values())))))
    return {key for key, name in names.items() if name in existing}
