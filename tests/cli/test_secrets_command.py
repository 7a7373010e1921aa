"""`invoke-host secrets rotate`, on a real root folder."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from invoke_host.identity.sessions.keys import FILE_NAME, KeyRing, read_keys
from invoke_host.identity.sessions.signing import DEVICE_LIFETIME_S

from .conftest import Run


@pytest.fixture
def configured(root: Path) -> Path:
    """The root of a host that has been configured and never run."""
    (root / "invoke-host.toml").write_text("")
    return root


def audited(root: Path) -> list[tuple[str, str, str, str]]:
    with closing(sqlite3.connect(root / "invoke-host.db")) as connection:
        return connection.execute("SELECT action, via, target_id, details FROM audit_log ORDER BY id").fetchall()


def test_it_makes_a_new_key_and_keeps_the_old_ones_for_as_long_as_a_token_may_live(run: Run, configured: Path) -> None:
    old = KeyRing.open(configured / "secrets").current
    done = run("secrets", "rotate")
    new, kept = read_keys(configured / "secrets" / FILE_NAME)
    assert (done.code, done.out) == (0, f"new key {new.kid}; old sessions stay good\n")
    assert (kept.kid, kept.secret) == (old.kid, old.secret)
    assert audited(configured) == [
        ("secrets.rotate", "cli", new.kid, '{"forgot_old":false,"sessions_ended":0}'),
    ]
    (configured / "invoke-host.toml").write_text("[auth.sessions]\nremembered_lifetime_s = 31000000\n")
    run("secrets", "rotate")
    newest, second, _ = read_keys(configured / "secrets" / FILE_NAME)
    assert second.kid == new.kid
    assert kept.until is not None
    assert second.until is not None
    assert second.until - kept.until == pytest.approx(31_000_000 - DEVICE_LIFETIME_S, abs=60)
    assert newest.until is None


def test_forgetting_old_keys_ends_all_sessions(run: Run, configured: Path) -> None:
    run("secrets", "rotate")
    with closing(sqlite3.connect(configured / "invoke-host.db")) as connection, connection:
        connection.execute(
            "INSERT INTO sessions VALUES ('s', 'system', 'local', '1', 0, '2026', '2026', '2999', '192.0.2.1', 'test')"
        )
    done = json.loads(run("secrets", "rotate", "--forget-old", "--json").out)
    (key,) = read_keys(configured / "secrets" / FILE_NAME)
    assert done == {"kid": key.kid, "forgot_old": True}
    assert audited(configured)[-1][2:] == (key.kid, '{"forgot_old":true,"sessions_ended":1}')
    with closing(sqlite3.connect(configured / "invoke-host.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


def test_a_damaged_file_is_told_and_replaced_only_with_forget_old(run: Run, configured: Path) -> None:
    run("secrets", "rotate")
    (configured / "secrets" / FILE_NAME).write_text("damaged")
    refused = run("secrets", "rotate")
    assert refused.code == 2
    assert "is damaged" in refused.err
    assert "--forget-old" in refused.err
    assert run("secrets", "rotate", "--forget-old").code == 0


def test_a_wrong_folder_is_refused_and_nothing_is_made_in_it(run: Run, root: Path) -> None:
    refused = run("secrets", "rotate")
    assert refused.code == 3
    assert "no host lives in" in refused.err
    assert list(root.iterdir()) == []


def test_keys_change_also_when_the_database_can_not_be_used(run: Run, configured: Path) -> None:
    run("secrets", "rotate")
    (configured / "invoke-host.db").write_bytes(b"no database at all" * 100)
    done = run("secrets", "rotate", "--forget-old")
    assert done.code == 0
    assert "warning: the key is new, but the audit log could not be told" in done.err
    assert len(read_keys(configured / "secrets" / FILE_NAME)) == 1


def test_no_key_is_printed(run: Run, configured: Path) -> None:
    done = run("secrets", "rotate", "--json")
    text = (configured / "secrets" / FILE_NAME).read_text()
    assert json.loads(text)["keys"][0]["secret"] not in done.out + done.err
