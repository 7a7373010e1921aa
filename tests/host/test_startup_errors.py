"""A host that can't start says why in words for its operator, ends with code 2, and has touched nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import NewHost
from .process import NO_DEVICES
from .startup import refused


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder that a host has used; tests copy it."""
    from .process import start

    root = tmp_path_factory.mktemp("used") / "root"
    host = start(root, NO_DEVICES)
    try:
        assert host.client.get("/healthz").status == 200
        assert host.stop() == 0
    finally:
        host.end()
    return root


@pytest.fixture
def copy(used: Path, root: Path) -> Path:
    """A copy of it."""
    shutil.copytree(used, root)
    return root


def configured(root: Path, text: str) -> Path:
    """A root folder with this configuration."""
    root.mkdir()
    (root / "invoke-host.toml").write_text(text)
    return root


def test_all_mistakes_in_the_configuration_are_told_at_once_with_their_lines(root: Path):
    configured(
        root,
        '[server]\nport = "abc"\nhots = "127.0.0.1"\n\n[queue]\nmax_size = 0\n\n[storage]\nbackend = "sqlit"\n\n'
        '[plugins]\nload = ["watermark"]\n\n[plugins.sqlite]\nsynchronus = "full"\n\n[plugins.acme]\n',
    )
    told = refused(root, extra={"INVOKE_HOST_EVENTS__KEEP": "many"})
    assert told.splitlines() == [
        'invoke-host.toml:2: server.port: expected an integer, got "abc"',
        "invoke-host.toml:3: server.hots: unknown key; did you mean `host`?",
        "invoke-host.toml:6: queue.max_size: must be at least 1, got 0",
        (
            "invoke-host.toml:9: storage.backend: plugin 'sqlit' is not installed; did you mean 'sqlite'? "
            "(installed: ldap, local, model_emoji, sqlite)"
        ),
        (
            "invoke-host.toml:12: plugins.load: plugin 'watermark' is not installed "
            "(installed: ldap, local, model_emoji, sqlite)"
        ),
        "invoke-host.toml:15: plugins.sqlite.synchronus: unknown key; did you mean `synchronous`?",
        'environment INVOKE_HOST_EVENTS__KEEP: events.keep: expected an integer, got "many"',
        (
            "warning: invoke-host.toml:17: [plugins.acme] has no effect, no plugin 'acme' is loaded; "
            "add it to [plugins] load, or remove the table"
        ),
    ]
    assert sorted(path.name for path in root.iterdir()) == ["invoke-host.toml"]


def test_text_that_is_no_toml_is_told_with_its_line(root: Path):
    told = refused(configured(root, "[server]\nport = \n"))
    assert "invoke-host.toml:2" in told


def test_a_login_provider_that_is_not_installed_names_what_is(root: Path):
    told = refused(configured(root, '[auth]\nproviders = ["kerberos"]\n'))
    assert "invoke-host.toml:2: auth.providers: " in told
    assert "'kerberos' is not installed (installed: ldap, local, model_emoji, none, sqlite)" in told
    assert sorted(path.name for path in root.iterdir()) == ["invoke-host.toml"]


def test_single_user_mode_does_not_listen_to_other_machines(root: Path):
    told = refused(root, "--host", "0.0.0.0")
    assert "without login whoever reaches it is administrator" in told
    assert "allow_remote" in told


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("newer", "a newer version has used the database"),
        ("no-file-format", "is damaged or no SQLite database"),
        ("broken-page", "is damaged or no SQLite database"),
        ("no-marker", "its marker file .invoke-host-blobs is missing: is the disk mounted?"),
        ("other-blobs", "belongs to another host"),
    ],
)
def test_data_that_does_not_fit_stops_the_start_and_is_left_as_it_is(copy: Path, damage: str, sentence: str):
    database = copy / "invoke-host.db"
    if damage == "newer":
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE invoke_schema_host SET version_num = '9999'")
    elif damage == "no-file-format":
        database.write_bytes(b"this is a letter, not a database" * 200)
    elif damage == "broken-page":
        content = bytearray(database.read_bytes())
        content[4096:] = b"\xa5" * (len(content) - 4096)
        database.write_bytes(content)
    elif damage == "no-marker":
        (copy / "blobs" / ".invoke-host-blobs").unlink()
    else:
        (copy / "blobs" / ".invoke-host-blobs").write_text("somebody-else\n")
    before = database.read_bytes()
    assert sentence in refused(copy)
    assert database.read_bytes() == before


def test_a_database_file_that_is_a_folder_is_told(root: Path):
    root.mkdir()
    (root / "invoke-host.db").mkdir()
    assert f"the database {root}/invoke-host.db can't be opened: Is a directory" in refused(root)


def test_a_root_that_is_a_file_or_can_not_be_written_is_told(tmp_path: Path):
    file = tmp_path / "file"
    file.write_text("")
    assert "--root" in refused(file)
    assert "Not a directory" in refused(file / "below")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    told = refused(closed, through=without_rights())
    assert told.startswith(f"{closed}")
    assert "choose another" in told


def without_rights() -> tuple[str, ...]:
    """The start of a command line for a program that permissions hold for, although root runs the tests."""
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()


def test_what_the_host_makes_is_for_its_own_user_only(new_host: NewHost, root: Path):
    host = new_host(NO_DEVICES)
    assert host.client.get("/healthz").status == 200
    host.stop()
    open_to_others = [str(path) for path in (root, *root.rglob("*")) if path.stat().st_mode & 0o077]
    assert open_to_others == []
