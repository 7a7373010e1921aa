"""Fills a root's database with many images of the single user: rows and counters, no texts and no files."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, insert

from invoke_host.api import SYSTEM_USER_ID
from invoke_host.clock import timestamp
from invoke_host.images import counts
from invoke_host.images.counts import CountKey
from invoke_host.images.tables import NO_BOARD, images

#: One of so many is starred, so that the listing has both of its groups.
STARRED_EVERY = 1000
CHUNK = 5000


def fill(database: Path, count: int) -> list[str]:
    """Add `count` images to an existing, idle database; returns their names, oldest first."""
    engine = create_engine(f"sqlite:///{database}")
    names: list[str] = []
    with engine.begin() as connection:
        chunk: list[dict[str, Any]] = []
        for row in _rows(count):
            names.append(row["name"])
            chunk.append(row)
            if len(chunk) == CHUNK:
                connection.execute(insert(images), chunk)
                chunk.clear()
        if chunk:
            connection.execute(insert(images), chunk)
        _count(connection, count)
    engine.dispose()
    with sqlite3.connect(database) as plain:
        plain.execute("ANALYZE")
    return names


def _rows(count: int) -> Iterator[dict[str, Any]]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for index in range(count):
        digest = hashlib.sha256(str(index).encode()).hexdigest()
        made = timestamp(start + timedelta(seconds=index))
        yield {
            "name": f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}.png",
            "user_id": SYSTEM_USER_ID,
            "origin": "internal",
            "category": "general",
            "width": 512,
            "height": 512,
            "is_intermediate": False,
            "starred": index % STARRED_EVERY == 0,
            "has_workflow": False,
            "sha256": digest,
            "size_bytes": 400_000,
            "thumbnail_sha256": digest,
            "created_at": made,
            "updated_at": made,
        }


def _count(connection: Connection, count: int) -> None:
    starred = len(range(0, count, STARRED_EVERY))
    kind = (str(SYSTEM_USER_ID), NO_BOARD, "general", False)
    counts.change(connection, {CountKey(*kind, True): starred, CountKey(*kind, False): count - starred})
