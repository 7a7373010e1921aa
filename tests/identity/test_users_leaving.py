"""Users who go: what becomes of what they own, and nothing that is left behind, on both databases."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import Connection, func, insert, select

import invoke_host.lineage  # noqa: F401 - registers every table of the host
from invoke_host.api import SYSTEM_USER_ID, BadRequest, Conflict, InvalidInput, NotFound
from invoke_host.blobs.tables import tombstones
from invoke_host.boards.store import create as create_board
from invoke_host.boards.tables import board_grants, boards
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.sessions.store import NewSession
from invoke_host.identity.tokens import store as tokens
from invoke_host.identity.users.model import User
from invoke_host.identity.users.values import Content, Keep, Purge, Transfer
from invoke_host.images.store import NewImage, insert_image
from invoke_host.images.tables import images
from invoke_host.ownership import Share
from invoke_host.queue.store.enqueue import NewBatch, enqueue
from invoke_host.queue.store.new_items import NewItem, new_items
from invoke_host.queue.tables import queue_items
from invoke_host.storage.schema import metadata

from .people import PROVIDER, ROOT, People

NOW = "2026-01-01 12:00:00.000"
FACTS = {"sha256": "0" * 64, "thumbnail_sha256": "1" * 64, "size_bytes": 1, "width": 64, "height": 64}


def equip(people: People, user: User, *, pictures: int = 2, waiting: int = 1) -> None:
    """Give the user everything that can refer to one."""

    def unit(conn: Connection) -> None:
        new = NewSession(user.id, PROVIDER, user.id, False, "::1", "Browser", "2099-01-01 00:00:00.000")
        sessions.create(conn, new, NOW)
        tokens.create(conn, user.id, tokens.new_text(), name="ci", scopes=frozenset({"read"}), expires_at=None, now=NOW)
        row = {"id": f"g-{user.id[:8]}", "name": "g", "name_key": f"g-{user.id[:8]}", "description": ""}
        conn.execute(insert(groups).values(**row, created_at=NOW, updated_at=NOW))
        conn.execute(insert(group_members).values(group_id=row["id"], user_id=user.id, added_at=NOW))
        create_board(conn, user.id, "Fruit", now=NOW)
        shared = conn.scalar(select(boards.c.id).where(boards.c.user_id != user.id))
        if shared is not None:
            times = {"created_at": NOW, "updated_at": NOW}
            conn.execute(insert(board_grants).values(board_id=shared, user_id=user.id, role="viewer", **times))
        for _ in range(pictures):
            name = f"{uuid.uuid4()}.png"
            insert_image(conn, NewImage(name=name, user_id=user.id, **FACTS), now=NOW)
        if waiting:
            batch = NewBatch("default", user.id, None, "gallery", False, None, "0" * 64)
            enqueue(conn, batch, new_items([NewItem("{}", "toy", 1.0)] * waiting, {}), max_size=100, now=NOW)

    people.storage.run_write(unit)


def some(shares: list[Share]) -> list[Share]:
    """Without the kinds of which there is nothing."""
    return [share for share in shares if share.count]


def references(people: People, user_id: str) -> dict[str, int]:
    """How many rows of which tables refer to a user."""

    def unit(conn: Connection) -> dict[str, int]:
        columns = [
            key.parent
            for table in metadata.tables.values()
            for key in table.foreign_keys
            if key.target_fullname == "users.id"
        ]
        found = {
            column.table.name: conn.scalar(select(func.count()).select_from(column.table).where(column == user_id)) or 0
            for column in columns
        }
        return {name: rows for name, rows in found.items() if rows}

    return people.storage.run_read(unit)


async def test_deletion_leaves_nothing_that_refers_to_the_user(people: People) -> None:
    heir = await people.add("Heir")
    for content in (Keep(), Transfer(heir.id), Purge()):
        bob = await people.add("Bob")
        equip(people, bob)
        assert {"sessions", "api_tokens", "group_members", "identities", "images", "queue_items"} <= set(
            references(people, bob.id)
        )
        shares = await people.service.delete(bob.id, content, ROOT)
        assert some(shares) == [Share("queue", 1), Share("images", 2), Share("boards", 1)]
        assert references(people, bob.id) == {}
        assert bob.id not in people.accounts.logins()
        with pytest.raises(NotFound):
            await people.service.get(bob.id)
        with pytest.raises(NotFound):
            await people.service.delete(bob.id, content, ROOT)


@pytest.mark.parametrize(("content", "word"), [(Keep(), "keep"), (Transfer("heir"), "transfer"), (Purge(), "purge")])
async def test_the_content_goes_where_it_is_told(people: People, content: Content, word: str) -> None:
    heir, bob = await people.add("Heir"), await people.add("Bob")
    equip(people, bob)
    if isinstance(content, Transfer):
        content = Transfer(heir.id)
    await people.service.delete(bob.id, content, ROOT)

    owner = {"keep": SYSTEM_USER_ID, "transfer": heir.id, "purge": None}[word]
    of_images = people.storage.run_read(lambda conn: conn.scalars(select(images.c.user_id)).all())
    items = select(queue_items.c.user_id, queue_items.c.status)
    of_items = people.storage.run_read(lambda conn: conn.execute(items).all())
    buried = people.storage.run_read(lambda conn: conn.scalar(select(func.count()).select_from(tombstones)))
    assert of_images == ([] if owner is None else [owner, owner])
    assert [tuple(row) for row in of_items] == ([] if owner is None else [(owner, "canceled")])
    assert buried == (4 if owner is None else 0)  # two files each
    (line,) = people.log("user.delete")
    assert line["target_id"] == bob.id
    assert line["details"].items() >= {"content": word, "to": owner, "queue": 1, "images": 2, "boards": 1}.items()


async def test_an_administrator_may_go_while_another_remains(people: People) -> None:
    first = await people.add("First", is_admin=True)
    second = await people.add("Second", is_admin=True)
    await people.service.delete(first.id, Keep(), ROOT)
    with pytest.raises(BadRequest, match=r"^Cannot remove the last administrator$"):
        await people.service.delete(second.id, Keep(), ROOT)
    assert (await people.service.get(second.id)).is_active


@pytest.mark.parametrize("content", [Keep(), Transfer("nobody"), Transfer("bob"), Purge()])
async def test_a_deletion_that_is_refused_changes_nothing(people: People, content: Content) -> None:
    bob = await people.add("Bob", is_admin=True)
    equip(people, bob)
    before = references(people, bob.id)
    if content == Transfer("bob"):
        content = Transfer(bob.id)
    with pytest.raises((BadRequest, NotFound)):
        await people.service.delete(bob.id, content, ROOT)
    assert references(people, bob.id) == before
    with pytest.raises(BadRequest, match=r"^The system account can't be deleted\.$"):
        await people.service.delete(SYSTEM_USER_ID, content, ROOT)
    assert people.log("user.delete") == []


async def test_a_password_that_nobody_here_can_forget_is_not_left_behind(people: People) -> None:
    await people.add("Root", is_admin=True)
    bob = await people.add("Bob")
    service = people.a_service(accounts=None, provider=None)
    with pytest.raises(Conflict, match="'local', which is not configured"):
        await service.delete(bob.id, Keep(), ROOT)
    await service.unlink(bob.id, PROVIDER, bob.id, ROOT)  # the way out for a provider that is gone for good
    await service.delete(bob.id, Keep(), ROOT)


async def test_legacy_content_is_handed_over_whole_or_in_part(people: People) -> None:
    """D29 of the reference: what single-user mode made belongs to `system`, and can get an owner."""
    system, ann, bob = await people.service.get(SYSTEM_USER_ID), await people.add("Ann"), await people.add("Bob")
    equip(people, system, pictures=3, waiting=2)
    whole = [Share("queue", 2), Share("images", 3), Share("boards", 1)]
    assert some(await people.service.shares(SYSTEM_USER_ID)) == whole

    only = await people.service.transfer(SYSTEM_USER_ID, ann.id, frozenset({"images"}), ROOT)
    assert only == [Share("images", 3)]
    rest = await people.service.transfer(SYSTEM_USER_ID, bob.id, None, ROOT)
    assert some(rest) == [Share("queue", 2), Share("boards", 1)]
    assert some(await people.service.shares(SYSTEM_USER_ID)) == []
    assert some(await people.service.shares(ann.id)) == [Share("images", 3)]
    first, second = people.log("user.transfer")
    assert first["details"] == {"to": ann.id, "to_email": "ann@example.org", "images": 3}
    assert (first["target_id"], second["details"]["queue"]) == (SYSTEM_USER_ID, 2)


async def test_a_transfer_that_makes_no_sense_is_refused(people: People) -> None:
    ann = await people.add("Ann")
    with pytest.raises(BadRequest, match="two different users"):
        await people.service.transfer(ann.id, ann.id, None, ROOT)
    with pytest.raises(NotFound):
        await people.service.transfer(ann.id, "nobody", None, ROOT)
    with pytest.raises(NotFound):
        await people.service.transfer("nobody", ann.id, None, ROOT)
    with pytest.raises(InvalidInput, match="unknown: posters; there are queue, images, boards"):
        await people.service.transfer(SYSTEM_USER_ID, ann.id, frozenset({"posters"}), ROOT)
    assert people.log("user.transfer") == []
