"""Whatever happens to images, in whatever order: counters, search, texts and boards agree with the rows."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, update

from invoke_host.access.engine import AccessEngine
from invoke_host.images.drift import drift
from invoke_host.images.search.tables import image_search
from invoke_host.images.tables import image_counts, images
from invoke_host.storage import Storage
from tests.images.conftest import Gallery
from tests.images.history import History

FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=25, deadline=None, suppress_health_check=FIXTURES)
@given(st.integers(0, 2**32), st.integers(5, 40))
def test_nothing_drifts_through_any_history(gallery: Gallery, access: AccessEngine, seed: int, length: int) -> None:
    go_through(History(gallery, access, Random(seed)), length)


@settings(max_examples=8, deadline=None, suppress_health_check=FIXTURES)
@given(st.integers(0, 2**32), st.integers(5, 40))
def test_nothing_drifts_on_postgresql_either(
    postgres_gallery: Gallery, access: AccessEngine, seed: int, length: int
) -> None:
    go_through(History(postgres_gallery, access, Random(seed)), length)


def go_through(history: History, length: int) -> None:
    done: list[str] = []
    for _ in range(length):
        done.append(history.step())
        found = history.gallery.storage.run_read(drift)
        assert found == [], f"after {done}"


def test_drift_sees_each_kind_of_error(each_gallery: Gallery) -> None:
    names = each_gallery.add_rows(3, metadata='{"positive_prompt": "a pear"}')
    storage = each_gallery.storage

    def ids(conn: Connection) -> list[int]:
        return [row.id for row in conn.execute(images.select().where(images.c.name.in_(names)).order_by(images.c.id))]

    first, second, third = storage.run_read(ids)
    for change, expected in (
        (update(image_counts).values(count=7), "image_counts says 7"),
        (delete(image_search).where(image_search.c.rowid == first), f"image_search has None for image {first},"),
        (
            update(images).where(images.c.id == second).values(deleted_at="2026-11-23 06:00:00.000"),
            f"for image {second}, which is None",
        ),
        (update(images).where(images.c.id == third).values(starred=True), "_s1 "),
    ):
        write(storage, change)
        assert any(expected in line for line in storage.run_read(drift)), expected


def write(storage: Storage, statement: object) -> None:
    storage.run_write(lambda conn: conn.execute(statement).close())
