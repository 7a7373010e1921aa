"""`invoke-host plugins` and `invoke-host db`, on a real database."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from .conftest import Run


def test_plugins_lists_what_is_loaded_with_version_range_and_hooks(run: Run) -> None:
    lines = run("plugins").out.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "VERSION", "DISTRIBUTION", "API", "PROVIDES", "HOOKS"]
    assert [line.split()[0] for line in lines[1:4]] == ["builtin", "sqlite", "model_emoji"]


def test_plugins_as_json_is_a_list_of_objects(run: Run) -> None:
    found = {each["name"]: each for each in json.loads(run("plugins", "--json").out)}
    assert found["sqlite"]["distribution"] == "invoke-host-storage-sqlite"
    assert found["sqlite"]["provides"] == ["storage"]
    assert "invoke_storage_backends" in found["sqlite"]["hooks"]


def test_a_plugin_that_is_installed_but_not_named_is_listed_as_such(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text("[plugins]\nload = []\n")
    found = {each["name"]: each["state"] for each in json.loads(run("plugins", "--json").out)}
    assert (found["sqlite"], found["model_emoji"]) == ("loaded", "installed")


def test_a_new_database_is_due_for_an_upgrade_which_then_leaves_nothing_to_do(run: Run, root: Path) -> None:
    before = run("db", "status")
    assert before.code == 1
    assert before.out.splitlines()[0] == f"SQLite {root / 'invoke-host.db'}"
    done = run("db", "upgrade")
    assert done.code == 0
    assert done.out.startswith("applied host: ")
    assert run("db", "upgrade").out == "nothing to do\n"
    assert run("db", "status").code == 0


def test_status_and_upgrade_as_json(run: Run) -> None:
    applied = json.loads(run("db", "upgrade", "--json").out)
    assert next(each["lineage"] for each in applied["applied"]) == "host"
    assert applied["backup"] is None
    (host, *_) = json.loads(run("db", "status", "--json").out)["lineages"]
    assert (host["name"], host["state"], host["pending"]) == ("host", "current", [])


@pytest.mark.parametrize("command", ["status", "check"])
def test_a_database_of_a_newer_program_is_unhealthy(run: Run, root: Path, command: str) -> None:
    run("db", "upgrade")
    with sqlite3.connect(root / "invoke-host.db") as connection:
        connection.execute("UPDATE invoke_schema_host SET version_num = '9999'")
    connection.close()
    result = run("db", command)
    assert result.code == 5
    assert "'9999'" in result.err
    assert run("db", "upgrade").code == 2


def test_check_finds_nothing_wrong_with_a_fresh_database_and_something_with_a_changed_one(run: Run, root: Path) -> None:
    run("db", "upgrade")
    sound = run("db", "check")
    assert (sound.code, sound.out) == (0, "no problems\n")
    with sqlite3.connect(root / "invoke-host.db") as connection:
        connection.execute("ALTER TABLE queue_items ADD COLUMN surprise TEXT")
    connection.close()
    changed = run("db", "check", "--json")
    assert changed.code == 5
    assert "surprise" in str(json.loads(changed.out)["problems"])


def test_a_root_that_is_not_there_is_not_made_by_looking_at_it(run: Run, tmp_path: Path) -> None:
    result = run("--root", tmp_path / "typo", "db", "status")
    assert result.code == 3
    assert f"there is no folder {tmp_path / 'typo'}" in result.err
    assert not (tmp_path / "typo").exists()


def test_the_database_of_the_configuration_is_used(run: Run, root: Path, tmp_path: Path) -> None:
    (root / "invoke-host.toml").write_text(f'[storage]\npath = "{tmp_path}/elsewhere.db"\n')
    assert run("db", "upgrade").code == 0
    assert (tmp_path / "elsewhere.db").exists()
    assert not (root / "invoke-host.db").exists()
