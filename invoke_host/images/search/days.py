"""`image_days`: how many images each place has of each day, and the newest of them.

It is the sum of what `image_search` says, and changes with it: an image's old place is read from its scope there, so
that whoever changes images need not remember it. Ids grow with time, so the newest of a day has the greatest id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.images.tables import NO_BOARD, image_days, images


@dataclass(frozen=True, slots=True, order=True)
class DayKey:
    """One user's images of one kind on one board (`NO_BOARD`: on none), made on one day."""

    user_id: str
    board_id: str
    day: str
    category: str
    is_intermediate: bool


def key_of(scope: str) -> DayKey:
    """Where an image was, by the words that `place_words` made."""
    said = {word[1]: word[2:] for word in scope.split()}  # of the days the last one, which is the whole
    day = max((word[2:] for word in scope.split() if word[1] == "d"), key=len)
    return DayKey(said["u"], said["b"], f"{day[:4]}-{day[4:6]}-{day[6:]}", said["c"], said["i"] == "1")


def change(conn: Connection, came: Mapping[int, DayKey], went: Mapping[int, DayKey]) -> None:
    """Count images (by id) that came and went. Keys are taken in one order, as two writers may do so at once."""
    stayed = {image_id for image_id, key in went.items() if came.get(image_id) == key}
    added = _by_key({image_id: key for image_id, key in came.items() if image_id not in stayed})
    removed = _by_key({image_id: key for image_id, key in went.items() if image_id not in stayed})
    for key in sorted({*added, *removed}):
        if delta := len(added.get(key, ())) - len(removed.get(key, ())):
            _add(conn, key, delta, max(added.get(key, (0,))))
        if key in removed:
            _newest_again(conn, key, removed[key], added.get(key, []))


def _by_key(placed: Mapping[int, DayKey]) -> dict[DayKey, list[int]]:
    found: dict[DayKey, list[int]] = {}
    for image_id, key in placed.items():
        found.setdefault(key, []).append(image_id)
    return found


def _add(conn: Connection, key: DayKey, delta: int, last_id: int) -> None:
    if delta < 0:
        conn.execute(update(image_days).where(_is(key)).values(count=image_days.c.count + delta))
        conn.execute(delete(image_days).where(_is(key), image_days.c.count <= 0))
        return
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    row = make(image_days).values(
        user_id=key.user_id,
        board_id=key.board_id,
        day=key.day,
        category=key.category,
        is_intermediate=key.is_intermediate,
        count=delta,
        last_id=last_id,
    )
    greater = func.greatest if conn.dialect.name == "postgresql" else func.max
    conn.execute(
        row.on_conflict_do_update(
            index_elements=list(image_days.primary_key.columns),
            set_={
                "count": image_days.c.count + row.excluded.count,
                "last_id": greater(image_days.c.last_id, row.excluded.last_id),
            },
        )
    )


def _newest_again(conn: Connection, key: DayKey, gone: list[int], new: list[int]) -> None:
    """Look for the newest one if it is among those that went: a step or two down the owner's streams."""
    last = conn.scalar(select(image_days.c.last_id).where(_is(key)))
    if last is None or (last > max(gone) and not new):
        return
    board = images.c.board_id.is_(None) if key.board_id == NO_BOARD else images.c.board_id == key.board_id
    newest = [
        conn.scalar(
            select(images.c.id)
            .where(
                images.c.user_id == key.user_id,
                board,
                images.c.is_intermediate.is_(key.is_intermediate),
                images.c.category == key.category,
                images.c.starred.is_(starred),
                images.c.deleted_at.is_(None),
                func.substr(images.c.created_at, 1, 10) == key.day,
                images.c.id.not_in(gone),  # where the rows are still to be deleted
            )
            .order_by(images.c.id.desc())
            .limit(1)
        )
        for starred in (False, True)
    ]
    found = max((each for each in newest if each is not None), default=last)
    conn.execute(update(image_days).where(_is(key)).values(last_id=found))


def _is(key: DayKey) -> ColumnElement[bool]:
    return and_(
        image_days.c.user_id == key.user_id,
        image_days.c.board_id == key.board_id,
        image_days.c.day == key.day,
        image_days.c.category == key.category,
        image_days.c.is_intermediate.is_(key.is_intermediate),
    )


def keys_of(scopes: Iterable[tuple[int, str]]) -> dict[int, DayKey]:
    """Ids with their scopes as places."""
    return {image_id: key_of(scope) for image_id, scope in scopes}


def drift(conn: Connection, scopes: Mapping[int, str]) -> list[str]:
    """Where the counters differ from images with these scopes, one sentence each."""
    real = _by_key(keys_of(scopes.items()))
    kept = {DayKey(*row[:5]): (row[5], row[6]) for row in conn.execute(select(image_days))}
    wanted = {key: (len(ids), max(ids)) for key, ids in real.items()}
    return [
        f"image_days says {kept.get(key)} for {key}, there are (count, newest) {wanted.get(key)}"
        for key in sorted({*wanted, *kept})
        if wanted.get(key) != kept.get(key)
    ]
