"""`invoke-useradd`, `invoke-usermod`, `invoke-userdel` and `invoke-userlist` in scripts: without a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from invoke_host.audit.tables import audit_log
from invoke_host.cli.users.showing import NOTE
from invoke_host.identity.sessions import store as sessions
from invoke_host.identity.sessions.store import NewSession
from invoke_host.identity.tables import users
from invoke_host.images.ownership import OWNED as IMAGES

from .conftest import LOCAL, PASSWORD, Run
from .content import NOW, database, give_pictures
from .test_main import HEAVY

ANN = ("-e", "ann@example.com")
BOB = ("-e", "bob@example.com")


@pytest.fixture
def people(four: Run) -> Run:
    """Ann, who is the administrator, and Bob."""
    assert four("add", *ANN, "-p", PASSWORD, "-n", "Ann", "--admin").code == 0
    assert four("add", *BOB, "-p", PASSWORD, "-n", "Bob").code == 0
    return four


def user(four: Run, email: str) -> dict[str, Any]:
    found = {each["email"]: each for each in json.loads(four("list", "--json").out)}
    return dict(found[email])


# Exit codes ----------------------------------------------------------------------------------------------------------

CODES: dict[str, tuple[str, tuple[str, ...], int]] = {
    "added": ("add", ("-e", "carl@example.com", "-p", PASSWORD), 0),
    "changed": ("mod", (*BOB, "--name", "Robert"), 0),
    "changed to what it was": ("mod", (*BOB, "--no-admin"), 0),
    "deleted": ("del", (*BOB, "--force"), 0),
    "listed": ("list", (), 0),
    "a taken address": ("add", (*BOB, "-p", PASSWORD), 1),
    "a taken address in other letters": ("add", ("-e", "BOB@EXAMPLE.COM", "-p", PASSWORD), 1),
    "no address": ("add", ("-e", "nonsense", "-p", PASSWORD), 1),
    "a weak password": ("add", ("-e", "carl@example.com", "-p", "password"), 1),
    "a weak new password": ("mod", (*BOB, "-p", "password"), 1),
    "somebody unknown to change": ("mod", ("-e", "carl@example.com", "--admin"), 1),
    "somebody unknown to delete": ("del", ("-e", "carl@example.com", "--force"), 1),
    "the last administrator demoted": ("mod", (*ANN, "--no-admin"), 1),
    "the last administrator deactivated": ("mod", (*ANN, "--deactivate"), 1),
    "the last administrator deleted": ("del", (*ANN, "--force"), 1),
    "the system account deleted": ("del", ("-e", "system", "--force"), 1),
    "the system account given a password": ("mod", ("-e", "system", "-p", PASSWORD), 1),
    "the system account promoted": ("mod", ("-e", "system", "--admin"), 1),
    "an address without a password": ("add", ("-e", "carl@example.com"), 1),
    "a password without an address": ("add", ("-p", PASSWORD), 1),
    "nothing to add": ("add", (), 1),
    "nothing to change": ("mod", BOB, 1),
    "nobody to change": ("mod", ("--admin",), 1),
    "nobody to delete": ("del", ("--force",), 1),
    "nobody who could say yes": ("del", BOB, 1),
    "an heir who is unknown": ("del", (*BOB, "--force", "--transfer", "carl@example.com"), 1),
    "an heir who is deleted": ("del", (*BOB, "--force", "--transfer", "bob@example.com"), 1),
    "an unknown flag": ("add", ("--frob",), 2),
    "administrator and none": ("mod", (*BOB, "--admin", "--no-admin"), 2),
    "active and not": ("mod", (*BOB, "--activate", "--deactivate"), 2),
    "two passwords": ("mod", (*BOB, "-p", PASSWORD, "--password-stdin"), 2),
    "two ways for the content": ("del", (*BOB, "--force", "--keep", "--purge"), 2),
}


@pytest.mark.parametrize("case", CODES)
def test_exit_codes_and_one_clear_message_on_standard_error(people: Run, case: str) -> None:
    name, words, code = CODES[case]
    result = people(name, *words)
    assert result.code == code, result
    assert result.err.startswith("error: ") is (code != 0), result
    assert "Traceback" not in result.err
    assert not (code and result.out)


@pytest.mark.parametrize("case", [case for case, (_, _, code) in CODES.items() if code])
def test_with_json_the_message_is_an_object_and_the_code_the_same(people: Run, case: str) -> None:
    name, words, code = CODES[case]
    result = people(name, *words, "--json")
    assert (result.code, result.out) == (code, "")
    assert list(json.loads(result.err)) == ["error"]


def test_what_is_missing_is_named(four: Run) -> None:
    assert "missing --email and --password (or --password-stdin)" in four("add").err
    assert "missing --password or --password-stdin" in four("add", *ANN).err
    assert "missing --email" in four("add", "-p", PASSWORD).err
    assert "missing --email and --force" in four("del").err
    assert "missing --email" in four("mod", "--admin").err


def test_mod_without_a_change_names_the_flags_that_would_be_one(people: Run) -> None:
    told = people("mod", *BOB).err
    flags = ("--name", "--password", "--password-stdin", "--admin", "--no-admin", "--activate", "--new-email")
    assert all(flag in told for flag in flags)


@pytest.mark.parametrize("words", [("add", "-p", PASSWORD), ("mod", "--admin"), ("del", "--force")])
def test_bytes_that_are_no_text_are_refused_without_a_traceback(people: Run, words: tuple[str, ...]) -> None:
    result = people(*words, "-e", "b\udcffb@example.com")
    assert result.code == 1
    assert "fault" not in result.err
    assert people("mod", *BOB, "-n", "B\udcff").code == 1


# useradd -------------------------------------------------------------------------------------------------------------


def test_add_tells_the_account(four: Run) -> None:
    result = four("add", "--email", "Bob@Example.com", "--password", PASSWORD, "--name", "Bob", "--admin")
    lines = result.out.splitlines()
    assert lines[0] == "✅ added bob@example.com"
    assert lines[1].startswith("User ID:      ")
    assert lines[2:] == [
        "Email:        bob@example.com",
        "Display Name: Bob",
        "Admin:        Yes",
        "Active:       Yes",
    ]
    assert result.err == ""


def test_add_as_json_prints_the_account(four: Run) -> None:
    found = json.loads(four("add", *BOB, "-p", PASSWORD, "--json").out)
    assert found.pop("id")
    assert found == {"email": "bob@example.com", "name": None, "is_admin": False, "is_active": True}


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"", b"\nsecond line\n"])
def test_the_password_can_come_from_standard_input(four: Run, end: bytes) -> None:
    assert four("add", *BOB, "--password-stdin", stdin=PASSWORD.encode() + end).code == 0
    assert four("add", *ANN, "--password-stdin", stdin=b" \n").code == 1, "a line of blanks is no password"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (b"", "there is no password on standard input"),
        (b"\n", "there is no password on standard input"),
        (b"\xff\xfe\n", "not UTF-8"),
        (b"x" * 5000, "longer than"),
        (b"password\n", "one of the most common"),
    ],
)
def test_what_is_no_password_on_standard_input_is_refused(four: Run, typed: bytes, told: str) -> None:
    result = four("add", *BOB, "--password-stdin", stdin=typed)
    assert result.code == 1
    assert told in result.err
    assert json.loads(four("list", "--json").out) == []


def test_a_weak_password_is_told_with_every_reason_and_a_hint_and_never_quoted(four: Run) -> None:
    result = four("add", "-e", "zyxwvut@example.com", "-p", "zyxwvut")
    assert "The password must have at least 8 characters." in result.err
    assert "The password must not be the e-mail address or the name" in result.err
    assert "Strength: weak." in result.err
    assert "error: zyxwvut" not in result.err


def test_the_strict_rule_of_the_configuration_holds_here_too(four: Run, local_root: Path) -> None:
    (local_root / "invoke-host.toml").write_text(LOCAL + "strict_password_checking = true\n")
    result = four("add", *BOB, "-p", "correct horse battery staple")
    assert result.code == 1
    assert "must contain an upper-case letter" in result.err
    assert "must contain a digit" in result.err


def test_without_a_provider_that_keeps_passwords_it_says_what_to_configure(four: Run, local_root: Path) -> None:
    (local_root / "invoke-host.toml").write_text("")
    result = four("add", *BOB, "-p", PASSWORD)
    assert result.code == 1
    assert "no login provider of this host keeps passwords" in result.err


# usermod -------------------------------------------------------------------------------------------------------------


def test_mod_changes_what_the_flags_say_and_finds_the_address_in_any_letters(people: Run) -> None:
    result = people("mod", "-e", " BOB@Example.COM ", "--name", "Robert", "--admin", "--new-email", "Rob@Example.com")
    assert result.code == 0
    assert result.out.endswith(f"{NOTE}\n")
    found = user(people, "rob@example.com")
    assert (found["name"], found["is_admin"]) == ("Robert", True)


def test_mod_with_an_empty_name_takes_the_name_away(people: Run) -> None:
    assert "Display Name: (not set)" in people("mod", *BOB, "--name", "").out


def test_mod_deactivates_and_activates(people: Run) -> None:
    assert "Active:       No" in people("mod", *BOB, "--deactivate").out
    assert user(people, "bob@example.com")["is_active"] is False
    assert "Active:       Yes" in people("mod", *BOB, "--activate").out


def test_a_new_password_ends_all_sessions(people: Run, local_root: Path) -> None:
    bob = user(people, "bob@example.com")["id"]
    with database(local_root) as storage:
        new = NewSession(bob, "local", bob, False, "::1", "test", "2999-01-01 00:00:00.000")
        storage.run_write(sessions.create, new, NOW)
        before = storage.run_read(lambda conn: conn.scalar(select(users.c.auth_epoch).where(users.c.id == bob)))
    assert people("mod", *BOB, "--password-stdin", stdin=b"Walrus-Cathedral-77\n").code == 0
    with database(local_root) as storage:
        assert storage.run_read(sessions.of_user, bob) == []
        after = storage.run_read(lambda conn: conn.scalar(select(users.c.auth_epoch).where(users.c.id == bob)))
    assert after == (before or 0) + 1


# userdel -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bobs_pictures(people: Run, local_root: Path) -> Run:
    """Bob has three pictures."""
    with database(local_root) as storage:
        give_pictures(storage, user(people, "bob@example.com")["id"], 3)
    return people


def pictures_of(root: Path, user_id: str) -> int:
    with database(root) as storage:
        return storage.run_read(IMAGES.count, user_id)


@pytest.mark.parametrize("words", [(), ("--keep",)])
def test_with_force_and_nothing_said_content_goes_to_system(
    bobs_pictures: Run, local_root: Path, words: tuple[str, ...]
) -> None:
    result = bobs_pictures("del", *BOB, "--force", *words)
    assert result.out.splitlines()[:2] == [
        "✅ deleted bob@example.com",
        "Kept for the account `system`: images: 3",
    ]
    assert pictures_of(local_root, "system") == 3


def test_content_goes_to_the_heir(bobs_pictures: Run, local_root: Path) -> None:
    result = bobs_pictures("del", *BOB, "-f", "--transfer", "ANN@example.com", "--json")
    found = json.loads(result.out)
    assert (found["content"], found["shares"]["images"], found["deleted"]["name"]) == ("transfer", 3, "Bob")
    assert pictures_of(local_root, user(bobs_pictures, "ann@example.com")["id"]) == 3


def test_content_goes_with_its_owner(bobs_pictures: Run, local_root: Path) -> None:
    bob = user(bobs_pictures, "bob@example.com")["id"]
    assert "Deleted with the user: images: 3" in bobs_pictures("del", *BOB, "-f", "--purge").out
    assert (pictures_of(local_root, bob), pictures_of(local_root, "system")) == (0, 0)


# userlist ------------------------------------------------------------------------------------------------------------


def test_the_table_has_the_known_columns_and_cuts_nothing(four: Run) -> None:
    address = "somebody.with.a.very.long.name@example.com"
    name = "Somebody With A Very Long Name"
    assert four("add", "-e", address, "-p", PASSWORD, "-n", name).code == 0
    head, line, row, empty, total = four("list").out.splitlines()
    assert head.split("  ")[0] == "User ID"
    assert head.split()[2:] == ["Email", "Display", "Name", "Admin", "Active"]
    assert set(line) == {"-"}
    assert row.split() == [row.split()[0], address, *name.split(), "No", "Yes"]
    assert (empty, total) == ("", "Total users: 1")


def test_an_empty_list_is_told_and_system_is_not_in_it(four: Run) -> None:
    assert four("list").out == "No users found in database.\n"
    assert json.loads(four("list", "--json").out) == []


def test_the_list_does_not_stop_at_a_page(four: Run, local_root: Path) -> None:
    row = {"is_admin": False, "is_active": True, "created_at": NOW, "updated_at": NOW}
    many = [{"id": f"id-{number}", "email": f"u{number}@example.com", **row} for number in range(2345)]
    with database(local_root) as storage:
        storage.run_write(lambda conn: conn.execute(users.insert(), many) and None)
    assert four("list").out.endswith("Total users: 2345\n")
    assert len({each["id"] for each in json.loads(four("list", "--json").out)}) == 2345


def test_a_name_can_not_drive_the_terminal(four: Run, local_root: Path) -> None:
    four("add", *BOB, "-p", PASSWORD)
    with database(local_root) as storage:
        evil = users.update().where(users.c.email == "bob@example.com").values(display_name="\x1b[2Jx\ny")
        storage.run_write(lambda conn: conn.execute(evil) and None)
    assert "\\x1b[2Jx\\ny" in four("list").out


# All four ------------------------------------------------------------------------------------------------------------


def test_no_password_reaches_the_audit_log_which_says_who_did_it(people: Run, local_root: Path) -> None:
    people("mod", *BOB, "-p", "Walrus-Cathedral-77")
    people("del", *BOB, "-f")
    with database(local_root) as storage:
        rows = storage.run_read(lambda conn: conn.execute(select(audit_log)).all())
    assert [row.action for row in rows] == ["user.create", "user.create", "user.password", "user.delete"]
    assert {(row.via, row.actor_id) for row in rows} == {("cli", None)}
    assert all(row.actor_name.startswith("cli: ") for row in rows)
    assert "Walrus" not in str(rows)
    assert PASSWORD not in str(rows)


@pytest.mark.parametrize("name", ["add", "mod", "del", "list"])
def test_each_is_installed_under_its_name_with_help_that_imports_nothing_heavy(name: str) -> None:
    program = (
        f"import sys, json; from invoke_host.cli.user_commands import user{name}; "
        f"code = user{name}(['--help']); print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, modules = json.loads(ended.stderr.splitlines()[-1])
    assert code == 0
    assert not set(modules) & HEAVY
    script = Path(sys.executable).with_name(f"invoke-user{name}")
    version = subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith(f"invoke-user{name} ")


def test_the_root_can_be_named_and_else_comes_from_the_environment(
    four: Run, local_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVOKE_HOST_ROOT", str(tmp_path / "nowhere"))
    assert four("list").code == 1
    assert four("list", "-r", local_root).code == 0
    assert four("list", "--root", local_root, "--json").out == "[]\n"


def test_debug_adds_the_traceback(four: Run, tmp_path: Path) -> None:
    assert "Traceback" in four("list", "--debug", "--root", tmp_path / "nowhere").err


def test_a_reader_that_has_seen_enough_is_no_error(people: Run, local_root: Path) -> None:
    script = Path(sys.executable).with_name("invoke-userlist")
    command = f"{script} --root {local_root} | head -1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_terminal_that_knows_no_unicode_gets_escapes_and_the_user_is_made_all_the_same(
    four: Run, local_root: Path
) -> None:
    script = Path(sys.executable).with_name("invoke-useradd")
    command = [script, "--root", local_root, *BOB, "-p", PASSWORD, "-n", "Böb"]
    ended = subprocess.run(command, capture_output=True, env={"PYTHONIOENCODING": "latin-1"}, check=False)
    assert (ended.returncode, ended.stdout.splitlines()[0]) == (0, b"\\u2705 added bob@example.com")
    assert user(four, "bob@example.com")["name"] == "Böb"


def test_the_hint_names_the_command_as_it_was_typed(four: Run) -> None:
    assert "try: invoke-userdel --help" in four("del", *BOB, "--keep", "--purge").err
