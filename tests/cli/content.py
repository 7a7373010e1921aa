"""Content for users in tests: rows of pictures, without their files."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from invoke_host.images.store import NewImage, insert_image
from invoke_host.storage import Storage
from invoke_host.testing.storage import sqlite_backend

NOW = "2026-11-23 09:00:00.000"


@contextmanager
def database(root: Path) -> Iterator[Storage]:
    """The database of a root folder, as it is."""
    with Storage(sqlite_backend(root), log=structlog.get_logger("tests")) as storage:
        yield storage


def give_pictures(storage: Storage, user_id: str, count: int) -> None:
    """Let a user own so many pictures."""
    for _ in range(count):
        facts = {"sha256": "0" * 64, "thumbnail_sha256": "1" * 64, "size_bytes": 1, "width": 64, "height": 64}
        storage.run_write(insert_image, NewImage(name=f"{uuid.uuid4()}.png", user_id=user_id, **facts), now=NOW)
