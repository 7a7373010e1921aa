"""Many at once: nobody is refused by the database, nothing drifts, and no image is on a board that is gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from invoke_host.access.engine import AccessEngine
from invoke_host.images.drift import drift
from tests.images.conftest import Gallery
from tests.images.history import History

WRITERS = 8

#: Each of so many writers; few images and boards, so that they meet.
STEPS = 60


@pytest.mark.parametrize("seed", range(3))
def test_writers_at_once_on_postgresql_neither_block_nor_spoil_each_other(
    postgres_gallery: Gallery, access: AccessEngine, seed: int
) -> None:
    names: list[str] = []
    boards: list[str] = []

    def write(number: int) -> list[str]:
        # What happens to whole users locks those; it is no race of clients.
        history = History(
            postgres_gallery, access, Random(seed * 100 + number), names, boards, frozenset({"transfer", "purge_user"})
        )
        return [history.step() for _ in range(STEPS)]

    with ThreadPoolExecutor(WRITERS) as threads:
        done = [step for steps in threads.map(write, range(WRITERS)) for step in steps]

    assert len(done) == WRITERS * STEPS
    assert {"place", "discard", "restore", "delete_board", "star"} <= set(done)
    assert postgres_gallery.storage.run_read(drift) == []
