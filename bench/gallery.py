"""A million images of 200 users on 2,000 boards: what a page, a search and the names of a big board cost the server.

Each is measured as the unit of work that a request runs, on the data of `bench.gallery_data`, for a user who sees 300
boards and for one who sees little. Beside each is the query that one would write first, with OFFSET and COUNT, on the
same data with the same predicate: `naive` says how many times longer it takes.

The ordinary run makes 100,000 images in a temporary folder. `BENCH_GALLERY_SIZE` sets another number,
`BENCH_GALLERY_DIR` a folder in which the data is kept for the next run.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, func, or_, select

from bench.gallery_data import COMMON, RARE, GalleryData, make
from bench.measure import report
from invoke_host.access.engine import AccessEngine
from invoke_host.access.policies import BUILTIN
from invoke_host.api import Actor, UserId
from invoke_host.boards import rows as boards
from invoke_host.boards.query import ListQuery as BoardsQuery
from invoke_host.images import listing
from invoke_host.images.access import VIEW
from invoke_host.images.query import Cursor, Filters, ListQuery, Order
from invoke_host.images.tables import image_texts, images
from invoke_host.storage import Storage
from invoke_host.testing.storage import sqlite_backend
from invoke_host.vocabulary import ACTIONS, RESOURCES

SIZE = 100_000
ROUNDS = 200
NAIVE_ROUNDS = 3
PAGE = 50

BAR_PAGE_MS = 5
BAR_DEPTH = 1.2
BAR_BOARDS_MS = 20
BAR_SEARCH_MS = 10
BAR_NAMES_MS = 60

Unit = Callable[[Connection], Any]


def main() -> dict[str, Any]:
    """Make the data or take it as it is, measure, print the line."""
    size = int(os.environ.get("BENCH_GALLERY_SIZE", SIZE))
    kept = os.environ.get("BENCH_GALLERY_DIR")
    with tempfile.TemporaryDirectory() as folder:
        data = make(Path(kept or folder), size)
        with Storage(sqlite_backend(data.folder), log=structlog.get_logger("bench")) as storage:
            return _measure(storage, data)


def _measure(storage: Storage, data: GalleryData) -> dict[str, Any]:
    access = AccessEngine(ACTIONS, RESOURCES, [policy() for policy in BUILTIN])
    much = Actor(UserId(data.much), "user", groups=data.much_groups)
    little = Actor(UserId(data.little), "user")
    cases: dict[str, tuple[Unit, Unit | None]] = {}
    for who, actor in (("much", much), ("little", little)):
        for starred_first in (True, False):
            order = Order(True, starred_first)
            for depth, share in (("first", 1.0), ("deep", 0.1)):
                name = f"list_{who}_{depth}{'_starred_first' if starred_first else ''}"
                cases[name] = _page(access, actor, order, _cursor(order, int(data.size * share), share < 1))
        for word, term in (("common", COMMON), ("rare", RARE), ("day", "2026-01")):
            cases[f"search_{who}_{word}"] = _search(access, actor, term)
        cases[f"boards_{who}"] = _boards(access, actor)
    cases["names"] = _names(access, much, data.big_board)
    measured = {name: _times(storage, unit, ROUNDS) for name, (unit, _) in cases.items()}
    naive = {
        name: statistics.median(_times(storage, unit, NAIVE_ROUNDS)) / statistics.median(measured[name])
        for name, (_, unit) in cases.items()
        if unit is not None
    }
    return _report(data, measured, naive)


def _page(access: AccessEngine, actor: Actor, order: Order, cursor: Cursor | None) -> tuple[Unit, Unit]:
    query = ListQuery(Filters(is_intermediate=False), order, PAGE, 0, cursor)

    def unit(conn: Connection) -> Any:
        return listing.walked_page(conn, access, actor, query)

    def naive(conn: Connection) -> Any:
        seen = select(images).where(access.predicate(actor, VIEW.name), images.c.is_intermediate.is_(False))
        by = [images.c.starred.desc()] if order.starred_first else []
        total = conn.scalar(select(func.count()).select_from(seen.subquery())) or 0
        offset = int(total * 0.9) if cursor else 0
        return conn.execute(seen.order_by(*by, images.c.created_at.desc()).limit(PAGE).offset(offset)).all()

    return unit, naive


def _cursor(order: Order, at: int, deep: bool) -> Cursor | None:
    return Cursor(order, False, at) if deep else None


def _search(access: AccessEngine, actor: Actor, term: str) -> tuple[Unit, Unit]:
    query = ListQuery(Filters(search=term, is_intermediate=False), Order(), PAGE)

    def unit(conn: Connection) -> Any:
        return listing.walked_page(conn, access, actor, query)

    def naive(conn: Connection) -> Any:
        found = (
            select(images)
            .join(image_texts, image_texts.c.image_id == images.c.id)
            .where(
                access.predicate(actor, VIEW.name),
                images.c.is_intermediate.is_(False),
                or_(image_texts.c.metadata.icontains(term), images.c.created_at.contains(term)),
            )
        )
        conn.scalar(select(func.count()).select_from(found.subquery()))
        return conn.execute(found.order_by(images.c.starred.desc(), images.c.created_at.desc()).limit(PAGE)).all()

    return unit, naive


def _boards(access: AccessEngine, actor: Actor) -> tuple[Unit, None]:
    query = BoardsQuery(limit=1000)

    def unit(conn: Connection) -> Any:
        return boards.page(conn, access, actor, query)

    return unit, None


def _names(access: AccessEngine, actor: Actor, board_id: str) -> tuple[Unit, Unit]:
    def unit(conn: Connection) -> Any:
        return listing.names(conn, access, actor, Filters(board_id=board_id), Order())

    def naive(conn: Connection) -> Any:
        seen = select(images.c.name).where(access.predicate(actor, VIEW.name), images.c.board_id == board_id)
        return conn.scalars(seen.order_by(images.c.starred.desc(), images.c.created_at.desc())).all()

    return unit, naive


def _times(storage: Storage, unit: Unit, rounds: int) -> list[float]:
    """Milliseconds of each run, the first, which compiles, left out."""
    storage.run_read(unit)
    times: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        storage.run_read(unit)
        times.append((time.perf_counter() - started) * 1000)
    return times


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def _report(data: GalleryData, measured: dict[str, list[float]], naive: dict[str, float]) -> dict[str, Any]:
    def worst(start: str) -> float:
        return max(_p99(times) for name, times in measured.items() if name.startswith(start))

    depths = [
        statistics.median(measured[name]) / statistics.median(measured[name.replace("_deep", "_first")])
        for name in measured
        if "_deep" in name
    ]
    return report(
        "gallery",
        {
            "list of 50, p99, ms": (worst("list_"), "<=", BAR_PAGE_MS),
            "deep / first": (max(depths), "<=", BAR_DEPTH),
            "boards with counts, p99, ms": (worst("boards_"), "<=", BAR_BOARDS_MS),
            "search, p99, ms": (worst("search_"), "<=", BAR_SEARCH_MS),
            "names of the big board, p99, ms": (worst("names"), "<=", BAR_NAMES_MS),
        },
        images=data.size,
        median_ms={name: statistics.median(times) for name, times in measured.items()},
        p99_ms={name: _p99(times) for name, times in measured.items()},
        naive=naive,
    )


if __name__ == "__main__":
    main()
