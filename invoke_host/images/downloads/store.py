"""Downloads in SQL: which images they hold, and their rows from the asking to the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, TooManyRequests
from invoke_host.boards import access as boards
from invoke_host.images.access import VIEW
from invoke_host.images.names import is_name
from invoke_host.images.nowhere import on_none
from invoke_host.images.tables import NO_BOARD, downloads, images

#: Names in one IN (...).
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Packed:
    """An image on its way into an archive, and what its file must be like."""

    name: str
    size_bytes: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Download:
    """A row: `state` is preparing, ready or failed."""

    id: str
    user_id: str
    state: str
    size_bytes: int | None
    expires_at: str


def chosen(
    conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str], board_id: str | None
) -> list[Packed]:
    """The images that the actor sees: those of the names, each once, in that order; or all of a board, oldest first.

    Intermediate images of a board are left out. Raises NotFound for a board that the actor does not see.
    """
    if board_id is None:
        wanted = list(dict.fromkeys(name for name in names if is_name(name)))
        found = {
            each.name: each
            for at in range(0, len(wanted), _CHUNK)
            for each in _visible(conn, access, actor, images.c.name.in_(wanted[at : at + _CHUNK]))
        }
        return [found[name] for name in wanted if name in found]
    if board_id != NO_BOARD:
        access.authorize(conn, actor, boards.VIEW.name, board_id)
        place = images.c.board_id == board_id
    else:
        place = on_none(access, actor)
    return _visible(conn, access, actor, and_(place, images.c.is_intermediate.is_(False)))


def still(conn: Connection, access: AccessEngine, actor: Actor, name: str) -> Packed | None:
    """The image as it is now, or None if it is gone or the actor does not see it any more."""
    found = _visible(conn, access, actor, images.c.name == name)
    return found[0] if found else None


def all_visible(conn: Connection, access: AccessEngine, actor: Actor, names: Sequence[str]) -> bool:
    """Whether the actor sees every one of these images as they are now."""
    return all(
        len(_visible(conn, access, actor, images.c.name.in_(chunk))) == len(chunk)
        for chunk in (names[at : at + _CHUNK] for at in range(0, len(names), _CHUNK))
    )


def begin(conn: Connection, download: Download, *, image_count: int, most_of_one: int, now: str) -> None:
    """Add the row of a download that is being prepared. Raises TooManyRequests."""
    mine = (
        select(func.count())
        .select_from(downloads)
        .where(downloads.c.user_id == download.user_id, downloads.c.state != "failed", downloads.c.expires_at > now)
    )
    if conn.scalars(mine).one() >= most_of_one:
        raise TooManyRequests(
            f"{most_of_one} of your archives are being made or wait to be fetched; fetch one first", retry_after_s=60
        )
    conn.execute(
        insert(downloads).values(
            id=download.id,
            user_id=download.user_id,
            state=download.state,
            image_count=image_count,
            created_at=now,
            expires_at=download.expires_at,
        )
    )


def finish(conn: Connection, download_id: str, *, state: str, size_bytes: int | None, expires_at: str) -> bool:
    """Say how the preparation ended; False if the row is gone."""
    values = {"state": state, "size_bytes": size_bytes, "expires_at": expires_at}
    return conn.execute(update(downloads).where(downloads.c.id == download_id).values(**values)).rowcount == 1


def of_owner(conn: Connection, download_id: str, user_id: str, *, now: str) -> Download | None:
    """The owner's download, unless its time is over."""
    row = conn.execute(
        select(
            downloads.c.id, downloads.c.user_id, downloads.c.state, downloads.c.size_bytes, downloads.c.expires_at
        ).where(downloads.c.id == download_id, downloads.c.user_id == user_id, downloads.c.expires_at > now)
    ).one_or_none()
    return None if row is None else Download(*row)


def remove(conn: Connection, download_id: str) -> None:
    """Forget a download."""
    conn.execute(delete(downloads).where(downloads.c.id == download_id))


def expire(conn: Connection, *, now: str) -> None:
    """Forget what nobody fetched in time."""
    conn.execute(delete(downloads).where(downloads.c.expires_at <= now))


def abandon(conn: Connection) -> None:
    """Forget what was being prepared when the last host ended."""
    conn.execute(delete(downloads).where(downloads.c.state == "preparing"))


def known(conn: Connection) -> set[str]:
    """The ids of all downloads."""
    return set(conn.scalars(select(downloads.c.id)))


def _visible(conn: Connection, access: AccessEngine, actor: Actor, which: ColumnElement[bool]) -> list[Packed]:
    query = (
        select(images.c.name, images.c.size_bytes, images.c.created_at)
        .where(which, access.predicate(actor, VIEW.name))
        .order_by(images.c.id)
    )
    return [Packed(*row) for row in conn.execute(query)]
