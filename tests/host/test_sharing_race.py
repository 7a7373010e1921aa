"""Several clients of two users change the same boards and pictures at the same time, as fast as they can.

Whatever they do to each other: no answer is a failure of the host (the client of these tests checks each), no picture
hangs on a board that is gone, nothing is counted wrongly, and everything that was not purged is still there.
"""

from __future__ import annotations

import http.client
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from invoke_storage_sqlite import SqliteBackend

from invoke_host.images.drift import drift
from invoke_host.storage import Storage
from invoke_host.testing.client import Answer

from .accounts import Person, Team, add, start_team
from .client import CaseInsensitive, Client
from .uploading import BOARDS, IMAGES, new_board, upload

OPERATIONS = 2_500
LONG = 10_000
CLIENTS = 4

#: What may come of a change that somebody else was quicker with.
EXPECTED = {200, 201, 204, 400, 403, 404, 409, 422}


@dataclass
class Shared:
    """What all clients know of; a name may be gone by the time that somebody uses it."""

    people: list[Person]
    images: list[str] = field(default_factory=list)
    boards: list[str] = field(default_factory=list)
    purged: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)


class KeptClient(Client):
    """Keeps its connection, for one thread: opening thousands of them would take most of the time."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        super().__init__(url, headers)
        self._connection = http.client.HTTPConnection(self.host, self.port, timeout=30)

    def exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """As `Client.exchange`."""
        self._connection.request(method, path, body, dict(headers))
        got = self._connection.getresponse()
        return Answer(got.status, CaseInsensitive(got.getheaders()), got.read())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Racer:
    """One client: does things at random, to anybody's boards and pictures."""

    def __init__(self, shared: Shared, person: Person, other: Person, seed: int) -> None:
        self.shared, self.person, self.other = shared, person, other
        self.client = KeptClient(person.client.url, person.client.headers)
        self.random = random.Random(seed)
        self.steps: list[tuple[int, Callable[[], int]]] = [
            (20, self.move),
            (10, self.detach),
            (8, self.trash),
            (8, self.restore),
            (10, self.star),
            (8, self.grant),
            (8, self.revoke),
            (6, self.change_board),
            (3, self.delete_board),
            (3, self.make_board),
            (2, self.purge),
            (2, self.add),
        ]

    def run(self, times: int) -> None:
        weights = [weight for weight, _ in self.steps]
        for _ in range(times):
            [(_, step)] = self.random.choices(self.steps, weights)
            status = step()
            assert status in EXPECTED, (step.__name__, status)
            self.shared.answers[step.__name__, status] += 1

    def some(self) -> list[str]:
        return self.random.sample(self.shared.images, min(len(self.shared.images), self.random.randint(1, 5)))

    def board(self) -> str:
        return self.random.choice(self.shared.boards)

    def move(self) -> int:
        body = {"board_id": self.board(), "image_names": self.some()}
        return self.client.post("/api/v1/board_images/batch", body).status

    def detach(self) -> int:
        return self.client.post("/api/v1/board_images/batch/delete", {"image_names": self.some()}).status

    def trash(self) -> int:
        return self.client.post(f"{IMAGES}/delete", {"image_names": self.some()}).status

    def restore(self) -> int:
        return self.client.post(f"{IMAGES}/trash/restore", {"image_names": self.shared.images}).status

    def star(self) -> int:
        word = self.random.choice(["star", "unstar"])
        return self.client.post(f"{IMAGES}/{word}", {"image_names": self.some()}).status

    def grant(self) -> int:
        role = self.random.choice(["viewer", "contributor", "editor"])
        return self.client.put(f"{BOARDS}/{self.board()}/grants", {"user_id": self.other.id, "role": role}).status

    def revoke(self) -> int:
        board = self.board()
        found = self.client.get(f"{BOARDS}/{board}/grants")
        if found.status != 200 or not found.json()["grants"]:
            return self.client.delete(f"{BOARDS}/{board}/grants/mine").status
        return self.client.delete(f"{BOARDS}/{board}/grants/{found.json()['grants'][0]['id']}").status

    def change_board(self) -> int:
        visibility = self.random.choice(["private", "shared", "public"])
        change = {"board_visibility": visibility, "board_name": f"called {self.random.random()}"}
        return self.client.patch(f"{BOARDS}/{self.board()}", change).status

    def delete_board(self) -> int:
        with self.shared.lock:
            if len(self.shared.boards) < 4:
                return 200
            board = self.shared.boards.pop(self.random.randrange(len(self.shared.boards)))
        status = self.client.delete(f"{BOARDS}/{board}?include_images={self.random.choice(['true', 'false'])}").status
        if status != 200:
            with self.shared.lock:
                self.shared.boards.append(board)
        return status

    def make_board(self) -> int:
        board = new_board(self.client)
        with self.shared.lock:
            self.shared.boards.append(board)
        return 201

    def purge(self) -> int:
        answer = self.client.post(f"{IMAGES}/trash/purge", {"image_names": self.some()[:1]})
        if answer.status == 200:
            gone = set(answer.json()["purged_images"])
            with self.shared.lock:
                self.shared.purged |= gone
                self.shared.images = [name for name in self.shared.images if name not in gone]
        return answer.status

    def add(self) -> int:
        name = upload(self.client)
        with self.shared.lock:
            self.shared.images = [*self.shared.images, name]
        return 201


def race(team: Team, operations: int, *, seed: int) -> Shared:
    """Let them run; what they knew at the end."""
    people = [add(team.admin, "alice"), add(team.admin, "bob")]
    shared = Shared(people)
    for person in people:
        shared.images += [upload(person.client) for _ in range(20)]
        shared.boards += [new_board(person.client) for _ in range(4)]
    racers = [Racer(shared, people[number % 2], people[(number + 1) % 2], seed + number) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        for future in [pool.submit(racer.run, operations // CLIENTS) for racer in racers]:
            future.result()
    for racer in racers:
        racer.client.close()
    return shared


@pytest.mark.parametrize("operations", [OPERATIONS, pytest.param(LONG, marks=pytest.mark.soak)])
def test_clients_that_race_never_break_anything(tmp_path: Path, operations: int) -> None:
    team = start_team(tmp_path / "root")
    shared = race(team, operations, seed=5)
    log = team.host.log
    team.host.end()
    assert "Traceback" not in log
    done: Counter[str] = Counter()
    for (step, status), count in shared.answers.items():
        done[step] += count if status < 300 else 0
    assert all(done[step] for step in ("move", "trash", "restore", "grant", "revoke", "delete_board", "purge")), done

    database = tmp_path / "root" / "invoke-host.db"
    with Storage(SqliteBackend(database), log=structlog.get_logger()) as storage:
        assert storage.run_read(drift) == []
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        there = {name for (name,) in connection.execute("SELECT name FROM images")}
    assert there == set(shared.images), "what was not purged is there, and nothing else"
    blobs = tmp_path / "root" / "blobs"
    assert {file.name for file in (blobs / "images").rglob("*.png")} == there
