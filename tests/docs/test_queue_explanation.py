"""docs/explanation/queue.md: the turns that it shows are those that the scheduler takes."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Connection, insert, select

from invoke_host.api import Actor
from invoke_host.queue.store.enqueue import NewBatch, enqueue
from invoke_host.queue.store.new_items import NewItem, new_items
from invoke_host.queue.tables import queue_lanes, queue_rates
from invoke_host.storage import Storage
from invoke_host.testing.clock import FakeClock
from tests.queue.conftest import ALICE, BOB, CAROL, Line, add_users

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "queue.md").read_text()

PEOPLE = {"Ann": ALICE, "Bob": BOB, "Cem": CAROL}

SECOND_US = 1_000_000


def ask(line: Line, who: Actor, count: int, seconds: int) -> None:
    """Enqueue pictures that are expected to take so long each."""
    batch = NewBatch("default", str(who.id), None, None, prepend=False, idempotency_key=None, request_sha256="")
    items = new_items((NewItem(f'{{"seed":{seed}}}', "toy", float(seconds)) for seed in range(count)), {})
    line.storage.run_write(enqueue, batch, items, max_size=100, now=line.now())


def know_the_rate(conn: Connection) -> None:
    """A unit of work takes a second."""
    conn.execute(insert(queue_rates).values(model="toy", us_per_work=SECOND_US, work=1.0))


def clocks(conn: Connection) -> dict[str, int]:
    """Of the lanes that there are, in seconds."""
    rows = conn.execute(select(queue_lanes.c.user_id, queue_lanes.c.vtime_us))
    return {user_id: us // SECOND_US for user_id, us in rows}


def turns(storage: Storage) -> list[list[str]]:
    """What the scheduler does, in the cells of the page's table."""
    storage.run_write(add_users)
    storage.run_write(know_the_rate)
    line = Line(storage, FakeClock())
    ask(line, ALICE, 3, 8)
    ask(line, BOB, 6, 2)
    rows: list[list[str]] = []
    while True:
        if len(rows) == 3:
            ask(line, CAROL, 1, 2)
        item = line.claim()
        if item is None:
            return rows
        now = storage.run_read(clocks)
        whose = next(name for name, actor in PEOPLE.items() if actor.id == item.user_id)
        takes = f"{(item.estimated_us or 0) // SECOND_US} s"
        cells = [str(now.get(str(actor.id), "")) for actor in PEOPLE.values()]
        rows.append([str(len(rows) + 1), whose, takes, *cells])


def test_the_turns_on_the_page_are_those_of_the_scheduler(storage: Storage) -> None:
    section = PAGE.partition("## Who is next")[2].partition("\n### ")[0]
    shown = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if re.match(r"\| \d+ \|", line)
    ]
    assert shown == turns(storage)
