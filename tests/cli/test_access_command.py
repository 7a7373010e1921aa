"""`invoke-host access`: the decision, every policy's word, and clear errors, on a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from invoke_host.boards.tables import board_grants, boards
from invoke_host.identity.groups import store as groups
from invoke_host.identity.tables import users
from invoke_host.images.tables import images
from invoke_host.testing.distributions import Distributions
from invoke_host.vocabulary import ACTIONS

from .conftest import PASSWORD, Run
from .content import NOW, database, give_pictures

BOARD = "0b000000-0000-4000-8000-000000000001"


def change(root: Path, statement: Any) -> None:
    """Change the database behind everybody's back."""

    def unit(conn: Any) -> None:
        conn.execute(statement)

    with database(root) as storage:
        storage.run_write(unit)


@pytest.fixture
def distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Distributions]:
    """Throw-away plugins."""
    found = Distributions(tmp_path / "site", monkeypatch)
    yield found
    found.remove()


@pytest.fixture
def ids(run: Run, local_root: Path) -> dict[str, str]:
    """Ann, who is the administrator, Bob and Cleo. Bob's picture is on his board, which Cleo's team may look at."""
    found = {}
    for name, words in (("ann", ("--admin",)), ("bob", ()), ("cleo", ())):
        result = run("users", "add", "-e", f"{name}@example.com", "-p", PASSWORD, *words, "--json")
        found[name] = json.loads(result.out)["id"]
    with database(local_root) as storage:
        give_pictures(storage, found["bob"], 1)
        times = {"created_at": NOW, "updated_at": NOW}

        def more(conn: Any) -> str:
            conn.execute(
                insert(boards).values(id=BOARD, name="Birds", user_id=found["bob"], visibility="private", **times)
            )
            groups.add(conn, "g-team", "Team", "", now=NOW)
            groups.add_member(conn, "g-team", found["cleo"], now=NOW)
            conn.execute(insert(board_grants).values(board_id=BOARD, group_id="g-team", role="viewer", **times))
            conn.execute(update(images).values(board_id=BOARD))
            return str(conn.scalar(images.select().with_only_columns(images.c.name)))

        found["picture"] = storage.run_write(more)
    return found


def explained(run: Run, *words: str) -> dict[str, Any]:
    result = run("access", "explain", *words, "--json")
    assert result.code == 0, result.err
    return dict(json.loads(result.out))


def test_the_decision_comes_first_then_each_policy_on_each_action(run: Run, ids: dict[str, str]) -> None:
    lines = run("access", "explain", "bob@example.com", "image.delete", ids["picture"]).out.splitlines()
    assert lines[0] == f"allowed: bob@example.com may do image.delete on image {ids['picture']}"
    assert lines[2].split() == ["ACTION", "ON", "POLICY", "SAYS", "WHY"]
    owner = next(line for line in lines if "  owner" in line)
    assert "allow " in owner
    assert owner.endswith("allows it: Allow the rows whose published column `owner` is the actor")
    policies = ["admin", "owner", "visibility", "grants", "tokens", "suspended", "board"]
    found = [line.split()[3] for line in lines[3:] if not line.startswith(">")]
    assert found == policies * 2


def test_a_picture_that_is_seen_through_its_board_is_explained_by_the_board(run: Run, ids: dict[str, str]) -> None:
    found = explained(run, "CLEO@example.com", "image.delete", ids["picture"])
    assert (found["allowed"], found["answer"]) == (False, "forbidden")
    seen, curated = [each for each in found["explanations"] if each["policy"] == "board"]
    assert (seen["through"], seen["allow"], seen["why"]) == (
        "board.view",
        "yes",
        "board.view is allowed on the board that it is on",
    )
    assert [each["policy"] for each in seen["because"] if each["allow"] == "yes"] == ["grants"]
    assert {(each["resource"], each["resource_id"]) for each in seen["because"]} == {("board", BOARD)}
    assert (curated["through"], curated["allow"]) == ("board.curate", "no")
    text = run("access", "explain", "cleo@example.com", "image.delete", ids["picture"]).out
    assert text.startswith(
        f"refused (403): cleo@example.com sees the image, but may not do image.delete on image {ids['picture']}\n"
    )
    assert "\n> board.view " in text


def test_what_somebody_may_not_see_is_refused_as_not_found(run: Run, ids: dict[str, str]) -> None:
    found = explained(run, "anonymous", "board.view", BOARD)
    assert (found["answer"], found["user"]["kind"], found["user"]["id"]) == ("not_visible", "anonymous", None)
    assert run("access", "explain", "anonymous", "board.view", BOARD).out.startswith(
        "refused (404): anonymous may not see the board"
    )


def test_a_user_may_be_named_by_id(run: Run, ids: dict[str, str]) -> None:
    found = explained(run, ids["ann"], "board.delete", BOARD)
    assert found["allowed"]
    assert (found["user"]["id"], found["user"]["is_admin"]) == (ids["ann"], True)


def test_groups_of_the_user_count(run: Run, ids: dict[str, str]) -> None:
    found = explained(run, "cleo@example.com", "board.view", BOARD)
    assert (found["allowed"], found["user"]["groups"]) == (True, ["g-team"])


def test_who_is_deactivated_is_explained_as_suspended(run: Run, ids: dict[str, str], local_root: Path) -> None:
    change(local_root, update(users).where(users.c.id == ids["bob"]).values(is_active=False))
    found = explained(run, "bob@example.com", "image.view", ids["picture"])
    assert (found["allowed"], found["user"]["is_suspended"]) == (False, True)
    assert [each["policy"] for each in found["explanations"] if each["says"] == "deny"] == ["suspended"]


def test_a_token_is_explained_by_its_scopes(run: Run, ids: dict[str, str]) -> None:
    found = explained(run, "ann@example.com", "image.delete", ids["picture"], "--scope", "read")
    assert (found["answer"], found["user"]["is_admin"], found["user"]["token_scopes"]) == (
        "not_visible",
        False,
        ["read"],
    )
    found = explained(run, "bob@example.com", "image.delete", ids["picture"], "--scope", "read")
    assert found["answer"] == "forbidden"
    assert [each["policy"] for each in found["explanations"] if each["says"] == "restrict"] == ["tokens"]


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("eve@example.com", "board.view", BOARD), 3, "there is no user with the e-mail address 'eve@example.com'"),
        (("system", "board.view", BOARD), 3, "nobody calls as `system` in multi-user mode"),
        (("bob@example.com", "board.veiw", BOARD), 2, "unknown action 'board.veiw'; did you mean 'board.view'?"),
        (("bob@example.com", "board.view", "nothing"), 3, "There is no board 'nothing'."),
        (("bob@example.com", "queue_item.view", "one"), 3, "There is no queue item 'one'."),
    ],
)
def test_what_there_is_not_is_an_error_that_says_so(
    run: Run, ids: dict[str, str], words: tuple[str, ...], code: int, complaint: str
) -> None:
    result = run("access", "explain", *words)
    assert (result.code, result.out) == (code, "")
    assert complaint in result.err


def test_a_picture_in_the_trash_is_named_as_what_it_is(run: Run, ids: dict[str, str], local_root: Path) -> None:
    change(local_root, update(images).values(deleted_at=NOW))
    result = run("access", "explain", "bob@example.com", "image.view", ids["picture"])
    assert result.code == 3
    assert "a trashed image of that id; ask for trashed_image.view" in result.err
    assert explained(run, "bob@example.com", "trashed_image.restore", ids["picture"])["allowed"]


def test_in_single_user_mode_everybody_is_the_local_user(run: Run, root: Path) -> None:
    (root / "invoke-host.toml").write_text("")
    assert run("db", "upgrade").code == 0
    with database(root) as storage:
        give_pictures(storage, "system", 1)
        name = str(storage.run_read(lambda conn: conn.scalar(images.select().with_only_columns(images.c.name))))
    found = explained(run, "system", "image.delete", name)
    assert (found["allowed"], found["user"]["kind"]) == (True, "system")
    assert "every caller is `system`" in run("access", "explain", "anonymous", "image.view", name).err


HIDES = """
class Hides(Policy):
    '''Hides all boards from everybody.'''
    name = "hides"
    async def facts(self, actor): return {"hidden": True}
    def grant(self, actor, action, resource, facts):
        hidden = facts["hidden"] and resource.name == "board"
        return Grant(deny=resource.columns["owner"].is_not(None)) if hidden else None
@hookimpl
def invoke_policies(): return [Hides()]
"""


def test_policies_of_plugins_have_their_word(
    run: Run, ids: dict[str, str], local_root: Path, distributions: Distributions
) -> None:
    manifest = 'manifest = PluginManifest(name="hides", api=">=1.0,<2", provides=frozenset({"policy"}))'
    distributions.add("hides", HIDES, manifest=manifest)
    file = local_root / "invoke-host.toml"
    file.write_text(file.read_text() + '[access]\npolicies = ["admin", "owner", "grants", "hides"]\n')
    found = explained(run, "ann@example.com", "board.view", BOARD)
    assert not found["allowed"]
    (hides,) = [each for each in found["explanations"] if each["says"] == "deny"]
    assert (hides["policy"], hides["why"]) == ("hides", "denies it: Hides all boards from everybody")


def test_actions_are_listed_with_what_gives_them(run: Run, local_root: Path) -> None:
    found = {each["action"]: each for each in json.loads(run("access", "actions", "--json").out)}
    assert list(found) == [action.name for action in ACTIONS]
    assert found["board.add"] == {
        "action": "board.add",
        "resource": "board",
        "see": False,
        "role": "contributor",
        "through": None,
        "description": "Put own images on a board, generate and upload into it",
    }
    assert found["image.delete"]["through"] == "board.curate"
    lines = run("access", "actions").out.splitlines()
    assert lines[0].split() == ["ACTION", "ROLE", "THROUGH", "DESCRIPTION"]
    assert len(lines) == len(ACTIONS) + 1


def test_nothing_is_made_where_no_host_lives(run: Run, root: Path) -> None:
    result = run("access", "explain", "anonymous", "board.view", BOARD)
    assert result.code == 1
    assert "no host lives in" in result.err
    assert list(root.iterdir()) == []
