"""Adding images: the row with its texts, counted, searchable and told of, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection, insert

from invoke_host.images import changes, tombstones
from invoke_host.images.search import index
from invoke_host.images.tables import image_texts, images


class GeneratingItem(Protocol):
    """What an image takes over from the queue item that made it."""

    @property
    def id(self) -> int:
        """The item's id."""
        ...

    @property
    def user_id(self) -> str:
        """Who asked for the picture; its owner."""
        ...

    @property
    def session_id(self) -> str:
        """The item's session."""
        ...


@dataclass(frozen=True, slots=True)
class SavedOutput:
    """A picture whose files lie finished under the keys of `name`. Sizes in pixels and bytes."""

    name: str
    index: int
    width: int
    height: int
    sha256: str
    size_bytes: int
    thumbnail_sha256: str
    metadata: Mapping[str, Any]
    is_intermediate: bool = False


@dataclass(frozen=True, slots=True)
class NewImage:
    """A row to be. `metadata`, `workflow` and `graph` are the JSON texts that the file carries, or None."""

    name: str
    user_id: str
    width: int
    height: int
    sha256: str
    size_bytes: int
    thumbnail_sha256: str
    origin: str = "internal"
    category: str = "general"
    is_intermediate: bool = False
    starred: bool = False
    queue_item_id: int | None = None
    output_index: int | None = None
    session_id: str | None = None
    node_id: str | None = None
    board_id: str | None = None
    metadata: str | None = None
    workflow: str | None = None
    graph: str | None = None


def insert_generated(
    conn: Connection, *, item: GeneratingItem, output: SavedOutput, board_id: str | None = None, now: str
) -> str:
    """Add the row of a generated picture to the transaction that finishes its item; returns the image's name.

    Whether the item's owner may add to the board is the caller's to know (`moves.may_add`).
    Raises StorageConflict (through the unit of work) if the item has an image with this index already.
    """
    image = NewImage(
        name=output.name,
        user_id=item.user_id,
        width=output.width,
        height=output.height,
        sha256=output.sha256,
        size_bytes=output.size_bytes,
        thumbnail_sha256=output.thumbnail_sha256,
        is_intermediate=output.is_intermediate,
        queue_item_id=item.id,
        output_index=output.index,
        session_id=item.session_id,
        board_id=board_id,
        metadata=orjson.dumps(dict(output.metadata)).decode(),
    )
    insert_image(conn, image, now=now)
    return output.name


def insert_image(conn: Connection, image: NewImage, *, now: str) -> None:
    """Add an image whose files are stored; drops the intent of those files.

    A `board_id` must be of a board that this transaction holds (`moves.hold_board`), or it may be gone by the commit.
    """
    values = {name: getattr(image, name) for name in NewImage.__dataclass_fields__ if name not in _TEXTS}
    texts = {name: getattr(image, name) for name in _TEXTS}
    row = conn.execute(
        insert(images)
        .values(
            **values,
            has_workflow=image.workflow is not None or image.graph is not None,
            created_at=now,
            updated_at=now,
        )
        .returning(*changes.COUNTED_COLUMNS)
    ).one()
    if any(text is not None for text in texts.values()):
        conn.execute(insert(image_texts).values(image_id=row.id, **texts))
    tombstones.clear(conn, [image.name])
    changes.recount(conn, come=[changes.key_of(row)])
    index.add(conn, [row.id])
    changes.tell(conn, [row], "added", now=now)


_TEXTS = ("metadata", "workflow", "graph")
