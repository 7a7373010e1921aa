"""The four commands as a person meets them: on a real terminal, asked for what is missing, passwords never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invoke_host.images.ownership import OWNED as IMAGES

from .conftest import PASSWORD, Run
from .content import database, give_pictures
from .terminal import Terminal


def listed(four: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(four("list", "--json").out)
    return found


def test_add_asks_for_everything_in_order_and_never_shows_the_password(four: Run, local_root: Path) -> None:
    with Terminal.of_user_command("add", root=local_root) as terminal:
        terminal.answer("E-mail", "Ann@Example.COM")
        terminal.answer("Display name (optional)", "Ann")
        terminal.answer("Password", PASSWORD)
        terminal.answer("Password again", PASSWORD)
        terminal.answer("Make this user an administrator? [y/N]", "y")
        assert terminal.end() == 0
    assert PASSWORD not in terminal.screen
    (ann,) = listed(four)
    assert (ann["email"], ann["name"], ann["is_admin"]) == ("ann@example.com", "Ann", True)


def test_add_asks_again_for_what_is_no_address_a_weak_password_and_one_that_differs(
    four: Run, local_root: Path
) -> None:
    with Terminal.of_user_command("add", root=local_root) as terminal:
        terminal.answer("E-mail", "nonsense")
        terminal.expect("An e-mail address looks like")
        terminal.answer("E-mail", "ann@example.com")
        terminal.answer("Display name (optional)", "")
        terminal.answer("Password", "short")
        terminal.expect("The password must have at least 8 characters.")
        terminal.expect("Strength: weak.")
        terminal.answer("Password", PASSWORD)
        terminal.answer("Password again", PASSWORD + "?")
        terminal.expect("these two differ")
        terminal.answer("Password", PASSWORD)
        terminal.answer("Password again", PASSWORD)
        terminal.answer("Make this user an administrator? [y/N]", "")
        assert terminal.end() == 0
    (ann,) = listed(four)
    assert (ann["email"], ann["name"], ann["is_admin"]) == ("ann@example.com", None, False)


def test_add_with_an_address_asks_for_the_password_alone(four: Run, local_root: Path) -> None:
    with Terminal.of_user_command("add", "-e", "ann@example.com", "-a", root=local_root) as terminal:
        terminal.answer("Password", PASSWORD)
        terminal.answer("Password again", PASSWORD)
        assert terminal.end() == 0
    assert "Display name (" not in terminal.screen
    assert listed(four)[0]["is_admin"] is True


def test_the_flag_for_standard_input_asks_where_that_is_a_terminal(four: Run, local_root: Path) -> None:
    words = ("-e", "ann@example.com", "--password-stdin")
    with Terminal.of_user_command("add", *words, root=local_root) as terminal:
        terminal.answer("Password", PASSWORD)
        terminal.answer("Password again", PASSWORD)
        assert terminal.end() == 0
    assert PASSWORD not in terminal.screen


def test_ctrl_c_at_a_question_ends_at_once_and_changes_nothing(four: Run, local_root: Path) -> None:
    with Terminal.of_user_command("add", root=local_root) as terminal:
        terminal.expect("E-mail: ")
        assert terminal.interrupt() == 130
    assert "Traceback" not in terminal.screen
    assert listed(four) == []


@pytest.fixture
def people(four: Run) -> Run:
    """Ann, who is the administrator, and Bob."""
    assert four("add", "-e", "ann@example.com", "-p", PASSWORD, "-n", "Ann", "--admin").code == 0
    assert four("add", "-e", "bob@example.com", "-p", PASSWORD, "-n", "Bob").code == 0
    return four


def test_mod_shows_the_account_and_asks_for_each_thing(people: Run, local_root: Path) -> None:
    with Terminal.of_user_command("mod", root=local_root) as terminal:
        terminal.answer("E-mail", " BOB@example.com")
        terminal.expect("Display Name: Bob")
        terminal.answer("New display name (empty keeps it)", "Robert")
        terminal.answer("Change the password? [y/N]", "YES")
        terminal.answer("Password", "Walrus-Cathedral-77")
        terminal.answer("Password again", "Walrus-Cathedral-77")
        terminal.answer("Change the administrator status (now: No)? [y/N]", "y")
        terminal.expect("A running host applies this to the next request")
        assert terminal.end() == 0
    assert "Walrus" not in terminal.screen
    bob = next(each for each in listed(people) if each["email"] == "bob@example.com")
    assert (bob["name"], bob["is_admin"]) == ("Robert", True)


def test_mod_where_nothing_is_wanted_says_so_and_is_no_failure(people: Run, local_root: Path) -> None:
    before = listed(people)
    with Terminal.of_user_command("mod", "-e", "bob@example.com", root=local_root) as terminal:
        terminal.answer("New display name (empty keeps it)", "")
        terminal.answer("Change the password? [y/N]", "n")
        terminal.answer("Change the administrator status (now: No)? [y/N]", "")
        assert terminal.end() == 0
    assert terminal.screen.endswith("No changes requested\n")
    assert listed(people) == before


def test_mod_asks_whom_and_then_does_what_the_flags_say(people: Run, local_root: Path) -> None:
    with Terminal.of_user_command("mod", "--name", "Robert", root=local_root) as terminal:
        terminal.answer("E-mail", "bob@example.com")
        assert terminal.end() == 0
    assert {each["name"] for each in listed(people)} == {"Ann", "Robert"}


@pytest.mark.parametrize("answer", ["y", "Yes", "YES"])
def test_del_shows_the_account_and_deletes_after_a_yes(people: Run, local_root: Path, answer: str) -> None:
    with Terminal.of_user_command("del", root=local_root) as terminal:
        terminal.answer("E-mail", "bob@example.com")
        terminal.expect("Display Name: Bob")
        terminal.answer("Are you sure that you want to delete this user? [y/N]", answer)
        assert terminal.end() == 0
    assert [each["email"] for each in listed(people)] == ["ann@example.com"]


@pytest.mark.parametrize("answer", ["", "n", "yess", "ja"])
def test_del_takes_everything_else_for_a_no(people: Run, local_root: Path, answer: str) -> None:
    with Terminal.of_user_command("del", "-e", "bob@example.com", root=local_root) as terminal:
        terminal.answer("Are you sure that you want to delete this user? [y/N]", answer)
        assert terminal.end() == 1
    assert "Deletion cancelled." in terminal.screen
    assert len(listed(people)) == 2


def test_del_asks_what_shall_become_of_the_content(people: Run, local_root: Path) -> None:
    bob = next(each["id"] for each in listed(people) if each["email"] == "bob@example.com")
    with database(local_root) as storage:
        give_pictures(storage, bob, 3)
    with Terminal.of_user_command("del", "-e", "bob@example.com", root=local_root) as terminal:
        terminal.expect("images: 3")
        terminal.answer("Content (keep, transfer, purge)", "what?")
        terminal.expect("answer keep or transfer or purge")
        terminal.answer("Content (keep, transfer, purge)", "t")
        terminal.answer("To whom (e-mail)", "Ann@example.com")
        terminal.answer("Are you sure that you want to delete this user? [y/N]", "y")
        terminal.expect("Transferred: images: 3")
        assert terminal.end() == 0
    (ann,) = listed(people)
    with database(local_root) as storage:
        assert storage.run_read(lambda conn: IMAGES.count(conn, ann["id"])) == 3


def test_list_on_a_terminal_is_the_same_table(people: Run, local_root: Path) -> None:
    with Terminal.of_user_command("list", root=local_root) as terminal:
        assert terminal.end() == 0
    assert terminal.screen == people("list").out
