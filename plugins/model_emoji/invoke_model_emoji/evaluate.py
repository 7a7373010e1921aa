"""`python -m invoke_model_emoji.evaluate`: how good a model is, by the drawings it should have learned."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from invoke_model_emoji import OFFER
from invoke_model_emoji.data import drawings
from invoke_model_emoji.data.sources import STYLES
from invoke_model_emoji.errors import DataError
from invoke_model_emoji.evaluation.artist import Artist, How
from invoke_model_emoji.evaluation.bench import Bench, Result
from invoke_model_emoji.evaluation.parts import PARTS
from invoke_model_emoji.evaluation.report import Report, size_of
from invoke_model_emoji.evaluation.samplers import SAMPLERS

#: How the first model that this package had is drawn: its own defaults.
BASELINE_HOW = How(12, 3.0, "dpmpp_2m")


def main(words: list[str] | None = None) -> int:
    """Evaluate; returns the exit code."""
    options = _parser().parse_args(words)
    torch.set_num_threads(options.threads)
    try:
        report = evaluate(options)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped; what was finished is in {options.out}", file=sys.stderr)
        return 130
    print(json.dumps(report.as_json(), ensure_ascii=False) if options.json else report.as_markdown())
    return 0


def evaluate(options: argparse.Namespace) -> Report:
    """Measure all parts that were asked for; the report is written after each of them."""
    results: dict[str, Result] = {}
    how = How(options.steps, options.cfg, options.scheduler)
    with _bars() as start:
        ticks: list[Callable[[], None]] = []

        def told() -> None:
            ticks[-1]()

        bench = Bench(
            Artist(options.model, told),
            options.baseline and Artist(options.baseline, told),
            drawings.load(options.cache, tuple(options.style or ("noto",)), _say),
            tuple(options.style or ("noto",)),
            how,
            BASELINE_HOW,
            options.seed,
            options.quick,
            (options.model, options.baseline),
            options.out,
        )
        for name in [each for each in PARTS if each in (options.only or PARTS)]:
            ticks.append(start(name, PARTS[name].count(bench)))
            results[name] = PARTS[name].measure(bench)
            report = Report(
                options.model.name,
                options.baseline and options.baseline.name,
                how,
                options.seed,
                options.quick,
                size_of(options.model),
                dict(results),
            )
            report.write(options.out)
    return report


def _say(words: str) -> None:
    print(words, file=sys.stderr)


@contextmanager
def _bars() -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """Gives a function that starts a bar of so many pictures and returns what moves it on by one."""
    columns = (
        TextColumn("{task.description:12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:

        def start(name: str, pictures: int) -> Callable[[], None]:
            task = bars.add_task(name, total=pictures)
            return lambda: bars.advance(task)

        yield start


def _positive(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is no whole number from 1 on")
    return int(word)


def _parser() -> argparse.ArgumentParser:
    usual = OFFER.defaults
    parser = argparse.ArgumentParser(prog="python -m invoke_model_emoji.evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, default=OFFER.path, help="a diffusers folder (default: the shipped one)")
    parser.add_argument("--baseline", type=Path, help="another model's folder, to compare with")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/invoke-model-emoji", help="downloaded data")
    parser.add_argument("--out", type=Path, default=Path("emoji-evaluation"), help="where reports and sheets go")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="a part, repeat it for several")
    parser.add_argument("--steps", type=_positive, default=usual.steps)
    parser.add_argument("--cfg", type=float, default=usual.cfg_scale)
    parser.add_argument("--scheduler", choices=list(SAMPLERS), default=usual.scheduler)
    parser.add_argument("--seed", type=int, default=0, help="of the first picture of each part")
    parser.add_argument("--style", action="append", choices=list(STYLES), help="default: noto")
    parser.add_argument("--threads", type=_positive, default=2)
    parser.add_argument("--quick", type=_positive, metavar="N", help="at most N prompts a part, to try it out")
    parser.add_argument("--json", action="store_true", help="print report.json instead of report.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
