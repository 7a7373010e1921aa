"""Fair order: how equal the users' shares of device time are, and what the order costs.

Eight users wait with more than can be made, with pictures of 16-fold different cost and estimates that are wrong by up
to a factor of two. Four devices of a played clock work on them; the claims and finishes are the host's own, on a SQLite
file. The same with `order = "fifo"` is the peer: for the shares, and, round by round in the same run, for the CPU time
of a claim and a finish when pictures take no time at all.
"""

from __future__ import annotations

import heapq
import random
import tempfile
from datetime import timedelta
from pathlib import Path
from time import thread_time
from typing import Any

from bench import queue_work as work
from bench.measure import report
from bench.queue_data import make, user
from invoke_host import ids
from invoke_host.clock import timestamp
from invoke_host.queue.store import finish
from invoke_host.queue.store.claim import claim, claimable
from invoke_host.queue.store.lanes import Order

USERS = 8
SPREAD = 16
DEVICES = 4
PICTURES = 1500
ROUNDS = 150
CYCLES = 25
BAR_JAIN = 0.97
BAR_THROUGHPUT = 0.97


def main() -> dict[str, Any]:
    """Play the line in both orders, measure both, print the line."""
    orders: tuple[Order, ...] = ("fair", "fifo")
    with tempfile.TemporaryDirectory() as folder:
        shares: dict[Order, list[float]] = {}
        for order in orders:
            make(Path(folder, order), 0)
            with work.opened(Path(folder, order)) as storage:
                _enqueue(storage)
                shares[order] = list(_play(storage, order).values())
        with work.opened(Path(folder, "fair")) as fair, work.opened(Path(folder, "fifo")) as fifo:
            rounds = _rounds(fair, fifo)
    # The least of all rounds: what others do on this machine only ever adds to it.
    ours, theirs = (min(each[place] for each in rounds) for place in (0, 1))
    return report(
        "fairness",
        {
            "jain_index": (_jain(shares["fair"]), ">=", BAR_JAIN),
            "throughput_fair_over_fifo": (theirs / ours, ">=", BAR_THROUGHPUT),
        },
        fifo_jain_index=_jain(shares["fifo"]),
        engine_s={order: sorted(shares[order]) for order in orders},
        cpu_us_per_picture={"fair": 1e6 * ours, "fifo": 1e6 * theirs},
        users=USERS,
        devices=DEVICES,
        pictures=PICTURES,
    )


def _enqueue(storage: work.Timed) -> None:
    """More of everybody's pictures than a fair share of what is made; who has the dearest comes first."""
    for number in range(USERS):
        cost = SPREAD ** (1 - number / (USERS - 1))
        work.add(storage, int(2 * PICTURES / cost), number, 10 * cost)


def _play(storage: work.Timed, order: Order) -> dict[str, float]:
    """Engine seconds of each user after so many pictures."""
    chance, spent = random.Random(1), {user(number): 0.0 for number in range(USERS)}
    begin, busy = work.CLOCK.now(), list[tuple[float, str, str, float]]()
    wrong = {user(number): chance.uniform(0.7, 1.4) for number in range(USERS)}
    passed_s = 0.0
    for _ in range(PICTURES):
        if len(busy) == DEVICES:
            passed_s, token, owner, engine_s = heapq.heappop(busy)
            now = timestamp(begin + timedelta(seconds=passed_s))
            storage.run_write(finish.complete, token, (), device="cuda:0", engine_s=engine_s, now=now)
            spent[owner] += engine_s
        token, now = ids.new_token(), timestamp(begin + timedelta(seconds=passed_s))
        item = storage.run_write(claim, token=token, lease_s=30.0, now=now, order=order)
        assert item is not None
        engine_s = item.work / 10 * wrong[item.user_id] * chance.uniform(0.7, 1.4)
        heapq.heappush(busy, (passed_s + engine_s, token, item.user_id, engine_s))
    return spent


def _rounds(fair: work.Timed, fifo: work.Timed) -> list[tuple[float, float]]:
    """CPU seconds of a picture in both orders, turn by turn, so that a busy neighbour hits both."""
    both: tuple[tuple[work.Timed, Order], ...] = ((fair, "fair"), (fifo, "fifo"))
    for storage, order in both:
        for number in range(USERS):
            work.add(storage, CYCLES * (ROUNDS + 2) // USERS + 1, number)
        _cpu_s(storage, order)  # warm-up
    rounds = []
    for number in range(ROUNDS):
        if number % 2:
            ours, theirs = _cpu_s(fair, "fair"), _cpu_s(fifo, "fifo")
        else:
            theirs, ours = _cpu_s(fifo, "fifo"), _cpu_s(fair, "fair")
        rounds.append((ours, theirs))
    return rounds


def _cpu_s(storage: work.Timed, order: Order) -> float:
    started = thread_time()
    for _ in range(CYCLES):
        token, now = ids.new_token(), timestamp(work.CLOCK.now())
        assert storage.run_read(claimable, order)
        assert storage.run_write(claim, token=token, lease_s=30.0, now=now, order=order) is not None
        storage.run_write(finish.complete, token, (), device="cuda:0", engine_s=1.0, now=now)
    return (thread_time() - started) / CYCLES


def _jain(shares: list[float]) -> float:
    """Jain, Chiu, Hawe: A Quantitative Measure of Fairness (DEC TR-301, 1984): 1 = equal, 1/n = one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


if __name__ == "__main__":
    main()
