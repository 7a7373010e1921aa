"""On which folders the commands about accounts work: never on one where no host lives, and beside a running host.

D6: the configuration is read, and a wrong folder stays as it was.
"""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import update

from invoke_host.identity.tables import users
from invoke_host.root import HostRoot

from .conftest import LOCAL, PASSWORD, Run
from .content import NOW, database

ADD = ("add", "-e", "bob@example.com", "-p", PASSWORD)


@pytest.mark.parametrize("words", [ADD, ("mod", "-e", "bob@example.com", "--admin"), ("del",), ("list",)])
def test_a_folder_without_a_host_is_refused_by_name_and_left_as_it_is(
    four: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "typo"):
        result = four(*words, "--root", folder)
        assert result.code == 1
        assert f"no host lives in {folder}" in result.err
    assert list(empty.iterdir()) == []
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("words", [("users", "list"), ("audit", "tail"), ("audit", "export")])
def test_so_do_the_other_commands(run: Run, root: Path, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.code == 1
    assert f"no host lives in {root}" in result.err
    assert list(root.iterdir()) == []


def test_a_configuration_without_a_database_is_enough(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text(LOCAL)
    assert run("users", *ADD, "--admin").code == 0
    assert run("db", "check").code == 0
    assert (root / "invoke-host.db").stat().st_mode & 0o077 == 0


def test_a_database_without_a_configuration_is_enough(four: Run, local_root: Path) -> None:
    four(*ADD)
    (local_root / "invoke-host.toml").unlink()
    assert "bob@example.com" in four("list").out


def test_the_database_of_the_configuration_is_used_and_no_other_is_made(run: Run, root: Path, tmp_path: Path) -> None:
    (root / "invoke-host.toml").write_text(f'[storage]\npath = "{tmp_path}/elsewhere.db"\n{LOCAL}')
    assert run("users", *ADD).code == 0
    assert (tmp_path / "elsewhere.db").exists()
    assert not (root / "invoke-host.db").exists()


def test_a_provider_that_was_just_configured_gets_its_tables(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text("")
    assert run("db", "upgrade").code == 0
    (root / "invoke-host.toml").write_text(LOCAL)
    assert run("users", *ADD).code == 0


def test_an_old_schema_is_left_alone_and_the_command_to_upgrade_it_is_told(four: Run, local_root: Path) -> None:
    with sqlite3.connect(local_root / "invoke-host.db") as connection:
        connection.execute("UPDATE invoke_schema_host SET version_num = '0001'")
    connection.close()
    result = four("list")
    assert (result.code, result.out) == (1, "")
    assert "the database schema is older than this program (host: 0001 -> " in result.err
    assert f"invoke-host --root {local_root} db upgrade" in result.err
    assert not list((local_root / "backups").iterdir())


def test_the_schema_of_a_newer_program_is_refused(four: Run, local_root: Path) -> None:
    with sqlite3.connect(local_root / "invoke-host.db") as connection:
        connection.execute("UPDATE invoke_schema_host SET version_num = '9999'")
    connection.close()
    result = four("list", "--json")
    assert result.code == 1
    assert "'9999'" in json.loads(result.err)["error"]


def test_all_that_is_wrong_with_the_configuration_is_told_at_once(four: Run, local_root: Path) -> None:
    (local_root / "invoke-host.toml").write_text('[server]\nport = "x"\n' + LOCAL.replace("4", "99"))
    result = four("list")
    assert result.code == 1
    assert "server.port" in result.err
    assert "plugins.local.bcrypt_cost" in result.err


def test_a_file_that_is_no_database_is_told(four: Run, local_root: Path) -> None:
    (local_root / "invoke-host.db").write_text("this is no database, and long enough to be looked at" * 100)
    result = four("list")
    assert result.code == 1
    assert "Traceback" not in result.err
    assert str(local_root / "invoke-host.db") in result.err


def test_a_host_that_holds_the_folder_does_not_keep_the_commands_out(four: Run, local_root: Path) -> None:
    host = HostRoot(local_root)
    with host.lock(), database(local_root) as storage:
        assert four(*ADD).code == 0
        found = storage.run_read(lambda conn: conn.scalars(users.select().with_only_columns(users.c.email)).all())
        assert "bob@example.com" in found
        storage.run_write(lambda conn: conn.execute(update(users).values(updated_at=NOW)) and None)
        assert four("mod", "-e", "bob@example.com", "--admin").code == 0


def test_who_did_it_is_the_user_of_this_process_whatever_the_environment_says(
    four: Run, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    monkeypatch.setenv("USER", "mallory")
    monkeypatch.setenv("LOGNAME", "mallory")
    four(*ADD)
    (entry,) = map(json.loads, run("audit", "tail", "--json").out.splitlines())
    assert entry["actor_name"] == f"cli: {pwd.getpwuid(os.getuid()).pw_name}"
