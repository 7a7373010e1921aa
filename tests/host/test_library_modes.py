"""Boards, pictures, workflows, presets, system prompts and client state through the modes, and to new owners."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .accounts import AUTH, Bearer, Person, add, by_command, configure, in_the_database, log_in, set_up
from .client import Client
from .conftest import NewHost
from .process import NO_DEVICES, HostProcess
from .uploading import BOARDS, IMAGES, new_board, new_preset, new_system_prompt, new_workflow, share, upload

STATE = "/api/v1/client_state/default"
OWNED = ("boards", "images", "workflows", "style_presets", "system_prompts")


@dataclass(frozen=True)
class Library:
    """What somebody made; ids and names."""

    word: str
    board: str
    on_board: str
    loose: str
    trashed: str
    workflow: str
    preset: str
    prompt: str


def furnish(client: Client, word: str) -> Library:
    board = new_board(client, f"{word}-board")
    trashed = upload(client, board_id=board)
    assert client.delete(f"{IMAGES}/i/{trashed}").status == 200
    assert client.post(f"{STATE}/set_by_key?key=who", word).status == 200
    return Library(
        word,
        board,
        upload(client, board_id=board, prompt=word),
        upload(client),
        trashed,
        new_workflow(client, word),
        new_preset(client, word),
        new_system_prompt(client, word),
    )


def paths(library: Library) -> dict[str, str]:
    """Where each of the things is read, files and texts."""
    return {
        "boards": f"{BOARDS}/{library.board}",
        "names": f"{BOARDS}/{library.board}/image_names",
        "on board": f"{IMAGES}/i/{library.on_board}/thumbnail",
        "loose": f"{IMAGES}/i/{library.loose}/full",
        "trashed": f"{IMAGES}/trash/i/{library.trashed}/full",
        "workflow": f"/api/v1/workflows/i/{library.workflow}",
        "workflow thumbnail": f"/api/v1/workflows/i/{library.workflow}/thumbnail",
        "preset": f"/api/v1/style_presets/i/{library.preset}",
        "preset image": f"/api/v1/style_presets/i/{library.preset}/image",
        "prompt": f"/api/v1/system_prompts/i/{library.prompt}",
    }


def seen(client: Client, library: Library) -> set[str]:
    """What of it can be read."""
    answers = {name: client.get(path).status for name, path in paths(library).items()}
    assert set(answers.values()) <= {200, 404}, answers
    return {name for name, status in answers.items() if status == 200}


ALL = set(paths(Library(*[""] * 8)))

#: What a grant on the board gives.
ON_BOARD = {"boards", "names", "on board"}


def listed(client: Client) -> dict[str, int]:
    """How many of each kind the lists have."""

    def total(path: str) -> Any:
        found = client.get(path).json()
        return len(found) if isinstance(found, list) else found["total"]

    return {
        "boards": total(f"{BOARDS}/"),
        "images": total(f"{IMAGES}/"),
        "workflows": total("/api/v1/workflows/"),
        "style_presets": len([each for each in client.get("/api/v1/style_presets/").json() if each["type"] == "user"]),
        "trash": len(client.get(f"{IMAGES}/trash").json()["items"]),
    }


def state(client: Client) -> str | None:
    found: str | None = client.get(f"{STATE}/get_by_key?key=who").json()
    return found


def owners(host: HostProcess, table: str) -> set[str]:
    return {user_id for (user_id,) in in_the_database(host, f"SELECT user_id FROM {table}")}


def restart(host: HostProcess, new_host: NewHost, root: Path, *, login: bool) -> HostProcess:
    assert host.stop() == 0
    configure(root, login=login)
    return new_host(NO_DEVICES)


def test_libraries_survive_every_change_of_the_mode_and_change_hands_in_parts(new_host: NewHost, root: Path) -> None:
    configure(root, login=False)
    host = new_host(NO_DEVICES)
    first = furnish(host.client, "alone")
    assert seen(host.client, first) == ALL

    # With a login: administrators see what was made before; others none of it.
    host = restart(host, new_host, root, login=True)
    admin = set_up(host)
    alice, bob = add(admin, "alice"), add(admin, "bob")
    assert seen(admin.client, first) == ALL
    assert seen(alice.client, first) == set()
    assert listed(alice.client)["boards"] == listed(alice.client)["images"] == listed(alice.client)["trash"] == 0
    assert [state(person.client) for person in (admin, alice)] == [None, None]
    hers = furnish(alice.client, "alice")
    share(alice.client, hers.board, "viewer", user_id=bob.id)
    assert seen(alice.client, hers) == seen(admin.client, hers) == ALL
    assert seen(bob.client, hers) == ON_BOARD

    # Without: one view of everything, and the client state of the local user.
    host = restart(host, new_host, root, login=False)
    alone = host.client
    assert seen(alone, first) == seen(alone, hers) == ALL
    assert listed(alone) == {"boards": 2, "images": 4, "workflows": 2, "style_presets": 2, "trash": 2}
    assert state(alone) == "alone"
    guest = upload(alone, board_id=hers.board)

    # With, again: owners, grants and sessions are as they were.
    host = restart(host, new_host, root, login=True)
    url = host.client.url
    admin = log_in(url, admin.email)
    alice, bob = (Person(each.email, each.id, Bearer(url, each.client.token)) for each in (alice, bob))
    assert seen(alice.client, hers) == ALL
    assert seen(bob.client, hers) == ON_BOARD
    assert seen(alice.client, first) == seen(bob.client, first) == set()
    assert (state(admin.client), state(alice.client)) == (None, "alice")
    assert {alice.client.get(f"{IMAGES}/i/{guest}/full").status, bob.client.get(f"{IMAGES}/i/{guest}").status} == {200}
    for table in OWNED:
        assert {"system", alice.id} == owners(host, table) - {admin.id}, table

    assert_handed_over(host, admin, alice, bob, first, guest)
    assert host.stop() == 0
    assert "Traceback" not in host.log


def assert_handed_over(
    host: HostProcess, admin: Person, alice: Person, bob: Person, first: Library, guest: str
) -> None:
    """Boards alone, then what is left, from the command line; nothing in between is anybody's by accident."""
    by_command(host, "transfer", "--from", "system", "--to", alice.email, "--only", "boards")
    assert seen(alice.client, first) == ON_BOARD | {"trashed"}, "the owner of a board sees what is on it"
    assert owners(host, "boards") == {alice.id}
    assert "system" in owners(host, "images")
    assert alice.client.get(f"{BOARDS}/{first.board}").json()["image_count"] == 1

    body = {"to_user_id": bob.id, "parts": ["images"]}
    answer = admin.client.post(f"{AUTH}/users/system/transfer", body)
    assert (answer.status, answer.json()) == (200, {"transferred": {"images": 4}}), answer.text
    assert seen(bob.client, first) == {"on board", "loose", "trashed"}
    assert alice.client.get(f"{IMAGES}/i/{first.on_board}").json()["user_id"] == bob.id
    assert bob.client.get(f"{IMAGES}/i/{first.on_board}").json()["board_id"] is None, "on a board that bob can't see"
    assert first.on_board in bob.client.get(f"{BOARDS}/none/image_names").json()
    assert bob.client.get(f"{IMAGES}/i/{guest}").json()["user_id"] == bob.id

    by_command(host, "transfer", "--from", "system", "--to", alice.email)
    for table in ("boards", "images", "workflows"):  # of the others, `system` keeps those that came with the host
        assert owners(host, table) <= {alice.id, bob.id}, table
    assert seen(alice.client, first) == ALL - {"loose"}
    left = admin.client.get(f"{AUTH}/users/system/content").json()["content"]
    assert set(left) >= set(OWNED)
    assert set(left.values()) == {0}
    assert [state(person.client) for person in (admin, alice, bob)] == [None, "alice", None]
    assert in_the_database(host, "PRAGMA foreign_key_check") == []
