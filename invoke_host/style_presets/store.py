"""All SQL about style presets, with the events of each change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, tuple_, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import Actor, FieldProblem, InvalidInput, NotFound
from invoke_host.audit.record import Origin
from invoke_host.blobs import tombstones
from invoke_host.blobs.files import Attached
from invoke_host.identity.naming import shown_name
from invoke_host.identity.tables import users
from invoke_host.publishing import Publishable, Publishing, Visibility, lock, name_key
from invoke_host.storage import quick
from invoke_host.style_presets.access import DELETE, EDIT, VIEW
from invoke_host.style_presets.schema import PresetType
from invoke_host.style_presets.tables import IMAGES, style_presets

PUBLISHING: Final = Publishing("style_preset")

#: Where presets are served, relative to the host's root.
_BASE_URL: Final = "api/v1/style_presets/i"


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that belongs to a preset, and the hash of its content."""

    file_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class NewPreset:
    """A preset to make."""

    id: str
    user_id: str
    type: PresetType
    visibility: Visibility
    name: str
    positive_prompt: str
    negative_prompt: str
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a preset; None stays as it is."""

    type: PresetType | None = None
    name: str | None = None
    positive_prompt: str | None = None
    negative_prompt: str | None = None
    visibility: Visibility | None = None
    picture: Picture | None = None
    drop_picture: bool = False


def visible(conn: Connection, access: AccessEngine, actor: Actor, *, limit: int, offset: int) -> list[dict[str, Any]]:
    """What the actor may see, by name."""
    order = (style_presets.c.name_key, style_presets.c.id)
    query = access.visible(_SELECT, actor, VIEW.name).order_by(*order).limit(limit).offset(offset)
    return [_dto(row, actor) for row in conn.execute(query)]


def get(conn: Connection, access: AccessEngine, actor: Actor, preset_id: str) -> dict[str, Any]:
    """One preset. Raises NotFound if there is none or the actor may not see it."""
    access.authorize(conn, actor, VIEW.name, preset_id)
    return _dto(_row(conn, preset_id), actor)


@quick
def picture(conn: Connection, access: AccessEngine, actor: Actor, preset_id: str) -> Attached:
    """The file of a visible preset's picture. Raises NotFound, also when it has none."""
    access.authorize(conn, actor, VIEW.name, preset_id)
    columns = (style_presets.c.image_id, style_presets.c.image_sha256)
    row = conn.execute(select(*columns).where(style_presets.c.id == preset_id)).one()
    if row.image_id is None:
        raise NotFound(f"the style preset {preset_id!r} has no picture")
    return Attached(IMAGES.key(preset_id, row.image_id), row.image_sha256, f"the style preset {preset_id!r}")


def user_presets(conn: Connection, after: tuple[str, str], limit: int) -> list[tuple[tuple[str, str], Sequence[str]]]:
    """The next presets behind the key `after` that users made, whoever owns them: (key, (name, prompts)) each."""
    key = tuple_(style_presets.c.name_key, style_presets.c.id)
    columns = (style_presets.c.name, style_presets.c.positive_prompt, style_presets.c.negative_prompt)
    query = select(style_presets.c.name_key, style_presets.c.id, *columns)
    query = query.where(key > after, style_presets.c.type == "user").order_by(*key).limit(limit)
    return [((row[0], row[1]), row[2:]) for row in conn.execute(query)]


def add(conn: Connection, actor: Actor, new: NewPreset, *, now: str) -> dict[str, Any]:
    """Make a preset."""
    add_many(conn, [new], now=now)
    return _dto(_row(conn, new.id), actor)


def add_many(conn: Connection, new: Sequence[NewPreset], *, now: str) -> None:
    """Make presets."""
    if new:
        conn.execute(insert(style_presets), [_row_of(each, now) for each in new])
    PUBLISHING.added(conn, [Publishable(each.id, each.user_id, each.name, each.visibility) for each in new], now=now)


def change(
    conn: Connection, access: AccessEngine, actor: Actor, origin: Origin, preset_id: str, new: Change, *, now: str
) -> tuple[dict[str, Any], list[str]]:
    """Change what is not None; returns the preset, and the keys of files that it has no more and that are entombed.

    Raises NotFound, Forbidden, or InvalidInput for what a preset of its type can't become.
    """
    lock(conn, access, actor, EDIT.name, preset_id)
    before = _row(conn, preset_id)
    _check_type(before.type, new)
    conn.execute(
        update(style_presets).where(style_presets.c.id == preset_id).values(**_changed_values(new), updated_at=now)
    )
    loose = _loose(before) if new.drop_picture or new.picture is not None else []
    tombstones.entomb(conn, loose, now=now)
    after = _row(conn, preset_id)
    PUBLISHING.updated(conn, _publishable(before), _publishable(after), now=now)
    PUBLISHING.note(conn, origin, "change", _publishable(before), now=now)
    return _dto(after, actor), loose


def remove(
    conn: Connection, access: AccessEngine, actor: Actor, origin: Origin, preset_id: str, *, now: str
) -> list[str]:
    """Delete a preset; returns the keys of its files, which are entombed. Raises NotFound or Forbidden."""
    lock(conn, access, actor, DELETE.name, preset_id)
    before = _row(conn, preset_id)
    conn.execute(delete(style_presets).where(style_presets.c.id == preset_id))
    loose = _loose(before)
    tombstones.entomb(conn, loose, now=now)
    PUBLISHING.deleted(conn, [_publishable(before)], now=now)
    PUBLISHING.note(conn, origin, "delete", _publishable(before), now=now)
    return loose


_SELECT = select(
    *(column for column in style_presets.c if column is not style_presets.c.name_key),
    users.c.display_name,
    users.c.email,
).join(users, users.c.id == style_presets.c.user_id)


def _row(conn: Connection, preset_id: str) -> Row[*tuple[Any, ...]]:
    return conn.execute(_SELECT.where(style_presets.c.id == preset_id)).one()


def _row_of(new: NewPreset, now: str) -> dict[str, Any]:
    return {
        "id": new.id,
        "user_id": new.user_id,
        "visibility": new.visibility,
        "type": new.type,
        "name": new.name,
        "name_key": name_key(new.name),
        "positive_prompt": new.positive_prompt,
        "negative_prompt": new.negative_prompt,
        "image_id": None if new.picture is None else new.picture.file_id,
        "image_sha256": None if new.picture is None else new.picture.sha256,
        "created_at": now,
        "updated_at": now,
    }


def _changed_values(change: Change) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    if change.name is not None:
        values |= {"name": change.name, "name_key": name_key(change.name)}
    for column in ("positive_prompt", "negative_prompt", "visibility"):
        if (value := getattr(change, column)) is not None:
            values[column] = value
    if change.picture is not None:
        values |= {"image_id": change.picture.file_id, "image_sha256": change.picture.sha256}
    elif change.drop_picture:
        values |= {"image_id": None, "image_sha256": None}
    return values


def _check_type(current: PresetType, change: Change) -> None:
    if change.type not in (None, current):
        problem = FieldProblem(("body", "data", "type"), f"a preset stays what it is: {current}", "frozen_field")
        raise InvalidInput([problem])
    if current == "default" and change.visibility == "private":
        problem = FieldProblem(("body", "data", "is_public"), "default presets are everybody's", "frozen_field")
        raise InvalidInput([problem])


def _loose(row: Row[*tuple[Any, ...]]) -> list[str]:
    return [] if row.image_id is None else [IMAGES.key(row.id, row.image_id)]


def _publishable(row: Row[*tuple[Any, ...]]) -> Publishable:
    return Publishable(row.id, row.user_id, row.name, row.visibility)


def _dto(row: Row[*tuple[Any, ...]], reader: Actor) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "preset_data": {"positive_prompt": row.positive_prompt, "negative_prompt": row.negative_prompt},
        "type": row.type,
        # The file's id is there for browsers: another picture is another address.
        "image": None if row.image_id is None else f"{_BASE_URL}/{row.id}/image?{row.image_id}",
        "user_id": row.user_id,
        "owner_username": shown_name(row.display_name, row.email, to_admin=reader.is_admin),
        "is_public": row.visibility == "public",
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
