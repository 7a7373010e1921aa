"""Seeded rounds on one root folder: a host starts, is used, dies or is troubled at a drawn place; then all is compared.

What a round does depends on its seed and number only (how far it gets, on the machine). A round that fails says how to
play it again.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from .host import QUEUE, HostRoot, RunningHost
from .oracle import FINISHED, Oracle
from .trouble import DISK_TROUBLES, SLOW_TROUBLES, TROUBLES, failed_items
from .user import Client

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

#: Where the disk is full, once; nobody dies of it.
FULL_DISK_FAULTS = {"save.before_fsync:nospace": 4, "save.before_rename:nospace": 4}

KILLS = (*HOST_FAULTS, *WORKER_FAULTS)
FAULTS = (*KILLS, *FULL_DISK_FAULTS, *TROUBLES)


@dataclass(frozen=True, slots=True)
class Round:
    """What is to happen in one: `armed` is the value of INVOKE_HOST_FAILPOINT, `trouble` a name; both may be empty."""

    armed: str = ""
    trouble: str = ""

    def __str__(self) -> str:
        return self.armed or self.trouble or "kill -9"


class Faults:
    """What happens in each round of a lane: first each of `names` until it has struck, then any or none.

    One that was armed and did not come to strike waits for its next turn behind the others, and then comes sooner.
    """

    def __init__(self, random: Random, names: Sequence[str]) -> None:
        self.fired: set[str] = set()
        self._random = random
        self._due = deque(random.sample(sorted(names), len(names)))
        self._tries: Counter[str] = Counter()
        self._name = ""

    def next(self) -> Round:
        """For the next round."""
        self._name = self._due.popleft() if self._due else self._draw()
        if not self._name or self._name in TROUBLES:
            return Round(trouble=self._name)
        name, _, action = self._name.partition(":")
        least, most = WORKER_FAULTS.get(name) or (1, FULL_DISK_FAULTS.get(self._name) or HOST_FAULTS[name])
        self._tries[self._name] += 1
        most = max(least, most // self._tries[self._name])
        return Round(armed=f"{name}:{action or 'kill9'}@{self._random.randint(least, most)}")

    def _draw(self) -> str:
        kind = self._random.choice(["host"] * 6 + ["worker"] * 2 + ["trouble"] * 7 + ["plain"])
        quick = sorted(set(TROUBLES) - SLOW_TROUBLES) * 4 + sorted(SLOW_TROUBLES) + sorted(FULL_DISK_FAULTS)
        names = {"host": sorted(HOST_FAULTS), "worker": sorted(WORKER_FAULTS), "trouble": quick, "plain": [""]}
        return self._random.choice(names[kind])

    def note(self, host: RunningHost, *, struck: bool = False) -> None:
        """What came of it (`struck`: the trouble did); ask this before the host is killed from outside."""
        name = self._name
        if name in WORKER_FAULTS:
            struck = host.worker_was_killed
        elif name in HOST_FAULTS:
            struck = host.process.returncode == -signal.SIGKILL
        if name and struck:
            self.fired.add(name)
        elif name and name not in self.fired:
            self._due.append(name)


async def lane(
    root: HostRoot, seed: int, rounds: Iterable[int], names: Sequence[str] = FAULTS, *, only: Round | None = None
) -> set[str]:
    """Rounds one after another on one root; each start recovers from what was before. `only`: that is what happens.

    Returns those of `names` (and of others, as it comes) that came to strike.
    """
    try:
        return await _rounds(root, seed, rounds, names, only)
    finally:
        await root.close()


async def _rounds(
    root: HostRoot, seed: int, rounds: Iterable[int], names: Sequence[str], only: Round | None
) -> set[str]:
    oracle = Oracle()
    client, faults = Client(Random(seed), oracle), Faults(Random(seed), names)
    for number in rounds:
        plan = only or faults.next()
        client.random = Random(f"{seed}/{number}")
        try:
            await _round(root, client, faults, plan)
        except BaseException as error:
            error.add_note(_how_to_replay(seed, number, plan, root))
            raise
        found = [*oracle.problems(root.root, finished=False), *log_problems(root)]
        assert not found, f"{found}\n{_how_to_replay(seed, number, plan, root)}"
    host = await root.start()
    await client.check_it_works(host)
    await client.repeat_unanswered(host)
    await work_off(host, oracle)
    assert await host.terminate() == 0
    found = [*oracle.problems(root.root, finished=True), *log_problems(root)]
    assert not found, f"seed {seed}, at the end, {root.root}: {found}"
    return faults.fired


async def _round(root: HostRoot, client: Client, faults: Faults, plan: Round) -> None:
    random, struck = client.random, False
    failed_before = failed_items(root.root, "no_space") if plan.armed and client.number else 0
    if plan.trouble in DISK_TROUBLES or "nospace" in plan.armed:
        client.oracle.full_disk = True
    host = await root.start(plan.armed)
    assert host.url or plan.armed, f"the host did not start:\n{host.log_text()[-4000:]}"
    if host.url and not plan.armed:
        await client.check_it_works(host)
    if host.url and plan.trouble:
        client.troubled = True
        trouble = asyncio.create_task(_later(TROUBLES[plan.trouble], host, random, random.uniform(0.0, 0.2)))
        while not trouble.done():
            await client.use(host)
        struck = await trouble
        await client.check_it_works(host)
    elif host.url:
        await client.use(host)
    if random.random() < 0.1 and host.alive:
        code = await host.terminate()
        assert code == 0 or (plan.armed and code == -signal.SIGKILL), code
    if "nospace" in plan.armed:
        struck = failed_items(root.root, "no_space") > failed_before
    faults.note(host, struck=struck)
    await host.kill()


async def _later(
    strike: Callable[[RunningHost, Random], Awaitable[bool]], host: RunningHost, random: Random, wait_s: float
) -> bool:
    await asyncio.sleep(wait_s)
    return await strike(host, Random(random.random()))


def _how_to_replay(seed: int, number: int, plan: Round, root: HostRoot) -> str:
    return (
        f"in {root.root}; again, on an empty folder: INVOKE_HOST_FAULT_REPLAY='{seed} {number} {plan.armed or '-'} "
        f"{plan.trouble or '-'}' python -m pytest -m soak tests/faults/test_rounds.py -k replay"
    )


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


def log_problems(root: HostRoot) -> list[str]:
    """Lines of the log with a traceback or an error and without the id that a user can name."""
    found = []
    for line in root.log.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # what is not the host's own, or was cut when the disk was full
            entry = {"event": line} if "Traceback" in line else {}
        if ("Traceback" in line or entry.get("level") == "error") and "error_id" not in entry:
            found.append(f"in the log: {line[:2000]}")
    return found
