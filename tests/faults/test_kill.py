"""kill -9 of host and worker at every named place: nothing acknowledged is lost, nothing is stored twice.

Seeded rounds on whole hosts with real HTTP, real SQLite and real files; only the picture is painted, not denoised.
INVOKE_HOST_FAULT_ROUNDS sets how many rounds (50), INVOKE_HOST_FAULT_SEED where they begin. A failing run says both and
keeps its root folder. From 50 rounds on, each failpoint must have killed at least once.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from .host import GONE, QUEUE, HostRoot, RunningHost, install_painter
from .oracle import FINISHED, Enqueued, Oracle

ROUNDS = int(os.environ.get("INVOKE_HOST_FAULT_ROUNDS", "50"))
SEED = int(os.environ.get("INVOKE_HOST_FAULT_SEED", "1"))

#: Hosts that run beside each other, each on its own root: the machine has two cores, and a host waits much.
LANES = 2

#: With fewer rounds not every failpoint gets its turn.
ENOUGH_ROUNDS = 50

#: Where to die, and at most the how-many-eth time. Worker failpoints are passed again by each new worker, so they lie
#: far enough apart for a picture to be finished in between.
HOST_FAULTS = {
    "enqueue.before_commit": 3,
    "enqueue.after_commit": 3,
    "claim.after_commit": 4,
    "save.before_fsync": 6,
    "save.before_rename": 6,
    "save.after_rename": 6,
    "save.before_commit": 4,
    "save.after_commit": 4,
    "cancel.after_commit": 2,
    "delete.after_commit": 1,
    "purge.before_commit": 1,
    "purge.after_commit": 1,
    "purge.before_tombstones": 1,
}
WORKER_FAULTS = {"worker.step": (7, 12), "worker.before_encode": (3, 5), "worker.half_written": (3, 5)}
FAULTS = (*HOST_FAULTS, *WORKER_FAULTS)


class Faults:
    """Which failpoint is armed in each round of a lane: first each of `names` until it has killed, then any or none.

    One that was armed and did not come to kill waits for its next turn behind the others, and then dies sooner.
    """

    def __init__(self, random: Random, names: Sequence[str]) -> None:
        self.fired: set[str] = set()
        self._random = random
        self._due = deque(random.sample(sorted(names), len(names)))
        self._tries: Counter[str] = Counter()
        self._armed = ""

    def arm(self) -> str:
        """The value of INVOKE_HOST_FAILPOINT for the next round; empty = the host is just killed."""
        if self._due:
            self._armed = self._due.popleft()
        else:
            kind = self._random.choice(["host"] * 6 + ["worker"] * 2 + ["plain"])
            names = {"host": sorted(HOST_FAULTS), "worker": sorted(WORKER_FAULTS), "plain": [""]}[kind]
            self._armed = self._random.choice(names)
        if not self._armed:
            return ""
        least, most = WORKER_FAULTS.get(self._armed) or (1, HOST_FAULTS[self._armed])
        self._tries[self._armed] += 1
        most = max(least, most // self._tries[self._armed])
        return f"{self._armed}:kill9@{self._random.randint(least, most)}"

    def note(self, host: RunningHost) -> None:
        """What came of it; ask this before the host is killed from outside."""
        died = host.worker_was_killed if self._armed in WORKER_FAULTS else host.process.returncode == -signal.SIGKILL
        if self._armed and died:
            self.fired.add(self._armed)
        elif self._armed and self._armed not in self.fired:
            self._due.append(self._armed)


class Client:
    """Does what users do and notes what it is told."""

    def __init__(self, random: Random, oracle: Oracle) -> None:
        self.random = random
        self.oracle = oracle
        self.number = 0

    async def use(self, host: RunningHost) -> None:
        """Enqueue, cancel, look, delete, until it is done or the host dies."""
        try:
            await self.repeat_unanswered(host)
            for _ in range(self.random.randint(2, 4)):
                await self.enqueue(host)
                await self.random.choice([self.cancel, self.look, self.look, self.delete])(host)
            await self.wait(host, self.random.uniform(0.0, 0.4))
            await self.cancel(host)
            await self.delete(host)
        except TimeoutError as error:
            raise AssertionError(f"the host hangs:\n{host.root.log.read_text()[-4000:]}") from error
        except GONE:
            await host.dies()

    async def enqueue(self, host: RunningHost) -> None:
        self.number += 1
        key, count = f"key-{self.number}", self.random.randint(1, 3)
        request = Enqueued(f"picture {self.number}", self.random.randrange(1000), count)
        self.oracle.requests[key] = request
        await self.send(host, key, request)

    async def send(self, host: RunningHost, key: str, request: Enqueued) -> None:
        body = {"positive_prompt": request.prompt, "seed": request.seed, "count": request.count, "steps": 2}
        status, answer = await host.ask("POST", f"{QUEUE}/generate", body, **{"Idempotency-Key": key})
        assert status in (200, 201), (status, answer)
        assert answer["enqueued"] == request.count
        if request.item_ids is not None:
            assert answer["item_ids"] == request.item_ids
        request.item_ids = answer["item_ids"]

    async def repeat_unanswered(self, host: RunningHost) -> None:
        """As a client does that got no answer; and now and then one that got it long ago."""
        for key, request in self.oracle.requests.items():
            if request.item_ids is None or self.random.random() < 0.05:
                await self.send(host, key, request)

    async def cancel(self, host: RunningHost) -> None:
        known = [item for request in self.oracle.requests.values() for item in request.item_ids or []][-6:]
        if not known:
            return
        item_id = self.random.choice(known)
        status, answer = await host.ask("PUT", f"{QUEUE}/i/{item_id}/cancel")
        assert status == 200, answer
        if answer["status"] == "canceled":
            assert answer["image_names"] == []
            self.oracle.canceled.add(item_id)

    async def look(self, host: RunningHost) -> None:
        """What is listed can be fetched whole."""
        status, page = await host.ask("GET", "/api/v1/images/?limit=5")
        assert status == 200, page
        for image in page["items"][:2]:
            status, content = await host.fetch(image["image_url"])
            assert status == 200, (status, content[:300])
            Image.open(io.BytesIO(content)).load()

    async def delete(self, host: RunningHost) -> None:
        """Delete the newest picture; then take it back, or for good, or leave it in the trash."""
        status, page = await host.ask("GET", "/api/v1/images/?limit=1")
        assert status == 200, page
        for image in page["items"]:
            name = image["image_name"]
            self.oracle.ask(name, "trash")
            status, answer = await host.ask("DELETE", f"/api/v1/images/i/{name}")
            assert (status, answer["deleted_images"]) == (200, [name])
            self.oracle.answer(name, "trash")
            await self.random.choice([self.purge, self.purge, self.restore, self.leave])(host, name)

    async def purge(self, host: RunningHost, name: str) -> None:
        self.oracle.ask(name, "gone")
        status, answer = await host.ask("POST", "/api/v1/images/trash/purge", {"image_names": [name]})
        assert (status, answer["purged_images"]) == (200, [name])
        self.oracle.answer(name, "gone")

    async def restore(self, host: RunningHost, name: str) -> None:
        self.oracle.ask(name, "live")
        status, answer = await host.ask("POST", "/api/v1/images/trash/restore", {"image_names": [name]})
        assert (status, answer["restored_images"]) == (200, [name])
        self.oracle.answer(name, "live")

    async def leave(self, host: RunningHost, name: str) -> None:
        """It stays there for the next life of the host."""

    async def wait(self, host: RunningHost, seconds: float) -> None:
        """Let the host work for a while, or until it is dead."""
        await asyncio.wait([asyncio.ensure_future(host.process.wait())], timeout=seconds)


async def lane(root: HostRoot, seed: int, rounds: range, names: Sequence[str] = FAULTS) -> set[str]:
    """Rounds one after another on one root; each start recovers from the death before.

    Returns those of `names` (and of others, as it comes) at which something died by itself.
    """
    try:
        return await _rounds(root, seed, rounds, names)
    finally:
        await root.close()


async def _rounds(root: HostRoot, seed: int, rounds: range, names: Sequence[str]) -> set[str]:
    random, oracle = Random(seed), Oracle()
    client, faults = Client(random, oracle), Faults(random, names)
    for number in rounds:
        armed = faults.arm()
        host = await root.start(armed)
        if host.url:
            await client.use(host)
        if random.random() < 0.1 and host.alive:
            code = await host.terminate()
            assert code == 0 or (armed and code == -signal.SIGKILL), code
        faults.note(host)
        await host.kill()
        found = list(oracle.problems(root.root, finished=False))
        assert not found, f"seed {seed}, round {number}, {armed or 'kill -9'}, {root.root}: {found}"
    host = await root.start()
    await client.repeat_unanswered(host)
    await work_off(host, oracle)
    assert await host.terminate() == 0
    found = list(oracle.problems(root.root, finished=True))
    assert not found, f"seed {seed}, at the end, {root.root}: {found}"
    log = root.log.read_text()
    assert "Traceback" not in log, log[-5000:]
    assert '"level":"error"' not in log, log[-5000:]
    return faults.fired


async def work_off(host: RunningHost, oracle: Oracle) -> None:
    """Return when every item is finished."""
    ids = [item for request in oracle.requests.values() for item in request.item_ids or []]
    async with asyncio.timeout(60):
        while True:
            status, items = await host.ask("POST", f"{QUEUE}/items_by_ids", {"item_ids": ids[-1000:]})
            assert status == 200, items
            if all(item["status"] in FINISHED for item in items):
                return
            await asyncio.sleep(0.1)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    install_painter(tmp_path / "site")
    return tmp_path / "site"


@pytest.mark.timeout(600)
async def test_kill_9_anywhere_loses_nothing_and_stores_nothing_twice(tmp_path: Path, site: Path) -> None:
    lanes: list[Any] = []
    for number in range(LANES):
        root = HostRoot(tmp_path / f"root-{number}", site)
        names = FAULTS[number::LANES]
        lanes.append(lane(root, SEED * 1000 + number, range(number, ROUNDS, LANES), names))
    outcomes = await asyncio.gather(*lanes, return_exceptions=True)  # each lane ends its own hosts
    fired: set[str] = set()
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        fired |= outcome
    if ROUNDS >= ENOUGH_ROUNDS:
        never = set(FAULTS) - fired
        assert not never, f"seed {SEED}: nothing ever died at {sorted(never)}"
