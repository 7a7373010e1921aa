"""The log of a run: losses by step, one CSV file for all stages."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

_EVERY = 20


class Row(NamedTuple):
    """One line: the mean loss of the steps since the line before. `seconds` is what the stage has taken so far."""

    stage: str
    step: int
    samples: int
    seconds: float
    loss: float
    rate: float


COLUMNS = Row._fields


class Log:
    """Appends a row for every 20 steps. Never rewritten: what a resumed run does again stands there again."""

    def __init__(self, file: Path) -> None:
        self._file, self._losses = file, list[float]()
        self._row: tuple[object, ...] = ()
        if not file.exists():
            self._append(COLUMNS)

    def row(self, stage: str, step: int, samples: int, seconds: float, loss: float, rate: float) -> None:
        """Told of every step."""
        self._losses.append(loss)
        mean = sum(self._losses) / len(self._losses)
        self._row = (stage, step, samples, f"{seconds:.1f}", f"{mean:.5f}", f"{rate:.3g}")
        if step % _EVERY == 0:
            self.end()

    def end(self) -> None:
        """Write what is left of a stage that ends between two rows."""
        if self._losses:
            self._append(self._row)
            self._losses.clear()

    def _append(self, row: tuple[object, ...]) -> None:
        with self._file.open("a", newline="") as file:
            csv.writer(file).writerow(row)


def read(file: Path) -> dict[str, list[Row]]:
    """The rows of each stage in the order of their steps; of what was done twice, what was done last."""
    stages: dict[str, list[Row]] = {}
    with file.open(newline="") as lines:
        for words in csv.DictReader(lines):
            if None in words.values():  # the end of a log that is being written
                continue
            row = Row(
                words["stage"],
                int(words["step"]),
                int(words["samples"]),
                float(words["seconds"]),
                float(words["loss"]),
                float(words["rate"]),
            )
            rows = stages.setdefault(row.stage, [])
            while rows and rows[-1].step >= row.step:
                rows.pop()
            rows.append(row)
    return stages
