"""Who somebody is by now, for work that goes on without them."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, update

from invoke_host.access.engine import AccessEngine
from invoke_host.api import SYSTEM_USER_ID, Policy
from invoke_host.identity.afresh import owners
from invoke_host.identity.groups.tables import group_members, groups
from invoke_host.identity.tables import users

NOW = "2026-11-23 06:00:00.000"


class Knowing(Policy):
    """Looks something up."""

    name = "knowing"

    async def facts(self, actor):
        return {"id": actor.id}

    def grant(self, actor, action, resource, facts):
        return None


@pytest.fixture
def find(storage):
    def people(conn):
        conn.execute(insert(users).values(id="alice", email="a@example.org", created_at=NOW, updated_at=NOW))
        group = {"id": "g", "name": "G", "name_key": "g", "description": ""}
        conn.execute(insert(groups).values(**group, created_at=NOW, updated_at=NOW))

    storage.run_write(people)
    return owners(storage, AccessEngine((), (), [Knowing()]), single_user=False)


async def test_role_groups_and_activity_are_those_of_the_transaction(storage, find):
    later = await find("alice")
    assert (storage.run_read(later).is_admin, storage.run_read(later).groups) == (False, frozenset())
    storage.run_write(lambda conn: conn.execute(update(users).values(is_admin=True)) and None)
    member = {"group_id": "g", "user_id": "alice", "added_at": NOW}
    storage.run_write(lambda conn: conn.execute(insert(group_members).values(**member)) and None)
    assert (storage.run_read(later).is_admin, storage.run_read(later).groups) == (True, frozenset({"g"}))
    storage.run_write(lambda conn: conn.execute(update(users).values(is_active=False)) and None)
    assert storage.run_read(later) is None


async def test_what_policies_know_is_looked_up_beforehand(storage, find):
    assert storage.run_read(await find("alice")).facts == {"knowing": {"id": "alice"}}


async def test_nobody_stays_nobody(storage, find):
    assert storage.run_read(await find("bob")) is None


@pytest.mark.parametrize("single_user", [True, False])
async def test_the_internal_user_is_administrator_in_single_user_mode_only(storage, single_user):
    find = owners(storage, AccessEngine((), (), ()), single_user=single_user)
    actor = storage.run_read(await find(SYSTEM_USER_ID))
    assert (actor.id, actor.is_admin) == (SYSTEM_USER_ID, single_user)
