"""(f) Contact sheets for people to look at."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import torch

from invoke_model_emoji.evaluation.bench import Bench
from invoke_model_emoji.evaluation.prompts import WELL_KNOWN, Combination, combinations
from invoke_model_emoji.evaluation.sheet import sheet

_STEPS, _CFG = (4, 8, 12, 20), (1.0, 2.0, 3.0, 5.0)
_STEPS_PROMPTS = ("a red apple", "a cat and a dog")
_SEEDS = 8
_OF_EACH_KIND = 11


@dataclass(frozen=True, slots=True)
class Sheets:
    """The files, in the report's folder."""

    files: list[str]

    def lines(self) -> list[str]:
        return [f"![{each.removesuffix('.webp')}]({each})" for each in self.files]


def count(bench: Bench) -> int:
    seeds = len(bench.some(WELL_KNOWN[:_SEEDS])) * _SEEDS
    steps = len(bench.some(_STEPS_PROMPTS)) * len(_STEPS) * len(_CFG)
    return len(bench.some(WELL_KNOWN)) + len(_combinations(bench)) + seeds + steps


def measure(bench: Bench) -> Sheets:
    return Sheets([_concepts(bench), _held_out(bench), _seeds(bench), _steps(bench)])


def _concepts(bench: Bench) -> str:
    prompts = bench.some(WELL_KNOWN)
    name = "sheet-concepts.webp"
    sheet(bench.draw(prompts), prompts, bench.out / name, columns=8)
    return name


def _held_out(bench: Bench) -> str:
    prompts = [each.prompt for each in _combinations(bench)]
    name = "sheet-combinations.webp"
    sheet(bench.draw(prompts), prompts, bench.out / name, columns=_OF_EACH_KIND if bench.quick is None else 8)
    return name


def _seeds(bench: Bench) -> str:
    prompts = [prompt for prompt in bench.some(WELL_KNOWN[:_SEEDS]) for _ in range(_SEEDS)]
    seeds = [bench.seed + index % _SEEDS for index in range(len(prompts))]
    captions = [f"{prompt}, seed {seed}" for prompt, seed in zip(prompts, seeds, strict=True)]
    name = "sheet-seeds.webp"
    sheet(bench.artist.draw(prompts, seeds, bench.how), captions, bench.out / name, columns=_SEEDS)
    return name


def _steps(bench: Bench) -> str:
    pictures, captions = [], []
    prompts = bench.some(_STEPS_PROMPTS)
    for prompt, cfg, steps in itertools.product(prompts, _CFG, _STEPS):
        pictures.append(bench.artist.draw([prompt], [bench.seed], replace(bench.how, steps=steps, cfg=cfg)))
        captions.append(f"{steps} steps, CFG {cfg:g}")
    name = "sheet-steps.webp"
    sheet(torch.cat(pictures), captions, bench.out / name, columns=2 * len(_STEPS))
    return name


def _combinations(bench: Bench) -> list[Combination]:
    """The first ones of each kind of the measured list: nobody picked them."""
    return combinations(bench.drawings, _OF_EACH_KIND if bench.quick is None else max(1, bench.quick // 3))
