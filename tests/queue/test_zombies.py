"""F-10: a holder that stood still until its lease had run out comes back with its picture, while another one makes it.

Two dispatchers on one database, each with a clock and a painter of its own, as two hosts have.
"""

from __future__ import annotations

import asyncio

import pytest

from invoke_host.queue.dispatcher import Dispatcher
from invoke_host.queue.store import lease
from invoke_host.testing.clock import FakeClock

from .conftest import ALICE, Line
from .painter import Painter
from .works import Emitted, Works, stored_pictures, working

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("first_home", ["the zombie", "the new owner"])
async def test_f_10_a_zombie_stores_nothing_and_the_new_owner_stores_one_picture(
    each_line: Line, blobs, models, access, log, monkeypatch, first_home: str
) -> None:
    line = each_line
    async with working(line, blobs, models, access, log) as works:
        dispatcher = works.dispatcher

        async def stands_still() -> None:
            """It neither renews nor looks, while its worker goes on."""

        monkeypatch.setattr(dispatcher, "_stop_lost", stands_still)
        monkeypatch.setattr(dispatcher, "_renew", stands_still)
        works.painter.open.clear()
        item_id = line.add(ALICE).item_ids[0]
        old = await works.painter.begun.get()
        works.painter.places = 0  # it claims nothing more
        line.storage.run_write(lease.renew, [old.id], lease_s=-3 * 30.0)

        clock, painter = FakeClock(), Painter()
        painter.open.clear()
        other = Dispatcher(line.storage, blobs, painter, models, clock, Emitted(), log, poll_s=0.05)
        other.start()
        try:
            await asyncio.sleep(0)  # its loops begin
            clock.advance(30)  # time to look for leases that ran out
            new = await asyncio.wait_for(painter.begun.get(), 20)
            assert new.id != old.id
            assert line.item(item_id).attempt == 2
            first, second = (works.painter, painter)[:: 1 if first_home == "the zombie" else -1]
            first.open.set()
            await _home(works, other, zombie=first is works.painter)
            if first is works.painter:
                assert line.item(item_id).lease_token == new.id
                assert line.storage.run_read(stored_pictures) == []
                assert {found.key for found in blobs.iter()} == set()
            second.open.set()
            await works.until(item_id, "completed")
            await works.idle()
        finally:
            painter.open.set()
            await other.stop(10.0)
    ((owner, index, _),) = line.storage.run_read(stored_pictures)
    assert (owner, index, line.item(item_id).attempt) == (item_id, 0, 2)
    works.check_files_match_rows()


async def _home(works: Works, other: Dispatcher, *, zombie: bool) -> None:
    """Return when that one has nothing in hand any more."""
    async with asyncio.timeout(20):
        if zombie:
            await works.idle()
        while not zombie and other.running:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
