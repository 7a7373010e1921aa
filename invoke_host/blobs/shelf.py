"""Where the files lie that rows carry beside their columns, one each: thumbnails of workflows, pictures of presets.

A file's key is made of the row's id and of a new id for each file, so no key is ever used twice; the row says which
file is its own now. How a row gets its file is in `blobs.files`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

_KEY = re.compile(r"[a-z_]+/[0-9a-f]{2}/([0-9a-f-]{36})\.([0-9a-f-]{36})\.[a-z]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the files of one kind of row lie. `file_id` is the column that says which file a row has, NULL = none."""

    folder: str
    row_id: ColumnElement[str]
    file_id: ColumnElement[Any]

    def key(self, row_id: str, file_id: str) -> str:
        """The blob key of a row's file, a WebP picture."""
        return f"{self.folder}/{row_id[:2]}/{row_id}.{file_id}.webp"

    def in_use(self, conn: Connection, keys: Collection[str]) -> set[str]:
        """Those of the keys whose files a row has now (`blobs.keepers`)."""
        rows = {found[1] for key in keys if (found := _KEY.fullmatch(key)) is not None}
        has = conn.execute(select(self.row_id, self.file_id).where(self.row_id.in_(rows), self.file_id.is_not(None)))
        return {self.key(row_id, file_id) for row_id, file_id in has}.intersection(keys)
