"""A large shared gallery in a SQLite file: users, groups, boards, grants, images with counters, texts and index.

The same `size` and `seed` give the same rows. Two readers are made for measuring: `much` sees 300 boards by all ways
there are (own, shared, granted to them, granted to a group), `little` owns 40 images and sees what all see.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from invoke_host.clock import timestamp
from invoke_host.images.search.words import place_words, words_of
from invoke_host.testing.storage import DATABASE, migrate_backend, sqlite_backend

USERS = 200
BOARDS = 2000
SHARED = 20
GROUPS = 20
SEEN = 300
STARRED = 0.02
DAYS = 730
#: Of a million; a smaller gallery has a smaller one.
BIG_BOARD = 20_000

COMMON = "portrait"
RARE = "xylograph"

_INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'images' AND sql IS NOT NULL"
_CHUNK = 5000
_START = datetime(2024, 11, 23, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class GalleryData:
    """What was made: the file's folder, the two readers with their groups, and the board to read whole."""

    folder: Path
    size: int
    much: str
    much_groups: frozenset[str]
    little: str
    big_board: str


def make(folder: Path, size: int, seed: int = 1) -> GalleryData:
    """A migrated database in `folder` (made if need be) with `size` images; an existing one is taken as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = _Plan(size, seed)
    if not (folder / DATABASE).exists():
        migrate_backend(sqlite_backend(folder))
        with closing(sqlite3.connect(folder / DATABASE)) as database:
            database.execute("PRAGMA synchronous = OFF")
            database.execute("PRAGMA cache_size = -200000")
            with database:
                plan.people(database)
                plan.images(database)
            database.execute("ANALYZE")
    return GalleryData(folder, size, plan.users[0], frozenset(plan.much_groups), plan.users[1], plan.boards[0])


@dataclass(frozen=True, slots=True)
class _Row:
    """An image as the search index asks for its place."""

    user_id: str
    board_id: str | None
    origin: str
    category: str
    is_intermediate: bool
    starred: bool
    created_at: str


class _Plan:
    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.random = Random(seed)
        self.users = [self._id() for _ in range(USERS)]
        self.groups = [self._id() for _ in range(GROUPS)]
        self.boards = [self._id() for _ in range(BOARDS)]
        # The first reader owns one board in 200, as all do; the second owns none.
        self.owners = [self.users[self._owner(number)] for number in range(BOARDS)]
        self.much_groups = self.groups[:2]
        self.vocabulary = self._words(4000)

    def _owner(self, number: int) -> int:
        owner = number % USERS
        return owner if owner != 1 else 2

    def _id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _words(self, count: int) -> list[str]:
        syllables = [first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou"]
        return ["".join(self.random.choices(syllables, k=self.random.randint(2, 4))) for _ in range(count)]

    def people(self, database: sqlite3.Connection) -> None:
        """Users, groups, boards and grants."""
        now = timestamp(_START)
        database.executemany(
            "INSERT INTO users (id, email, display_name, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
            [(user, f"user{n}@example.org", f"User {n}", now, now) for n, user in enumerate(self.users)],
        )
        database.executemany(
            "INSERT INTO groups (id, name, name_key, description, created_at, updated_at) VALUES (?, ?, ?, '', ?, ?)",
            [(group, f"group {n}", f"group {n}", now, now) for n, group in enumerate(self.groups)],
        )
        members = {
            (group, user) for n, group in enumerate(self.groups) for user in self.random.sample(self.users[2:], 20)
        }
        members |= {(group, self.users[0]) for group in self.much_groups}
        database.executemany("INSERT INTO group_members VALUES (?, ?, ?)", [(*pair, now) for pair in sorted(members)])
        database.executemany(
            "INSERT INTO boards (id, name, user_id, visibility, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    board,
                    f"board {n}",
                    self.owners[n],
                    self._visibility(n),
                    timestamp(_START + timedelta(minutes=n)),
                    now,
                )
                for n, board in enumerate(self.boards)
            ],
        )
        grants = [(board, user, group, "viewer", now, now) for board, user, group in self._grants()]
        database.executemany(
            "INSERT INTO board_grants (board_id, user_id, group_id, role, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            grants,
        )

    def _visibility(self, number: int) -> str:
        # Boards 100 to 119: neither those of the first reader nor the big one.
        return ("shared", "public")[number % 2] if 100 <= number < 100 + SHARED else "private"

    def _grants(self) -> Iterator[tuple[str, str | None, str | None]]:
        others = [n for n in range(BOARDS) if self.owners[n] != self.users[0] and self._visibility(n) == "private"]
        own = BOARDS - len([n for n in range(BOARDS) if self.owners[n] != self.users[0]])
        wanted = self.random.sample(others, SEEN - own - SHARED)
        by_group = len(wanted) // 3
        for place, number in enumerate(wanted):
            group = self.much_groups[place % 2] if place < by_group else None
            yield self.boards[number], None if group else self.users[0], group
        for user in self.users[2:]:
            for number in self.random.sample(others, 15):
                if self.owners[number] != user:
                    yield self.boards[number], user, None
        for group in self.groups[2:]:
            for number in self.random.sample(others, 30):
                yield self.boards[number], None, group

    def images(self, database: sqlite3.Connection) -> None:
        """Images in order of time, their texts, counters and index; the table's own indexes are made at the end."""
        indexes = database.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        counts: Counter[tuple[Any, ...]] = Counter()
        days: Counter[tuple[Any, ...]] = Counter()
        newest: dict[tuple[Any, ...], int] = {}
        chunk: list[tuple[int, _Row, str]] = []
        for number, (row, metadata) in enumerate(self._rows(), start=1):
            counts[(row.user_id, row.board_id or "none", row.category, row.is_intermediate, row.starred)] += 1
            day = (row.user_id, row.board_id or "none", row.created_at[:10], row.category, row.is_intermediate)
            days[day] += 1
            newest[day] = number
            chunk.append((number, row, metadata))
            if len(chunk) == _CHUNK or number == self.size:
                _insert(database, chunk)
                chunk.clear()
        for _, sql in indexes:
            database.execute(sql)
        database.executemany("INSERT INTO image_counts VALUES (?, ?, ?, ?, ?, ?)", [(*k, n) for k, n in counts.items()])
        database.executemany(
            "INSERT INTO image_days VALUES (?, ?, ?, ?, ?, ?, ?)", [(*k, n, newest[k]) for k, n in days.items()]
        )

    def _rows(self) -> Iterator[tuple[_Row, str]]:
        random = self.random
        big = BIG_BOARD * self.size // 1_000_000
        # A few boards have most of the images, as everywhere.
        weights = [1 / (1 + rank) ** 0.6 for rank in range(BOARDS)]
        random.shuffle(weights)
        weights[0] = 0.0
        step = timedelta(days=DAYS) / self.size
        when, board, user, left = _START, 0, 0, 0
        last = self.size - 1
        for number in range(self.size):
            when += step
            if number * big // last != (number - 1) * big // last and number:
                place: tuple[int, str | None] = (0, self.boards[0])
                user_now = self._owner(0)
            elif number * 40 // last != (number - 1) * 40 // last and number:
                place, user_now = (1, None), 1
            else:
                if left == 0:  # people work in bursts: some pictures for one board, then something else
                    left = random.randint(3, 20)
                    board = -1 if random.random() < 0.25 else random.choices(range(1, BOARDS), weights[1:])[0]
                    user = random.randrange(2, USERS) if board < 0 else self._owner(board)
                    if board >= 0 and random.random() < 0.1:
                        user = random.randrange(2, USERS)
                left -= 1
                place, user_now = (board, None if board < 0 else self.boards[board]), user
            chance = random.random()
            row = _Row(
                self.users[user_now],
                place[1],
                "external" if chance < 0.03 else "internal",
                "general" if chance > 0.06 else "user" if chance < 0.03 else "control",
                random.random() < 0.04,
                random.random() < STARRED,
                timestamp(when),
            )
            yield row, self._metadata(number)

    def _metadata(self, number: int) -> str:
        random = self.random
        # Squared: a few words are in every other prompt, most in few.
        said = [self.vocabulary[int(random.random() ** 2 * len(self.vocabulary))] for _ in range(random.randint(6, 20))]
        if random.random() < 0.3:
            said.insert(1, COMMON)
        if number % (self.size // 40) == 7:
            said.append(RARE)
        model = {"name": random.choice(["Juggernaut XL v9", "DreamShaper 8", "stable-diffusion-v1-5"])}
        found = {"positive_prompt": " ".join(said), "negative_prompt": "blurry, low quality", "model": model}
        return json.dumps({**found, "scheduler": "euler_a", "seed": random.getrandbits(32)})


def _insert(database: sqlite3.Connection, chunk: list[tuple[int, _Row, str]]) -> None:
    database.executemany(
        "INSERT INTO images (id, name, user_id, board_id, origin, category, width, height, is_intermediate, starred, "
        "sha256, size_bytes, thumbnail_sha256, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, 512, 512, ?, ?, ?, 400000, ?, ?, ?)",
        [
            (
                *(number, _name(number), row.user_id, row.board_id, row.origin, row.category),
                *(row.is_intermediate, row.starred, _digest(number), _digest(number), row.created_at, row.created_at),
            )
            for number, row, _ in chunk
        ],
    )
    database.executemany(
        "INSERT INTO image_texts (image_id, metadata) VALUES (?, ?)", [(number, text) for number, _, text in chunk]
    )
    database.executemany(
        "INSERT INTO image_search (rowid, scope, words) VALUES (?, ?, ?)",
        [(number, " ".join(place_words(row)), " ".join(words_of(text))) for number, row, text in chunk],
    )


def _digest(number: int) -> str:
    return hashlib.sha256(number.to_bytes(8, "big")).hexdigest()


def _name(number: int) -> str:
    digest = _digest(number)
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}.png"
