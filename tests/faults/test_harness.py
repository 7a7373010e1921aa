"""The kill test can fail: hosts that break one rule of the save protocol are caught (only under `make soak`).

And it knows a host that hangs from a dead one, and a failpoint that killed from one that was never passed.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from random import Random

import pytest

from .host import HostRoot, install_painter
from .oracle import Oracle
from .rounds import Faults, lane
from .user import Client

PROJECT = Path(__file__).parent.parent.parent

_ADOPT = "            await asyncio.to_thread(self._adopt, pictures)\n"
_FINISH = "            result = await self._finish(token, pictures, ending)\n"

#: What is wrong: the file, its right lines, what stands there instead, and what brings it out.
MUTANTS = {
    "files get their names without an intent": (
        "queue/save.py",
        "        await self._intend(names)\n",
        "",
        ["save.after_rename"],
    ),
    "the row comes before the file": (
        "queue/save.py",
        _ADOPT + _FINISH,
        _FINISH + _ADOPT,
        ["save.before_fsync", "save.before_rename"],
    ),
    "a purge leaves no tombstones": (
        "images/removal.py",
        "    tombstones.entomb(conn, names, now=now)\n",
        "",
        ["purge.after_commit"],
    ),
    "a start cleans nothing up": (
        "queue/recovery.py",
        "    files_removed = await asyncio.to_thread(finish_tombstones, storage, blobs)\n",
        "    files_removed = 0\n",
        ["save.after_rename"],
    ),
    "keys are not remembered": (
        "queue/store/enqueue.py",
        "            idempotency_key=batch.idempotency_key,\n",
        "            idempotency_key=None,\n",
        ["enqueue.after_commit"],
    ),
    "what a start puts back is not settled": (
        "queue/store/lease.py",
        "    settle(conn, items, now=now)\n",
        "",
        ["claim.after_commit"],
    ),
    "a finished picture does not wait for the database": (
        "queue/persist.py",
        "            log.warning(",
        "            raise\n            log.warning(",
        ["database.locked"],
    ),
    "a log that is refused is an error": (
        "ops/log_stream.py",
        "            self._refused += 1\n        return len(text)\n",
        "            raise\n        return len(text)\n",
        ["disk.full"],
    ),
}


async def test_a_host_that_hangs_is_not_taken_for_a_dead_one(tmp_path: Path) -> None:
    install_painter(tmp_path / "site")
    root = HostRoot(tmp_path / "root", tmp_path / "site")
    try:
        host = await root.start("enqueue.before_commit:stop@1", answer_s=1.0)
        with pytest.raises(AssertionError, match="the host hangs"):
            await Client(Random(1), Oracle()).use(host)
    finally:
        await root.close()


async def test_a_failpoint_counts_only_if_something_died_there_by_itself(tmp_path: Path) -> None:
    install_painter(tmp_path / "site")
    root = HostRoot(tmp_path / "root", tmp_path / "site")
    faults = Faults(Random(1), ["enqueue.after_commit"])
    client = Client(Random(1), Oracle())
    try:
        host = await root.start(faults.next().armed)
        faults.note(host)
        await host.kill()
        assert faults.fired == set()

        host = await root.start(faults.next().armed)  # again: it has not had its turn
        await client.use(host)
        faults.note(host)
        assert faults.fired == {"enqueue.after_commit"}
    finally:
        await root.close()


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_host_that_breaks_the_protocol_is_caught(tmp_path: Path, mutant: str) -> None:
    site = tmp_path / "site"
    install_painter(site)
    for package in ("invoke_host", "migrations"):
        shutil.copytree(PROJECT / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    file, right, wrong, names = MUTANTS[mutant]
    source = site / "invoke_host" / file
    assert right in source.read_text(), f"the mutant {mutant!r} no longer fits {file}"
    source.write_text(source.read_text().replace(right, wrong))
    roots = [HostRoot(tmp_path / f"root-{number}", site) for number in range(2)]
    lanes = [lane(root, 7000 + number, range(number, 40, 2), names) for number, root in enumerate(roots)]
    outcomes = await asyncio.gather(*lanes, return_exceptions=True)
    assert any(isinstance(outcome, AssertionError) for outcome in outcomes), outcomes
