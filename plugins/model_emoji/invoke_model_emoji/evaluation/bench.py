"""What every measurement is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import torch

from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.evaluation.artist import Draws, How

_Prompt = TypeVar("_Prompt")


@dataclass(frozen=True, slots=True)
class Bench:
    """A model to measure, and what it should have learned.

    `baseline` is an older model to compare with, if there is one, drawn with `baseline_how`. `quick` is the most
    prompts of a part, None for all. `folders` are where the two models are; sheets are written to `out`.
    """

    artist: Draws
    baseline: Draws | None
    drawings: Drawings
    styles: tuple[str, ...]
    how: How
    baseline_how: How
    seed: int
    quick: int | None
    folders: tuple[Path, Path | None]
    out: Path

    def some(self, all_of_them: Sequence[_Prompt]) -> list[_Prompt]:
        """As many as a quick run takes, from all over the list."""
        count = len(all_of_them) if self.quick is None else min(self.quick, len(all_of_them))
        return [all_of_them[index * len(all_of_them) // count] for index in range(count)]

    def seeds(self, count: int) -> list[int]:
        """A seed for each picture, so that no part of the figures hangs on one noise."""
        return [self.seed + index for index in range(count)]

    def draw(self, prompts: Sequence[str], *, artist: Draws | None = None) -> torch.Tensor:
        """Pictures of these prompts, one seed each, by the model or another one."""
        how = self.how if artist is None else self.baseline_how
        return (artist or self.artist).draw(prompts, self.seeds(len(prompts)), how)

    def with_how(self, how: How) -> Bench:
        return replace(self, how=how)


class Result(Protocol):
    """What a part found: a dataclass of figures."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def lines(self) -> list[str]:
        """The same as Markdown."""
        ...


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table."""
    return [_row(head), _row(["---"] * len(head)), *(_row(each) for each in rows)]


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(each) for each in cells) + " |"
