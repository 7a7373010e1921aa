"""The log as a picture: the loss of every stage over its steps.

`python -m invoke_model_emoji.training.plot RUN/log.csv loss.png` draws it while the run goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from invoke_model_emoji.training.log import Row, read

_LINE, _FAINT = "#1f5fa8", "#b9cfe8"
#: What the loss of each stage is.
_LOSSES = {
    "decoder": "absolute + squared + edges",
    "encoder": "squared, of latents",
    "words": "squared, of latents",
    "denoiser": "squared, of the velocity",
}


def draw(log: Path, file: Path) -> Path:
    """Draw the stages side by side, as their losses can't be compared; the suffix of `file` says the format."""
    stages = read(log)
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    panels = figure.subplots(1, len(stages) or 1, squeeze=False)[0]
    for axes, (stage, rows) in zip(panels, stages.items(), strict=False):
        _panel(axes, stage, rows)
    figure.savefig(file, dpi=120)
    return file


def _panel(axes: Axes, stage: str, rows: list[Row]) -> None:
    steps, losses = [each.step for each in rows], [each.loss for each in rows]
    axes.plot(steps, losses, color=_FAINT, linewidth=1)
    smooth = _smoothed(losses)
    axes.plot(steps, smooth, color=_LINE, linewidth=1.8)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.locator_params(axis="x", nbins=5)
    axes.grid(alpha=0.3, which="both")
    last = losses[-max(1, len(losses) // 50) :]
    axes.set_title(f"{stage}: {sum(last) / len(last):.3g} after {rows[-1].seconds / 60:.0f} min")
    axes.set_xlabel("steps")
    axes.set_ylabel(f"loss ({_LOSSES[stage]})" if stage in _LOSSES else "loss")


def _smoothed(losses: list[float], share: float = 0.03) -> list[float]:
    """Means over so much of the curve on either side, less of it near the ends."""
    reach = round(share * len(losses))
    means = []
    for index in range(len(losses)):
        near = min(reach, index, len(losses) - 1 - index)
        window = losses[index - near : index + near + 1]
        means.append(sum(window) / len(window))
    return means


if __name__ == "__main__":
    print(draw(Path(sys.argv[1]), Path(sys.argv[2])))
