"""The host's own migrations: they make what the tables say, on both databases, and stand on their own feet."""

from __future__ import annotations

from sqlalchemy import Connection, select

from invoke_host.identity.tables import users
from invoke_host.lineage import host_lineage
from invoke_host.storage import Storage
from invoke_host.storage.migrate import check
from invoke_host.storage.migrate.apply import script_directory
from invoke_host.storage.migrate.drift import draft
from invoke_host.storage.migrate.revisions import read_revisions


async def test_the_migrations_make_exactly_what_the_tables_say(each_storage: Storage) -> None:
    report = check(each_storage.engine, each_storage.backend, [host_lineage()])
    with each_storage.engine.begin() as connection:
        missing = draft(connection, host_lineage())
    assert not report.problems, "a migration is missing, it could begin like this:\n" + missing


async def test_the_head_read_from_the_files_is_alembics_own_answer() -> None:
    assert read_revisions(host_lineage()).head == script_directory(host_lineage()).get_current_head()


async def test_a_new_database_holds_the_user_system_and_nobody_else(each_storage: Storage) -> None:
    def everybody(connection: Connection) -> list[tuple[str, str, str, bool, bool]]:
        columns = (users.c.id, users.c.email, users.c.display_name, users.c.is_admin, users.c.is_active)
        return [tuple(row) for row in connection.execute(select(*columns))]

    found = await each_storage.read(everybody)
    assert found == [("system", "system@system.invoke-host", "System", False, True)]
