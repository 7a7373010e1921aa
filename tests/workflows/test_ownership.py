"""Workflows change hands and go with their owner: no row, tag or file is left behind."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, select

from invoke_host.blobs.sweep import finish_tombstones
from invoke_host.storage import Storage
from invoke_host.storage.blobs import FilesystemBlobStore
from invoke_host.testing.client import ApiClient
from invoke_host.workflows.ownership import OWNED
from invoke_host.workflows.tables import workflow_opens, workflow_tags, workflows
from tests.workflows.conftest import NOW, ROOT, made, names, told
from tests.workflows.test_thumbnails import put


@pytest.fixture
async def hers(alice: ApiClient, bob: ApiClient) -> list[str]:
    """A private workflow with a thumbnail, and a public one that Bob has opened."""
    ids = [await made(alice, "Private", tags="one"), await made(alice, "Public", is_public=True)]
    await put(alice, ids[0])
    await bob.put(f"{ROOT}/i/{ids[1]}/opened_at")
    return ids


async def test_they_change_hands_with_all_that_belongs_to_them(
    alice: ApiClient, bob: ApiClient, hers: list[str], each_storage: Storage
) -> None:
    before = len(told(each_storage))
    assert each_storage.run_read(OWNED.count, "alice") == 2
    assert each_storage.run_write(OWNED.transfer, "alice", "bob", now=NOW) == 2
    assert each_storage.run_read(OWNED.count, "alice") == 0
    assert await names(bob) == ["Private", "Public"]
    assert await names(alice) == []
    assert (await bob.get(f"{ROOT}/i/{hers[0]}/thumbnail")).status == 200
    assert (await alice.get(f"{ROOT}/i/{hers[0]}/thumbnail")).status == 404
    assert (await alice.get(f"{ROOT}/i/{hers[1]}")).json()["owner_username"] == "bob"
    assert [(kind, audience) for kind, _, audience, _ in told(each_storage)[before:]] == [
        ("resync", "alice"),
        ("resync", "bob"),
    ]


async def test_nothing_changes_hands_where_there_is_nothing(hers: list[str], each_storage: Storage) -> None:
    before = len(told(each_storage))
    assert each_storage.run_write(OWNED.transfer, "bob", "alice", now=NOW) == 0
    assert len(told(each_storage)) == before
    assert each_storage.run_write(OWNED.stop, "alice", now=NOW) == 0


async def test_they_go_with_their_owner_and_those_who_saw_them_hear_of_it(
    bob: ApiClient, hers: list[str], each_storage: Storage, blobs: FilesystemBlobStore
) -> None:
    own = await made(bob, "His", tags="two")
    before = len(told(each_storage))
    assert each_storage.run_write(OWNED.purge, "alice", now=NOW) == 2

    def left(conn: Connection) -> list[list[str]]:
        tables = (workflows.c.id, workflow_tags.c.workflow_id, workflow_opens.c.workflow_id)
        return [list(conn.scalars(select(column))) for column in tables]

    assert each_storage.run_read(left) == [[own], [own], []]
    heard = {audience: payload for _, payload, audience, _ in told(each_storage)[before:]}
    assert heard == {"alice": {"deleted": [hers[0]]}, None: {"deleted": [hers[1]]}}
    assert len(list(blobs.iter())) == 1
    finish_tombstones(each_storage, blobs)
    assert list(blobs.iter()) == []
