"""`python -m invoke_model_emoji.schedulers`: which of the host's samplers work with the model, and how soon.

Every sampler draws the same prompts from the same seeds with 4, 12, 20 and 50 steps, in the host's own worker process.
Two figures say how well: the root-mean-square distance (of 255) to what DPM++ 2M draws in 50 steps, and how many of the
pictures are *right*: nearer to their own prompt's picture than to that of any other prompt, as they are or mirrored.
Samplers that add noise of their own draw another picture of the same thing, so only the second figure judges them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console
from rich.progress import track

from invoke_host.api import ExecutionError, ModelOffer
from invoke_host.testing.drawing import Draw, drawing, scheduler_names
from invoke_model_emoji import OFFER

#: What all others are compared with.
REFERENCE, REFERENCE_STEPS = "dpmpp_2m", 50
STEPS = (4, 12, 20, 50)
#: Things of all kinds, colours and grounds, no two alike.
PROMPTS = (
    "a red apple",
    "a cat",
    "a blue car",
    "a guitar",
    "a green heart on a black background",
    "a birthday cake",
    "a robot",
    "a yellow star and a purple umbrella",
)
#: Side of the pictures that are compared to tell which prompt they are of.
_SMALL = 32

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Figures:
    """One sampler with one number of steps: mean `distance`, None if it failed; how many were `right`, of how many."""

    scheduler: str
    steps: int
    distance: float | None
    right: int
    of: int
    failure: str = ""


async def measure(
    draw: Draw, names: Sequence[str], steps: Sequence[int], prompts: Sequence[str], *, seed: int = 0, cfg_scale: float
) -> list[Figures]:
    """Figures of every sampler with every number of steps."""

    async def pictures(scheduler: str, count: int) -> list[Pixels]:
        wishes = {"scheduler": scheduler, "steps": count, "seed": seed, "cfg_scale": cfg_scale}
        made = [await draw(prompt, **wishes) for prompt in prompts]
        return [_pixels(each.image) for each in made]

    references = await pictures(REFERENCE, REFERENCE_STEPS)
    figures = []
    for name, count in _bar([(name, count) for name in names for count in steps]):
        try:
            made = await pictures(name, count)
        except ExecutionError as error:
            figures.append(Figures(name, count, None, 0, len(prompts), str(error)))
            continue
        distance = sum(map(rms, made, references)) / len(made)
        right = sum(nearest(each, references) == index for index, each in enumerate(made))
        figures.append(Figures(name, count, distance, right, len(made)))
    return figures


def rms(one: Pixels, other: Pixels) -> float:
    """Root-mean-square distance of two pictures of one size, of 255."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def nearest(picture: Pixels, others: Sequence[Pixels]) -> int:
    """Which of the others it is most like, as it is or mirrored, seen from afar."""
    looks = (_small(picture), _small(picture[:, ::-1]))
    return int(np.argmin([min(rms(look, _small(other)) for look in looks) for other in others]))


def table(figures: Sequence[Figures], offered: frozenset[str]) -> str:
    """The figures in Markdown, a line for each sampler: distance, and how many are right where not all are."""
    steps = sorted({each.steps for each in figures})
    lines = [
        "| scheduler | " + " | ".join(f"{count} steps" for count in steps) + " | offered |",
        "|---" * (len(steps) + 2) + "|",
    ]
    for name in dict.fromkeys(each.scheduler for each in figures):
        cells = [_cell(each) for each in figures if each.scheduler == name]
        lines.append(f"| `{name}` | " + " | ".join(cells) + f" | {'yes' if name in offered else 'no'} |")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Measure and print the table; returns the exit code."""
    options = _parser().parse_args(words)
    offer = replace(OFFER, path=options.model, schedulers=None, native_size=None)
    try:
        figures = asyncio.run(_measured(offer, options))
    except ExecutionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps([asdict(each) for each in figures], indent=1))
    else:
        print(table(figures, OFFER.schedulers or frozenset()))
    return 0


async def _measured(offer: ModelOffer, options: argparse.Namespace) -> list[Figures]:
    with tempfile.TemporaryDirectory() as folder:
        async with drawing(offer, Path(folder), device="cpu", threads=options.threads) as draw:
            return await measure(
                _native(draw, offer),
                options.scheduler or scheduler_names(),
                options.steps or STEPS,
                PROMPTS[: options.prompts],
                seed=options.seed,
                cfg_scale=options.cfg or offer.defaults.cfg_scale,
            )


def _native(draw: Draw, offer: ModelOffer) -> Draw:
    """Pictures as the model makes them, not scaled."""
    unet, vae = (json.loads((offer.path / part / "config.json").read_text()) for part in ("unet", "vae"))
    side = unet["sample_size"] * 2 ** (len(vae["block_out_channels"]) - 1)
    return lambda prompt, /, **wishes: draw(prompt, width=side, height=side, **wishes)


def _pixels(file: Path) -> Pixels:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), np.float32)


def _small(picture: Pixels) -> Pixels:
    image = Image.fromarray(picture.round().clip(0, 255).astype(np.uint8))
    return np.asarray(image.resize((_SMALL, _SMALL), Image.Resampling.BOX), np.float32)


def _cell(figures: Figures) -> str:
    if figures.distance is None:
        return "fails"
    right = "" if figures.right == figures.of else f" ({figures.right} of {figures.of} right)"
    return f"{figures.distance:.1f}{right}"


def _bar(work: Sequence[tuple[str, int]]) -> Iterable[tuple[str, int]]:
    return track(work, "measuring", console=Console(stderr=True), disable=not sys.stderr.isatty())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m invoke_model_emoji.schedulers", description=__doc__)
    parser.add_argument("--model", type=Path, default=OFFER.path, help="default: the one that is shipped")
    parser.add_argument(
        "--scheduler", action="append", choices=scheduler_names(), metavar="NAME", help="repeatable; default: all"
    )
    parser.add_argument("--steps", action="append", type=_count, help="repeatable; default: 4, 12, 20 and 50")
    parser.add_argument("--prompts", type=_count, default=len(PROMPTS), help=f"how many of {len(PROMPTS)}")
    parser.add_argument("--cfg", type=float, help="default: the model's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=_count, default=1)
    parser.add_argument("--json", action="store_true", help="all figures as JSON, with what failed and why")
    return parser


def _count(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
