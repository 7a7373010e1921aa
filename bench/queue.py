"""The queue with a long past: what a picture's way through it costs, and how long the writer is held for others.

Two files, with 1,000 and with 1,000,000 finished items, and 10,001 that wait. Rounds on both alternate, so that a busy
neighbour of this machine hits both; the naive peer (bench.queue_naive) runs on the same files in the same run.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import queue_naive as naive
from bench import queue_work as work
from bench.measure import median, report
from bench.queue_data import make, user
from invoke_host.queue.store import state
from invoke_host.testing.storage import DATABASE
from scripts.host_process import running_host

FEW, MANY = 1_000, 1_000_000
WAITING = 10_001
ROUNDS = 40
CYCLES = 50
BULK = 10_000
BULK_ROUNDS = 5
SINGLES = 500
FORGOTTEN = 10_000
BAR_CYCLE_MS = 0.3
BAR_RATIO = 1.1
BAR_CANCEL_MS = 100
BAR_HELD_MS = 20
BAR_SINGLE_MS = 10
BAR_ENQUEUE_MS = 60


def main() -> dict[str, Any]:
    """Make the data, measure, print the line."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder, "few"), Path(folder, "many")
        make(few, FEW)
        make(many, MANY)
        bulk = asyncio.run(work.canceling(many, BULK, BULK_ROUNDS))
        singles = _singles(many)
        forgotten = asyncio.run(work.forgetting(many, FORGOTTEN, BULK_ROUNDS))
        with work.opened(few) as small, work.opened(many) as large:
            for storage in (small, large):
                work.fill(storage, WAITING)
                work.cycle_cpu_s(storage, 20)  # warm-up
            cycles = _cycles(small, large)
        peers = [naive.cpu_s(path / DATABASE, user(1), 3) for path in (few, many)]
    return _report(bulk, singles, forgotten, cycles, peers)


def _cycles(small: work.Timed, large: work.Timed) -> list[tuple[float, float]]:
    rounds = []
    for number in range(ROUNDS):
        first, second = (small, large) if number % 2 else (large, small)
        taken = {id(storage): work.cycle_cpu_s(storage, CYCLES) for storage in (first, second)}
        rounds.append((taken[id(small)], taken[id(large)]))
        for storage in (small, large):
            work.add(storage, CYCLES, number)  # what was taken is replaced
    return rounds


def _singles(folder: Path) -> list[float]:
    with work.opened(folder) as storage:
        item_ids = work.add(storage, SINGLES + 50)
        storage.run_write(state.set_paused, "default", True, now="2026-11-23 06:00:00.000")
    with (folder / "log").open("wb") as output, running_host(folder, output=output) as host:
        work.single_cancels_s(host.url, item_ids[:50])  # warm-up
        taken = work.single_cancels_s(host.url, item_ids[50:])
    with work.opened(folder) as storage:
        storage.run_write(state.set_paused, "default", False, now="")
    return taken


def _report(
    bulk: work.Canceling,
    singles: list[float],
    forgotten: list[work.Long],
    cycles: list[tuple[float, float]],
    peers: list[float],
) -> dict[str, Any]:
    # The least of all rounds: what others do on this machine only ever adds to it.
    few_ms, many_ms = (1000 * min(each[place] for each in cycles) for place in (0, 1))
    ratio = median([many / few for few, many in cycles])
    single_p99_ms = 1000 * singles[int(len(singles) * 0.99)]

    def middle_ms(values: Iterable[float]) -> float:
        return 1000 * median(list(values))

    return report(
        "queue",
        {
            "cycle_cpu_ms": (many_ms, "<=", BAR_CYCLE_MS),
            "cycle_many_over_few": (ratio, "<=", BAR_RATIO),
            "cancel_10000_ms": (middle_ms(bulk.alone_s), "<=", BAR_CANCEL_MS),
            "cancel_longest_hold_ms": (middle_ms(each.longest_s for each in bulk.beside), "<=", BAR_HELD_MS),
            "cancel_longest_other_write_ms": (middle_ms(each.other_s for each in bulk.beside), "<=", BAR_HELD_MS),
            "single_cancel_p99_ms": (single_p99_ms, "<=", BAR_SINGLE_MS),
            "enqueue_10000_ms": (middle_ms(bulk.enqueue_s), "<=", BAR_ENQUEUE_MS),
            "retention_longest_hold_ms": (middle_ms(each.longest_s for each in forgotten), "<=", BAR_HELD_MS),
            "retention_longest_other_write_ms": (middle_ms(each.other_s for each in forgotten), "<=", BAR_HELD_MS),
        },
        cycle_few_cpu_ms=few_ms,
        naive_cycle_cpu_ms={"few": peers[0] * 1000, "many": peers[1] * 1000},
        naive_many_over_few=peers[1] / peers[0],
        single_cancel_p50_ms=1000 * median(singles),
        cancel_beside_a_writer_ms=middle_ms(each.total_s for each in bulk.beside),
        retention_10000_ms=middle_ms(each.total_s for each in forgotten),
        enqueue_10000_cpu_ms=middle_ms(bulk.enqueue_cpu_s),
        cancel_cpu_ms={
            "all": middle_ms(each.cpu_s for each in bulk.beside),
            "longest": middle_ms(each.longest_cpu_s for each in bulk.beside),
        },
        retention_cpu_ms={
            "all": middle_ms(each.cpu_s for each in forgotten),
            "longest": middle_ms(each.longest_cpu_s for each in forgotten),
        },
        small_write_ms=middle_ms(bulk.idle_s),
    )


if __name__ == "__main__":
    main()
