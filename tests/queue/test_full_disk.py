"""F-15 inside the dispatcher: on a disk that takes nothing, nothing is begun, and what failed of it goes back."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections import Counter
from typing import Any

import pytest

from invoke_host.ops.checks import own_checks
from invoke_host.queue.disk import BELIEVED_S, BLAME_S, DiskWatch
from invoke_host.storage.blobs import MARKER, FilesystemBlobStore
from invoke_host.testing.clock import FakeClock

from .conftest import ALICE, Line
from .painter import Painter
from .works import working

pytestmark = pytest.mark.timeout(60)

FULL = "no room: 0 MiB are left"


async def test_f_15_what_fails_on_a_full_disk_waits_and_is_made_when_there_is_room(
    each_line: Line, blobs, models, access, log, monkeypatch
) -> None:
    line, adopt = each_line, blobs.adopt
    tried = Counter[str]()

    def refuse(*args: Any) -> None:
        tried["adopt"] += 1
        monkeypatch.setattr(blobs, "trouble", lambda: FULL)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(blobs, "adopt", refuse)
    async with working(line, blobs, models, access, log) as works:
        ids = line.add(ALICE, 3).item_ids
        async with asyncio.timeout(10):
            while "nothing is begun" not in (await works.dispatcher.health()).detail:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await works.idle()
        assert [(line.item(item_id).status, line.item(item_id).attempt) for item_id in ids] == [("pending", 0)] * 3
        assert tried["adopt"] <= len(ids)  # none of them was tried again on the full disk
        assert (await works.dispatcher.health()).status == "degraded"
        monkeypatch.setattr(blobs, "adopt", adopt)
        monkeypatch.setattr(blobs, "trouble", lambda: "")
        for item_id in ids:
            assert (await works.until(item_id, "completed")).attempt == 1
        await works.idle()
    works.check_files_match_rows()


async def test_well_is_believed_for_a_moment_trouble_never_and_blamed_for_a_while(
    blobs: FilesystemBlobStore, log, monkeypatch
) -> None:
    clock, asked, answer = FakeClock(), Counter[str](), [""]

    def trouble() -> str:
        asked["trouble"] += 1
        return answer[0]

    monkeypatch.setattr(blobs, "trouble", trouble)
    watch = DiskWatch(blobs, clock, log)
    assert [await watch.trouble() for _ in range(5)] == [""] * 5
    assert asked["trouble"] == 1
    answer[0] = FULL
    assert await watch.trouble() == ""
    clock.advance(BELIEVED_S)
    assert [await watch.trouble() for _ in range(3)] == [FULL] * 3
    assert asked["trouble"] == 4
    answer[0] = ""
    assert await watch.is_to_blame()
    clock.advance(BLAME_S)
    assert not await watch.is_to_blame()


async def test_a_full_or_unmounted_disk_is_red(blobs: FilesystemBlobStore, line: Line, monkeypatch) -> None:
    [check] = [check for check in own_checks(line.storage.backend, blobs, Painter()) if check.name == "disk"]
    assert (await check.run()).status in ("ok", "degraded")
    usage = shutil.disk_usage("/")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=31 * 1024**2))
        answer = await check.run()
        assert (answer.status, "31 MiB are left, 32 are needed" in answer.detail) == ("failed", True)
    (blobs.path("x").parent / MARKER).unlink()
    answer = await check.run()
    assert (answer.status, "is the disk mounted?" in answer.detail) == ("failed", True)
