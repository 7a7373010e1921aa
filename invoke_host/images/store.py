"""Writing images: every change of a row, with its counters, tombstones and event, in the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import orjson
from sqlalchemy import Connection, Row, delete, insert, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, NotFound, UserId
from invoke_host.events import store as events
from invoke_host.images import counts, tombstones
from invoke_host.images.access import DELETE, EDIT, STAR
from invoke_host.images.counts import CountKey
from invoke_host.images.names import is_name
from invoke_host.images.tables import images


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


@dataclass(frozen=True, slots=True)
class NewImage:
    """A row to be. `metadata` is the JSON text that the file carries, or None."""

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
    has_workflow: bool = False
    queue_item_id: int | None = None
    output_index: int | None = None
    session_id: str | None = None
    node_id: str | None = None
    metadata: str | None = None


def insert_generated(conn: Connection, *, item: GeneratingItem, output: SavedOutput, now: str) -> str:
    """Add the row of a generated picture to the transaction that finishes its item; returns the image's name.

    Counts it, removes its intent (the tombstones of its two files) and writes the `images_changed` event.
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
        queue_item_id=item.id,
        output_index=output.index,
        session_id=item.session_id,
        metadata=orjson.dumps(dict(output.metadata)).decode(),
    )
    insert_image(conn, image, now=now)
    return output.name


def insert_image(conn: Connection, image: NewImage, *, now: str) -> None:
    """Add a row for a picture whose files are stored, with counter and event; drops the intent of those files."""
    values = {name: getattr(image, name) for name in NewImage.__dataclass_fields__}
    conn.execute(insert(images).values(**values, created_at=now, updated_at=now))
    tombstones.clear(conn, [image.name])
    counts.change(conn, {CountKey(image.user_id, image.category, image.is_intermediate, image.starred): 1})
    _tell(conn, {image.user_id: [image.name]}, "added", now=now)


@dataclass(frozen=True, slots=True)
class Patch:
    """What PATCH may change; None leaves a field as it is."""

    category: str | None = None
    is_intermediate: bool | None = None
    session_id: str | None = None
    starred: bool | None = None


def patch(conn: Connection, access: AccessEngine, actor: Actor, name: str, change: Patch, *, now: str) -> None:
    """Change one image. Raises NotFound or Forbidden; a patch that says nothing new writes nothing."""
    if not is_name(name):
        raise unknown(name)
    access.authorize(conn, actor, EDIT.name, name)
    row = conn.execute(_COUNTED.where(images.c.name == name).with_for_update()).one_or_none()
    if row is None:
        raise unknown(name)
    wanted = {
        column: value
        for column in Patch.__dataclass_fields__
        if (value := getattr(change, column)) is not None and value != getattr(row, column)
    }
    if not wanted:
        return
    conn.execute(update(images).where(images.c.name == name).values(**wanted, updated_at=now))
    after = CountKey(
        row.user_id,
        wanted.get("category", row.category),
        wanted.get("is_intermediate", row.is_intermediate),
        wanted.get("starred", row.starred),
    )
    moved = Counter({after: 1})
    moved[_key(row)] -= 1
    counts.change(conn, moved)
    _tell(conn, {row.user_id: [name]}, "updated", now=now)


def set_starred(
    conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str], starred: bool, *, now: str
) -> list[str]:
    """Star or unstar; returns the names that are now so, in the order asked for, each once.

    Names that the actor may not star, or that do not exist, are left out: the answer never tells which of the two.
    """
    rows = _permitted(conn, access, actor, STAR.name, names)
    changing = [row for row in rows if row.starred != starred]
    for some in _chunks([row.name for row in changing]):
        conn.execute(update(images).where(images.c.name.in_(some)).values(starred=starred, updated_at=now))
    moved: Counter[CountKey] = Counter()
    for row in changing:
        moved[_key(row)] -= 1
        moved[CountKey(row.user_id, row.category, row.is_intermediate, starred)] += 1
    counts.change(conn, moved)
    _tell(conn, _by_owner(changing), "updated", now=now)
    found = {row.name for row in rows}
    return [name for name in dict.fromkeys(names) if name in found]


def delete_one(conn: Connection, access: AccessEngine, actor: Actor, name: str, *, now: str) -> None:
    """Delete one image's row and entomb its files. Raises NotFound or Forbidden."""
    if not is_name(name):
        raise unknown(name)
    access.authorize(conn, actor, DELETE.name, name)
    if not delete_images(conn, access, actor, [name], now=now):
        raise unknown(name)


def delete_images(conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str], *, now: str) -> list[str]:
    """Delete those of the images that the actor may delete; returns their names, each once, in the order asked for.

    The rows are gone with the commit and their files are entombed: `tombstones.finish` removes them afterwards.
    """
    rows = _permitted(conn, access, actor, DELETE.name, names)
    remove(conn, rows, now=now)
    gone = {row.name for row in rows}
    return [name for name in dict.fromkeys(names) if name in gone]


def remove(conn: Connection, rows: Sequence[CountedRow], *, now: str) -> None:
    """Delete rows (as `COUNTED_COLUMNS` gives them) with counters, tombstones and events; asks nobody."""
    names = [row.name for row in rows]
    for some in _chunks(names):
        conn.execute(delete(images).where(images.c.name.in_(some)))
    tombstones.entomb(conn, names, now=now)
    counts.change(conn, Counter({key: -count for key, count in Counter(map(_key, rows)).items()}))
    _tell(conn, _by_owner(rows), "deleted", now=now)


def unknown(name: str) -> NotFound:
    """The one answer for an image that does not exist and for one that may not be seen."""
    return NotFound(f"There is no image {name[:64]!r}.")


CountedRow: TypeAlias = Row[Any, Any, Any, Any, Any, Any, Any]

#: The columns that counters, events and tombstones need of a row.
COUNTED_COLUMNS = (
    images.c.id,
    images.c.name,
    images.c.user_id,
    images.c.category,
    images.c.is_intermediate,
    images.c.starred,
    images.c.session_id,
)
_COUNTED = select(*COUNTED_COLUMNS)

#: Names in one IN (...), well under the parameter limits of the databases.
_CHUNK = 500


def _permitted(
    conn: Connection, access: AccessEngine, actor: Actor, action: str, names: Sequence[str]
) -> list[CountedRow]:
    # Sorted, so that two writers lock rows in one order where the database locks rows.
    wanted = sorted({name for name in names if is_name(name)})
    allowed = access.predicate(actor, action)
    return [
        row
        for some in _chunks(wanted)
        for row in conn.execute(
            _COUNTED.where(images.c.name.in_(some), allowed).order_by(images.c.name).with_for_update()
        )
    ]


def _chunks(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + _CHUNK] for at in range(0, len(names), _CHUNK)]


def _key(row: CountedRow) -> CountKey:
    return CountKey(row.user_id, row.category, row.is_intermediate, row.starred)


def _by_owner(rows: Sequence[CountedRow]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for row in rows:
        owners.setdefault(row.user_id, []).append(row.name)
    return owners


def _tell(conn: Connection, owners: Mapping[str, Sequence[str]], what: str, *, now: str) -> None:
    for owner, names in sorted(owners.items()):
        payload: dict[str, list[str]] = {"added": [], "deleted": [], "updated": []}
        payload[what] = list(names)
        events.append(conn, "images_changed", payload, UserId(owner), now=now)
