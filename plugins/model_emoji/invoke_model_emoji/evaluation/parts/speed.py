"""(e) Seconds per picture, one at a time, on this machine; a baseline takes turns with it, under the same load."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from invoke_model_emoji.evaluation import artist
from invoke_model_emoji.evaluation.artist import Draws, How
from invoke_model_emoji.evaluation.bench import Bench, table

STEPS = (4, 8, 12, 20)
_BEST_OF = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """One picture with so many steps: the best wall clock time of three, and its processor time over all cores."""

    steps: int
    seconds: float
    cpu_seconds: float
    baseline_seconds: float | None
    baseline_cpu_seconds: float | None


@dataclass(frozen=True, slots=True)
class Speed:
    """`load_s` is the time to load the folder (best of three, libraries imported before)."""

    cfg: float
    scheduler: str
    threads: int
    cores: int
    processor: str
    torch: str
    load_s: float
    baseline_load_s: float | None
    timings: list[Timing]

    def lines(self) -> list[str]:
        rows = [
            (
                each.steps,
                f"**{each.seconds:.2f}**",
                f"{each.cpu_seconds:.2f}",
                _told(each.baseline_seconds),
                _told(each.baseline_cpu_seconds),
            )
            for each in self.timings
        ]
        return [
            f"{self.processor}, {self.cores} cores, {self.threads} threads, torch {self.torch}, float32,",
            f"scheduler `{self.scheduler}`, CFG {self.cfg:g}; one picture, best of {_BEST_OF} after one to warm up.",
            "",
            *table(("steps", "seconds", "CPU seconds", "baseline", "baseline, CPU"), rows),
            "",
            f"Loading takes {self.load_s:.2f} s (baseline: {_told(self.baseline_load_s)}).",
        ]


def count(bench: Bench) -> int:
    return len(STEPS) * (_BEST_OF + 1) * (1 if bench.baseline is None else 2)


def measure(bench: Bench) -> Speed:
    folder, older = bench.folders
    return Speed(
        bench.how.cfg,
        bench.how.scheduler,
        torch.get_num_threads(),
        os.cpu_count() or 1,
        _processor(),
        torch.__version__,
        min(_timed(lambda: artist.load(folder))[0] for _ in range(_BEST_OF)),
        None if older is None else min(_timed(lambda: artist.load(older))[0] for _ in range(_BEST_OF)),
        [_timing(bench, steps) for steps in STEPS],
    )


def _timing(bench: Bench, steps: int) -> Timing:
    models: list[tuple[Draws, How]] = [(bench.artist, bench.how)]
    if bench.baseline is not None:
        models.append((bench.baseline, bench.baseline_how))
    rounds = [[_one(each, replace(how, steps=steps)) for each, how in models] for _ in range(_BEST_OF + 1)][1:]
    best = [min(each[index] for each in rounds) for index in range(len(models))]
    older = best[1] if len(best) > 1 else (None, None)
    return Timing(steps, *best[0], *older)


def _one(model: Draws, how: How) -> tuple[float, float]:
    return _timed(lambda: model.draw(["a cat"], [0], how))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names and names[0] != "unknown" else platform.machine()


def _told(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f}"
