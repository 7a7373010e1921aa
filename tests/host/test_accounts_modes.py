"""One database through the modes: without login, with, without, with. Nothing is lost, owners stay, and what belongs to
`system` can be handed over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.host import install_painter

from .accounts import AUTH, Bearer, Person, add, by_command, configure, in_the_database, log_in, set_up
from .client import QUEUE, Client
from .conftest import NewHost
from .process import HostProcess, until

IMAGES = "/api/v1/images"


@pytest.fixture
def painter_host(new_host: NewHost, tmp_path: Path) -> Iterator[NewHost]:
    """Hosts whose pictures cost next to nothing."""
    install_painter(tmp_path / "site")
    settings = {
        "PYTHONPATH": str(tmp_path / "site"),
        "INVOKE_HOST_PLUGINS__LOAD": '["model_emoji", "painter"]',
        "INVOKE_HOST_GENERATION__EXECUTOR": "painter",
    }
    return lambda: new_host(settings)


def made(client: Client, prompt: str, count: int = 1) -> list[str]:
    """Names of new pictures, the oldest first."""
    item_ids = client.generate(prompt, count=count)["item_ids"]
    until("they are made", lambda: all(client.item(each)["status"] == "completed" for each in item_ids))
    return [name for each in item_ids for name in client.item(each)["image_names"]]


def owners(host: HostProcess) -> dict[str, str]:
    """Picture to owner, as the database says."""
    return dict(in_the_database(host, "SELECT name, user_id FROM images"))


def items(host: HostProcess) -> dict[int, tuple[str, str]]:
    """Queue item to owner and status."""
    found = in_the_database(host, "SELECT id, user_id, status FROM queue_items")
    return {item_id: (user_id, status) for item_id, user_id, status in found}


def files(client: Client, names: list[str]) -> list[str]:
    """Hashes of the pictures' files, as they are served."""
    answers = [client.get(f"{IMAGES}/i/{name}/full") for name in names]
    assert {answer.status for answer in answers} <= {200}
    return [hashlib.sha256(answer.body).hexdigest() for answer in answers]


def test_switching_the_mode_again_and_again_loses_nothing_and_keeps_owners(painter_host: NewHost, root: Path):
    configure(root, login=False)
    host = painter_host()
    alone = host.client
    first = made(alone, "a pear", 2)
    assert alone.post(f"{IMAGES}/star", {"image_names": [first[0]]}).status == 200
    alone.put(f"{QUEUE}/processor/pause")
    [waiting] = alone.generate("a plum")["item_ids"]
    hashes = dict(zip(first, files(alone, first), strict=True))
    history = items(host)
    assert host.stop() == 0

    # With a login: only administrators see what was made before.
    configure(root)
    host = painter_host()
    admin = set_up(host)
    alice, bob = add(admin, "alice"), add(admin, "bob")
    assert owners(host) == dict.fromkeys(first, "system")
    assert items(host) == history
    assert alice.client.names() == bob.client.names() == []
    assert sorted(admin.client.names()) == sorted(first)
    assert {alice.client.get(f"{IMAGES}/i/{name}/full").status for name in first} == {404}
    assert alice.client.item(waiting)["request"] is None
    assert admin.client.put(f"{QUEUE}/processor/resume").status == 200
    until("what waited is made", lambda: admin.client.item(waiting)["status"] == "completed")
    plum = admin.client.item(waiting)["image_names"]
    hers = made(alice.client, "an apple", 2)
    admins = made(admin.client, "a melon")
    known = {**dict.fromkeys([*first, *plum], "system"), **dict.fromkeys(hers, alice.id), admins[0]: admin.id}
    assert owners(host) == known
    hashes |= zip(hers, files(alice.client, hers), strict=True)
    history = items(host)
    assert host.stop() == 0

    # Without: one view of everything, owners as they were.
    configure(root, login=False)
    host = painter_host()
    alone = host.client
    assert sorted(alone.names()) == sorted(known)
    assert files(alone, list(hashes)) == list(hashes.values())
    assert alone.get(f"{QUEUE}/status").json()["queue"]["total"] == len(history)
    assert Bearer(alone.url, alice.client.token).get(f"{AUTH}/me").json()["user_id"] == "system"
    fig = made(alone, "a fig")
    known[fig[0]] = "system"
    assert owners(host) == known
    assert items(host).items() >= history.items()
    history = items(host)
    assert host.stop() == 0

    # With, again: everybody is who they were, without logging in anew.
    configure(root)
    host = painter_host()
    url = host.client.url
    assert not host.client.get(f"{AUTH}/status").json()["setup_required"]
    back = Person(alice.email, alice.id, Bearer(url, alice.client.token))
    assert back.client.get(f"{AUTH}/me").json()["user_id"] == alice.id
    assert sorted(back.client.names()) == sorted(hers)
    assert files(back.client, hers) == [hashes[name] for name in hers]
    admin = log_in(url, admin.email)
    assert sorted(admin.client.names()) == sorted(known)
    assert admin.client.get(f"{IMAGES}/i/{first[0]}").json()["starred"]
    assert (owners(host), items(host)) == (known, history)

    # What is left of the time without login changes hands.
    assert_transfers(host, admin, back, known)
    assert host.stop() == 0
    assert "Traceback" not in host.log


def assert_transfers(host: HostProcess, admin: Person, alice: Person, known: dict[str, str]) -> None:
    """Pictures over the API, the rest with the command line; in between, each has exactly what they were given."""
    legacy = [name for name, owner in known.items() if owner == "system"]
    hers = [name for name, owner in known.items() if owner == alice.id]
    body = {"to_user_id": alice.id, "parts": ["images"]}
    answer = admin.client.post(f"{AUTH}/users/system/transfer", body)
    assert (answer.status, answer.json()) == (200, {"transferred": {"images": len(legacy)}}), answer.text
    assert sorted(alice.client.names()) == sorted([*legacy, *hers])
    assert alice.client.get(f"{IMAGES}/names").json()["total_count"] == len(legacy) + len(hers)
    assert {owner for owner, _ in items(host).values()} == {"system", alice.id, admin.id}
    by_command(host, "transfer", "--from", "system", "--to", alice.email)
    assert {owner for owner, _ in items(host).values()} == {alice.id, admin.id}
    assert set(owners(host).values()) == {alice.id, admin.id}
    mine = alice.client.get(f"{QUEUE}/status").json()["queue"]
    assert mine["completed"] == len(items(host))
    listed = alice.client.get(f"{QUEUE}/list_all").json()
    prompts = {each["request"]["positive_prompt"] for each in listed if each["request"]}
    assert prompts == {"a pear", "a plum", "a fig", "an apple"}
