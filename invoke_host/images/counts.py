"""`image_counts`: how many live images each user has in each stream, kept in the transaction that changes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.images.tables import NO_BOARD, image_counts, images


@dataclass(frozen=True, slots=True, order=True)
class CountKey:
    """One user's images of one kind on one board; `board_id` is NO_BOARD for those on none."""

    user_id: str
    board_id: str
    category: str
    is_intermediate: bool
    starred: bool


def change(conn: Connection, deltas: Mapping[CountKey, int]) -> None:
    """Add to the counters. Keys are taken in one order, so that two writers can't wait for each other in a circle."""
    for key in sorted(deltas):
        if delta := deltas[key]:
            _add(conn, key, delta)


def added(*keys: CountKey) -> Counter[CountKey]:
    """Deltas for images that appear."""
    return Counter(keys)


def forget(conn: Connection, board_id: str) -> None:
    """Drop the counters of a board that is empty and will stay so."""
    conn.execute(delete(image_counts).where(image_counts.c.board_id == board_id, image_counts.c.count == 0))


def _add(conn: Connection, key: CountKey, delta: int) -> None:
    if delta < 0:
        conn.execute(
            update(image_counts)
            .where(
                image_counts.c.user_id == key.user_id,
                image_counts.c.board_id == key.board_id,
                image_counts.c.category == key.category,
                image_counts.c.is_intermediate == key.is_intermediate,
                image_counts.c.starred == key.starred,
            )
            .values(count=image_counts.c.count + delta)
        )
        return
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = make(image_counts).values(
        user_id=key.user_id,
        board_id=key.board_id,
        category=key.category,
        is_intermediate=key.is_intermediate,
        starred=key.starred,
        count=delta,
    )
    conn.execute(
        row.on_conflict_do_update(
            index_elements=list(image_counts.primary_key.columns),
            set_={"count": image_counts.c.count + row.excluded.count},
        )
    )


def drift(conn: Connection) -> list[str]:
    """Where counters differ from the images, one sentence each; for `doctor` and tests, as it counts everything."""
    place = func.coalesce(images.c.board_id, NO_BOARD)
    kind = (images.c.user_id, place, images.c.category, images.c.is_intermediate, images.c.starred)
    live = select(*kind, func.count()).where(images.c.deleted_at.is_(None)).group_by(*kind)
    real = {CountKey(*row[:5]): row[5] for row in conn.execute(live)}
    kept = {CountKey(*row[:5]): row[5] for row in conn.execute(select(image_counts))}
    return [
        f"image_counts says {kept.get(key, 0)} for {key}, there are {real.get(key, 0)}"
        for key in sorted({*real, *kept})
        if kept.get(key, 0) != real.get(key, 0)
    ]
