"""Keeping `image_search` right: called by whoever changes images, in the same transaction, with the ids that changed.

What is written comes from the rows themselves, so call `add` and `rescope` after the change. Images in the trash are in
no index: they are removed from it, and added again when they come back. The counters of days follow the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, bindparam, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import TSVECTOR

from invoke_host.images.search import days
from invoke_host.images.search.tables import image_search
from invoke_host.images.search.words import place_words, words_of
from invoke_host.images.tables import image_texts, images

#: Ids in one IN (...).
_CHUNK = 500

_PLACED = select(
    images.c.id,
    images.c.user_id,
    images.c.board_id,
    images.c.origin,
    images.c.category,
    images.c.is_intermediate,
    images.c.starred,
    images.c.created_at,
).where(images.c.deleted_at.is_(None))
_WITH_TEXT = _PLACED.add_columns(image_texts.c.metadata).outerjoin(image_texts, image_texts.c.image_id == images.c.id)


def add(conn: Connection, ids: Sequence[int]) -> None:
    """Index images that have come: new ones, or out of the trash. Those in the trash are left out."""
    for some in _chunks(ids):
        rows = conn.execute(_WITH_TEXT.where(images.c.id.in_(some))).all()
        scopes = {row.id: " ".join(place_words(row)) for row in rows}
        if not rows:
            continue
        words = cast(bindparam("words_"), TSVECTOR) if _postgresql(conn) else bindparam("words_")
        conn.execute(
            insert(image_search).values(rowid=bindparam("id_"), scope=bindparam("scope_"), words=words),
            [
                {
                    "id_": row.id,
                    "scope_": scopes[row.id],
                    "words_": _words(conn, scopes[row.id], words_of(row.metadata)),
                }
                for row in rows
            ],
        )
        days.change(conn, days.keys_of(scopes.items()), {})


def remove(conn: Connection, ids: Sequence[int]) -> None:
    """Forget images that are deleted, before or after their rows are, or have gone to the trash."""
    for some in _chunks(ids):
        went = _scopes(conn, some)
        conn.execute(delete(image_search).where(image_search.c.rowid.in_(some)))
        days.change(conn, {}, days.keys_of(went.items()))


def rescope(conn: Connection, ids: Sequence[int]) -> None:
    """Index anew where images are: another owner, board, category, kind or star. Their texts are not looked at."""
    for some in _chunks(ids):
        before = _scopes(conn, some)
        now = {
            row.id: scope
            for row in conn.execute(_PLACED.where(images.c.id.in_(some)))
            if row.id in before and (scope := " ".join(place_words(row))) != before[row.id]
        }
        if not now:
            continue
        conn.execute(
            _RESCOPE_POSTGRESQL if _postgresql(conn) else _RESCOPE_SQLITE,
            [
                {"id_": image_id, "scope_": scope, "lexemes_": _words(conn, scope, [])}
                for image_id, scope in now.items()
            ],
        )
        went = {image_id: scope for image_id, scope in before.items() if image_id in now}
        days.change(conn, days.keys_of(now.items()), days.keys_of(went.items()))


_RESCOPE_SQLITE = update(image_search).where(image_search.c.rowid == bindparam("id_")).values(scope=bindparam("scope_"))
_RESCOPE_POSTGRESQL = _RESCOPE_SQLITE.values(
    words=func.ts_delete(image_search.c.words, func.string_to_array(image_search.c.scope, " ")).op("||")(
        cast(bindparam("lexemes_"), TSVECTOR)
    )
)


def drift(conn: Connection) -> list[str]:
    """Where index and day counters differ from the images, one sentence each; for `doctor` and tests: it reads all."""
    wanted = {row.id: " ".join(place_words(row)) for row in conn.execute(_PLACED)}
    indexed = {row.rowid: row.scope for row in conn.execute(select(image_search.c.rowid, image_search.c.scope))}
    wrong = [
        f"image_search has {indexed.get(image_id)!r} for image {image_id}, which is {wanted.get(image_id)!r}"
        for image_id in sorted({*wanted, *indexed})
        if wanted.get(image_id) != indexed.get(image_id)
    ]
    return [*wrong, *days.drift(conn, wanted)]


def _scopes(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    rows = conn.execute(select(image_search.c.rowid, image_search.c.scope).where(image_search.c.rowid.in_(ids)))
    return {row.rowid: row.scope for row in rows}


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[at : at + _CHUNK] for at in range(0, len(ids), _CHUNK))


def _postgresql(conn: Connection) -> bool:
    return conn.dialect.name == "postgresql"


def _words(conn: Connection, scope: str, said: Sequence[str]) -> str:
    """What is searched beside the scope: on PostgreSQL scope and words in the text form of a tsvector."""
    if not _postgresql(conn):
        return " ".join(said)
    places: dict[str, list[str]] = {}
    for place, word in enumerate(said, start=1):
        places.setdefault(word, []).append(str(place))
    lexemes = [f"'{word}':{','.join(at)}" for word, at in places.items()]
    return " ".join([*(f"'{word}'" for word in scope.split()), *lexemes])
