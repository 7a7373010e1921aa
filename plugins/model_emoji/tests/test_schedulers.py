"""Measuring the samplers: what the figures mean, what is told of one that fails, and a real run of the program."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from invoke_model_emoji import OFFER, REFUSALS, schedulers
from invoke_model_emoji.schedulers import Figures, measure, nearest, rms, table
from PIL import Image

from invoke_host.api import ExecutionError, InvalidInput, ModelUnusable
from invoke_host.testing.drawing import drawing, scheduler_names


def blot(colour: tuple[int, int, int], left: int = 4) -> np.ndarray:
    """A square on white, of 64 x 64 pixels."""
    picture = np.full((64, 64, 3), 255, np.float32)
    picture[16:48, left : left + 32] = colour
    return picture


def test_the_distance_is_in_the_units_of_pixels():
    assert rms(blot((0, 0, 0)), blot((0, 0, 0))) == 0
    assert rms(np.zeros((8, 8, 3), np.float32), np.full((8, 8, 3), 30, np.float32)) == 30


def test_a_picture_is_that_of_its_prompt_also_when_it_is_mirrored_and_noise_is_that_of_none():
    others = [blot((200, 0, 0)), blot((0, 0, 200))]
    assert [nearest(each, others) for each in others] == [0, 1]
    assert nearest(others[1][:, ::-1], others) == 1
    assert nearest(255 - others[0], others) == nearest(255 - others[0][:, ::-1], others)


@dataclass
class Painter:
    """Draws a blot of the prompt's colour; what the sampler `wrong` draws is of another prompt."""

    folder: Path

    async def __call__(self, prompt: str, /, *, scheduler: str, steps: int, seed: int, cfg_scale: float) -> Output:
        if scheduler == "broken":
            raise ExecutionError("no valid picture")
        colour = {"red": (220, 0, 0), "blue": (0, 0, 220)}[prompt]
        pixels = blot(colour[::-1] if scheduler == "wrong" else colour) - (10 if steps < 10 else 0)
        file = self.folder / f"{prompt}-{scheduler}-{steps}.png"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file)
        return Output(file)


@dataclass
class Output:
    image: Path


async def test_each_sampler_has_its_figures_for_each_number_of_steps(tmp_path):
    names = ["dpmpp_2m", "wrong", "broken"]
    figures = await measure(Painter(tmp_path), names, [4, 50], ["red", "blue"], cfg_scale=3.0)
    assert [(each.scheduler, each.steps, each.right, each.of) for each in figures] == [
        ("dpmpp_2m", 4, 2, 2),
        ("dpmpp_2m", 50, 2, 2),
        ("wrong", 4, 0, 2),
        ("wrong", 50, 0, 2),
        ("broken", 4, 0, 2),
        ("broken", 50, 0, 2),
    ]
    assert 5 < figures[0].distance < 10
    assert figures[1].distance == 0
    assert figures[2].distance > 60
    assert (figures[4].distance, figures[4].failure) == (None, "no valid picture")


def test_the_table_says_how_far_how_many_are_right_where_not_all_are_and_what_is_offered():
    figures = [
        Figures("ddim", 4, 12.34, 8, 8),
        Figures("ddim", 20, 1.0, 8, 8),
        Figures("heun", 4, 155.0, 1, 8),
        Figures("heun", 20, None, 0, 8, "no valid picture"),
    ]
    assert table(figures, frozenset({"ddim"})).splitlines() == [
        "| scheduler | 4 steps | 20 steps | offered |",
        "|---|---|---|---|",
        "| `ddim` | 12.3 | 1.0 | yes |",
        "| `heun` | 155.0 (1 of 8 right) | fails | no |",
    ]


@pytest.mark.timeout(170)
def test_the_program_measures_the_shipped_model_in_the_host_s_own_worker(capsys):
    assert schedulers.main(["--scheduler", "euler", "--steps", "6", "--prompts", "2", "--json"]) == 0
    [figures] = json.loads(capsys.readouterr().out)
    assert (figures["scheduler"], figures["right"], figures["of"]) == ("euler", 2, 2)
    assert 0 < figures["distance"] < 60


def test_a_folder_that_is_no_model_ends_with_one_sentence(capsys, tmp_path):
    assert schedulers.main(["--model", str(tmp_path)]) == 1
    assert "model_index.json is missing" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--steps", "0"], ["--steps", "many"], ["--scheduler", "magic"]], ids=" ".join)
def test_what_is_no_number_of_steps_and_no_sampler_is_refused_before_anything_starts(capsys, words):
    with pytest.raises(SystemExit):
        schedulers.main(words)
    assert words[0] in capsys.readouterr().err


@pytest.mark.timeout(170)
async def test_the_kit_draws_as_the_host_does_and_refuses_what_it_refuses(tmp_path):
    async with drawing(OFFER, tmp_path) as draw:
        output = await draw("a red apple", steps=2, seed=5)
        refused = next(iter(REFUSALS), "er_sde")
        with pytest.raises(InvalidInput, match=refused):
            await draw("a red apple", scheduler=refused)
    assert (output.width, output.height) == (OFFER.defaults.width, OFFER.defaults.height)
    assert output.metadata["seed"] == 5
    with Image.open(output.image) as image:
        assert image.size == (output.width, output.height)


async def test_the_kit_tells_at_once_what_is_wrong_with_a_folder(tmp_path):
    with pytest.raises(ModelUnusable, match="its folder is missing"):
        async with drawing(replace(OFFER, path=tmp_path / "gone"), tmp_path):
            pass


def test_the_kit_names_the_samplers_that_can_be_asked_for():
    assert "dpmpp_2m" in scheduler_names()
    assert "er_sde" not in scheduler_names()
