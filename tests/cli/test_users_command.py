"""`invoke-host users`: what goes beyond the four commands, on a real database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from invoke_host.clock import timestamp
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.sessions.store import NewSession
from invoke_host.identity.users import identities
from invoke_host.images.ownership import OWNED as IMAGES

from .conftest import PASSWORD, Run
from .content import NOW, database, give_pictures


@pytest.fixture
def ids(run: Run, local_root: Path) -> dict[str, str]:
    """Ann, who is the administrator, and Bob; their ids by first name."""
    found = {}
    for name, words in (("ann", ("--admin",)), ("bob", ())):
        result = run("users", "add", "-e", f"{name}@example.com", "-p", PASSWORD, *words, "--json")
        found[name] = json.loads(result.out)["id"]
    return found


def audited(run: Run, action: str) -> list[dict[str, Any]]:
    rows = map(json.loads, run("audit", "tail", "-n", 100, "--json").out.splitlines())
    return [row for row in rows if row["action"] == action]


def test_the_four_are_commands_of_the_group_too_with_the_codes_of_the_group(run: Run, ids: dict[str, str]) -> None:
    assert run("users", "mod", "-e", "bob@example.com", "--name", "Bob").code == 0
    assert json.loads(run("users", "list", "--json").out)[0]["name"] == "Bob"
    assert run("users", "mod", "-e", "nobody@example.com", "--admin").code == 3
    assert run("users", "del", "-e", "bob@example.com", "--force").code == 0
    assert run("users", "del", "-e", "ann@example.com", "--force").code == 1


@pytest.mark.parametrize(("text", "found"), [("BOB@", ["bob"]), ("example.com", ["bob", "ann"]), ("%", [])])
def test_list_looks_for_a_part_of_the_address_or_name(
    run: Run, ids: dict[str, str], text: str, found: list[str]
) -> None:
    listed = json.loads(run("users", "list", "--search", text, "--json").out)
    assert [each["email"].partition("@")[0] for each in listed] == found


def test_show_tells_all_that_is_known(run: Run, ids: dict[str, str], local_root: Path) -> None:
    with database(local_root) as storage:
        give_pictures(storage, ids["bob"], 2)
    found = json.loads(run("users", "show", "BOB@example.com", "--json").out)
    assert (found["id"], found["sessions"], found["last_login_at"]) == (ids["bob"], 0, None)
    assert found["owns"]["images"] == 2
    assert [each["provider"] for each in found["identities"]] == ["local"]
    lines = run("users", "show", "bob@example.com").out.splitlines()
    assert "Last login:   never" in lines
    assert f"Logs in with: local, as bob@example.com ({ids['bob']})" in lines
    assert "Owns:         images: 2" in lines


def test_show_of_somebody_unknown_is_not_found(run: Run, ids: dict[str, str]) -> None:
    result = run("users", "show", "nobody@example.com")
    assert (result.code, result.err) == (3, "error: there is no user with the e-mail address 'nobody@example.com'\n")


def test_activate_and_deactivate(run: Run, ids: dict[str, str]) -> None:
    result = run("users", "deactivate", "bob@example.com")
    assert result.out.splitlines()[0] == "✅ deactivated bob@example.com"
    assert json.loads(run("users", "activate", "bob@example.com", "--json").out)["is_active"] is True
    assert run("users", "deactivate", "ann@example.com").code == 1
    assert run("users", "deactivate", "system").code == 1
    changes = [row["details"]["is_active"] for row in audited(run, "user.change")]
    assert changes == [{"from": True, "to": False}, {"from": False, "to": True}]


def test_transfer_hands_over_what_single_user_mode_made(run: Run, ids: dict[str, str], local_root: Path) -> None:
    with database(local_root) as storage:
        give_pictures(storage, "system", 4)
    result = run("users", "transfer", "--from", "system", "--to", "BOB@example.com")
    assert result.out.splitlines()[0].endswith("to bob@example.com: images: 4")
    with database(local_root) as storage:
        assert storage.run_read(IMAGES.count, ids["bob"]) == 4
        assert storage.run_read(IMAGES.count, "system") == 0
    assert audited(run, "user.transfer")[0]["details"]["images"] == 4


def test_transfer_of_one_kind_leaves_the_others(run: Run, ids: dict[str, str], local_root: Path) -> None:
    with database(local_root) as storage:
        give_pictures(storage, ids["ann"], 4)
    words = ("users", "transfer", "--from", "ann@example.com", "--to", "bob@example.com", "--json")
    assert json.loads(run(*words, "--only", "queue").out)["transferred"] == {"queue": 0}
    assert json.loads(run(*words, "--only", "images, queue").out)["transferred"] == {"queue": 0, "images": 4}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--from", "system", "--to", "bob@example.com", "--only", "models"), 2, "'models' can't be handed over"),
        (("--from", "system", "--to", "bob@example.com", "--only", ","), 2, "there are queue, images"),
        (("--from", "system", "--to", "nobody@example.com"), 3, "there is no user"),
        (("--from", "nobody@example.com", "--to", "system"), 3, "there is no user"),
        (("--from", "bob@example.com", "--to", "bob@example.com"), 1, "two different users"),
        (("--from", "bob@example.com"), 2, "Missing option '--to'"),
    ],
)
def test_what_can_not_be_handed_over_is_refused(
    run: Run, ids: dict[str, str], words: tuple[str, ...], code: int, told: str
) -> None:
    result = run("users", "transfer", *words)
    assert result.code == code
    assert told in result.err


@pytest.fixture
def logged_in(ids: dict[str, str], local_root: Path) -> list[str]:
    """Ids of two sessions of Bob; a third one of his is over."""
    now = timestamp(datetime.now(UTC))
    made = []
    with database(local_root) as storage:
        for agent, created, ends in (
            ("curl", now, "2999-01-01 00:00:00.000"),
            ("Firefox", now, "2999-01-01 00:00:00.000"),
            ("old", NOW, NOW),
        ):
            new = NewSession(ids["bob"], "local", ids["bob"], False, "192.0.2.7", agent, ends)
            made.append(storage.run_write(sessions.create, new, created).id)
    return made[:2]


def test_sessions_lists_the_logins_that_are_good_now(run: Run, logged_in: list[str]) -> None:
    found = json.loads(run("users", "sessions", "bob@example.com", "--json").out)
    assert {each["id"] for each in found} == set(logged_in)
    assert {each["address"] for each in found} == {"192.0.2.7"}
    lines = run("users", "sessions", "bob@example.com").out.splitlines()
    assert lines[0].split()[0] == "SESSION"
    assert len(lines) == 3
    assert run("users", "sessions", "ann@example.com").out == "ann@example.com is not logged in anywhere\n"


def test_one_session_is_ended_and_then_all(run: Run, logged_in: list[str]) -> None:
    first, second = logged_in
    result = run("users", "sessions", "bob@example.com", "--end", first)
    assert result.out.splitlines()[0] == "✅ ended 1 session"
    assert run("users", "sessions", "bob@example.com", "--end", first).code == 3
    assert run("users", "sessions", "ann@example.com", "--end", second).code == 3, "it is not hers"
    assert json.loads(run("users", "sessions", "bob@example.com", "--end-all", "--json").out)["ended"] >= 1
    assert json.loads(run("users", "sessions", "bob@example.com", "--json").out) == []
    assert [row["target_type"] for row in audited(run, "session.end")] == ["session", "user"]


def test_one_and_all_exclude_each_other(run: Run, logged_in: list[str]) -> None:
    assert run("users", "sessions", "bob@example.com", "--end", "x", "--end-all").code == 2


def test_an_identity_is_linked_and_taken_away(run: Run, ids: dict[str, str], local_root: Path) -> None:
    result = run("users", "link", "bob@example.com", "ldap", "uid=bob,dc=example")
    assert result.out == "✅ linked bob@example.com: ldap uid=bob,dc=example\n"
    with database(local_root) as storage:
        assert storage.run_read(identities.identity, "ldap", "uid=bob,dc=example") == ids["bob"]
    assert run("users", "link", "ann@example.com", "ldap", "uid=bob,dc=example").code == 1
    found = json.loads(run("users", "unlink", "bob@example.com", "ldap", "uid=bob,dc=example", "--json").out)
    assert (found["user"]["id"], found["provider"]) == (ids["bob"], "ldap")
    assert run("users", "unlink", "bob@example.com", "ldap", "uid=bob,dc=example").code == 3
