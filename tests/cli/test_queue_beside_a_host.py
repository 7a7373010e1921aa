"""`invoke-host queue` and a real host with a real model: what people see, wait for and undo."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import LOCAL, PASSWORD, Result, Run
from .terminal import Terminal
from .test_real_host import command, first_line_with
from .test_users_beside_a_host import Served


@dataclass(frozen=True)
class Person:
    """Somebody with an API token, at their terminal."""

    run: Run
    host: Served
    token: str

    def __call__(self, *words: object) -> Result:
        return self.run("--root", self.host.root, "queue", *words, "--token", self.token)

    def told(self, *words: object) -> Any:
        """What a command says with --json."""
        result = self(*words, "--json")
        assert result.code == 0, result.err
        return json.loads(result.out)

    def enqueue(self, count: int = 1, **wish: object) -> list[int]:
        """Ids of new items."""
        body = {"positive_prompt": "a red apple", "steps": 2, "count": count} | wish
        answer = self.host.ask("POST", "/queue/default/generate", body, token=self.token)
        assert answer.status == 201, answer
        return list(answer.body["item_ids"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A host with local accounts: Ann, an administrator, Bob and Cem."""
    root = tmp_path_factory.mktemp("served")
    (root / "invoke-host.toml").write_text(LOCAL + "[auth.throttle]\nfree_failures = 1000\n")
    for name, *more in (("ann", "--admin"), ("bob",), ("cem",)):
        words = ("users", "add", "-e", f"{name}@example.com", "-n", name.title(), "-p", PASSWORD, *more)
        subprocess.run(command(root, *words), check=True)
    process = subprocess.Popen(command(root, "serve", "--port", "0"), stderr=subprocess.PIPE, text=True)
    try:
        yield Served(root, str(first_line_with(process, "host_started")["url"]))
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def tokens(served: Served) -> dict[str, str]:
    """An API token of each."""
    found = {}
    for name in ("ann", "bob", "cem"):
        session = served.log_in(f"{name}@example.com").body["token"]
        scopes = ["read", "generate", "manage-own", *(["admin"] if name == "ann" else [])]
        made = served.ask("POST", "/auth/tokens", {"name": "cli", "scopes": scopes}, token=session)
        assert made.status == 201, made
        found[name] = made.body["token"]
    return found


@pytest.fixture
def people(run: Run, served: Served, tokens: dict[str, str]) -> Iterator[tuple[Person, Person, Person]]:
    """Ann, Bob and Cem before a queue that is empty and paused."""
    ann, bob, cem = (Person(run, served, token) for token in tokens.values())
    assert ann("clear", "--force").code == 0
    assert ann("pause").code == 0
    yield ann, bob, cem
    assert ann("clear", "--force").code == 0
    assert ann("resume").code == 0


People = tuple[Person, Person, Person]


def test_everybody_sees_whose_turn_it_is_and_only_their_own_words(people: People) -> None:
    ann, bob, cem = people
    [mine, _] = bob.enqueue(2)
    [other] = cem.enqueue(positive_prompt="a secret pear")
    assert bob("status").out.startswith("queue default: 2/3 (yours/all that runs or waits)\n")
    rows = bob.told("list")
    assert [row["item_id"] for row in rows[:2]] == [mine, mine + 1]
    assert "secret" not in bob("show", other).out
    assert "another's" in bob("show", other).out
    assert "a secret pear" in cem("show", other).out
    assert [row["user_display_name"] for row in ann.told("list")] == ["Bob", "Bob", "Cem"]
    assert [row["item_id"] for row in bob.told("list", "--mine", "--status", "pending")] == [mine, mine + 1]


def test_a_paused_queue_says_so_and_only_administrators_resume_it(people: People) -> None:
    ann, bob, _ = people
    bob.enqueue()
    assert "paused: nothing of this queue is started" in bob("status").out
    refused = bob("resume")
    assert (refused.code, refused.err.startswith("error: ")) == (4, True)
    assert ann.told("resume")["is_started"] is True
    assert bob("watch").code == 0


def test_who_comes_later_with_one_picture_is_before_the_second_of_many(people: People) -> None:
    ann, bob, cem = people
    many = bob.enqueue(3)
    [one] = cem.enqueue()
    assert ann("resume").code == 0
    assert bob("watch").code == 0
    rows = sorted(ann.told("list", "--all"), key=lambda row: str(row["started_at"]))
    order = [row["item_id"] for row in rows]
    assert order.index(one) < order.index(many[1])


def test_positions_count_over_all_users(people: People) -> None:
    ann, bob, cem = people
    many = bob.enqueue(3)
    [one] = cem.enqueue()
    assert bob("pause", "--mine").out == "paused your items\n"
    assert "paused by you" in bob("status").out
    assert ann("resume").code == 0
    assert cem("watch").code == 0
    assert [row["status"] for row in bob.told("list", "--mine")] == ["pending"] * 3
    assert bob("resume", "--mine").code == 0
    assert bob("watch").code == 0
    assert [bob.told("show", each)["status"] for each in many] == ["completed"] * 3
    assert cem.told("show", one)["status"] == "completed"


def test_watch_prints_the_pictures_of_a_batch_in_json_too(people: People) -> None:
    ann, bob, _ = people
    [first, second] = bob.enqueue(2)
    batch = bob.told("show", first)["batch_id"]
    assert ann("resume").code == 0
    names = bob("watch", "--batch", batch).out.split()
    assert len(names) == 2
    again = [json.loads(line) for line in bob("watch", "--batch", batch, "--json").out.splitlines()]
    assert [(row["item_id"], row["status"]) for row in again] == [(first, "completed"), (second, "completed")]
    assert [name for row in again for name in row["image_names"]] == names
    assert bob("watch", "--batch", "b-9").code == 3


def test_canceled_items_are_retried_once(people: People) -> None:
    _, bob, cem = people
    [one, two] = bob.enqueue(2)
    [other] = cem.enqueue()
    assert bob("cancel", other).code == 4
    assert bob("cancel", one, two).out == "canceled 2 items\n"
    again = bob.told("retry", one)
    assert [row["item_id"] for row in again] == [one]
    assert bob("retry", one).out == f"enqueued 0 items again\nitem {one} was passed over\n"
    assert bob("retry", 999_999).out.startswith("enqueued 0 items again")
    assert bob("cancel", "--mine").out == "canceled 1 item\n"
    assert cem.told("status")["queue"]["user_pending"] == 1


def test_removing_reaches_ones_own_and_for_administrators_everybodys(people: People) -> None:
    ann, bob, cem = people
    [mine] = bob.enqueue(destination="here")
    cem.enqueue(2, destination="here")
    assert bob("delete", "--destination", "here").out == "removed 1 item\n"
    assert bob("show", mine).code == 3
    assert bob("clear", "--force").out == "removed 0 items\n"
    assert ann("delete", "--waiting").out == "removed 2 items\n"
    assert ann("prune").out == "removed 0 items\n"


def test_an_unknown_item_and_an_unknown_queue(people: People) -> None:
    _, bob, _ = people
    assert bob("show", 999_999).code == 3
    assert bob("list", "--queue", "nightly").out == "nothing runs or waits\n"


def test_watching_outlives_the_death_of_the_host(run: Run, tmp_path: Path) -> None:
    """In single-user mode: no token is asked for."""
    root = tmp_path / "single"
    root.mkdir()

    def serve(port: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(command(root, "serve", "--port", port), stderr=subprocess.PIPE, text=True)
        return process, str(first_line_with(process, "host_started")["url"])

    host, url = serve("0")
    try:
        wish = {"positive_prompt": "x", "steps": 30, "count": 2}
        answer = Served(root, url).ask("POST", "/queue/default/generate", wish)
        words = ("queue", "watch", "--url", url, "--batch", answer.body["batch"]["batch_id"])
        watching = subprocess.Popen(
            command(root, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        assert watching.stdout is not None
        assert watching.stdout.readline().endswith(".png\n")
        host.kill()
        host.communicate()
        host, _ = serve(url.rpartition(":")[2])
        out, err = watching.communicate(timeout=120)
        assert (watching.returncode, len(out.split()), err) == (0, 1, "")
    finally:
        host.kill()
        host.communicate()


def test_a_terminal_shows_a_bar_and_then_the_pictures(people: People) -> None:
    ann, bob, _ = people
    bob.enqueue(2, steps=10)
    words = command(bob.host.root, "queue", "watch")
    os.environ["INVOKE_HOST_TOKEN"] = bob.token
    try:
        with Terminal(["env", "TERM=xterm", *words], root=bob.host.root) as terminal:
            terminal.expect("waiting")  # it has listed what there is to watch; before, it says "starting"
            assert ann("resume").code == 0
            assert terminal.end() == 0
    finally:
        del os.environ["INVOKE_HOST_TOKEN"]
    assert terminal.screen.count(".png") == 2
    assert "%" in terminal.screen
