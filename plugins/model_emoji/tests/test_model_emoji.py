"""The package holds a whole model, says what it is, and the model draws what it was asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from invoke_model_emoji import OFFER, REFUSALS, SCHEDULERS, plugin
from invoke_model_emoji.training.log import read
from invoke_model_emoji.training.settings import STAGES, for_cpu
from safetensors.torch import load_file

from invoke_host.testing.contracts.manifest import ManifestContract
from invoke_host.testing.drawing import scheduler_names

#: What only training, measuring and the worker need.
HEAVY = {"torch", "diffusers", "transformers", "numpy", "PIL", "resvg_py", "matplotlib"}
MOST_BYTES = 60_000_000
WIDTH, HEIGHT = OFFER.native_size


class TestManifest(ManifestContract):
    """The contract that every plugin keeps."""

    plugin = "model_emoji"


def test_the_entry_point_is_the_plugin():
    [entry] = [each for each in entry_points(group="invoke_host.plugins") if each.name == "model_emoji"]
    assert entry.load() is plugin


def test_the_web_process_loads_the_plugin_without_torch_and_without_what_trains_the_model():
    code = f"import sys, invoke_model_emoji; print(*{HEAVY} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_model_s_own_default_request_is_one_that_it_can_do():
    [offer] = plugin.invoke_models()
    assert offer.default
    assert offer.defaults.scheduler in offer.schedulers
    assert offer.defaults.width % WIDTH == offer.defaults.height % HEIGHT == 0


def test_every_sampler_of_the_host_is_offered_or_refused_with_a_reason():
    assert sorted([*SCHEDULERS, *REFUSALS]) == sorted(scheduler_names())
    assert all(10 < len(reason) < 200 and not reason.endswith(".") for reason in REFUSALS.values())


def test_the_weights_are_safetensors_in_half_precision_and_small():
    weights = list(OFFER.path.rglob("*.safetensors"))
    assert len(weights) == 3
    assert not [file for kind in ("bin", "pt", "ckpt") for file in OFFER.path.rglob(f"*.{kind}")]
    assert sum(file.stat().st_size for file in OFFER.path.rglob("*") if file.is_file()) <= MOST_BYTES
    for file in weights:
        assert {each.dtype for each in load_file(file).values() if each.is_floating_point()} == {torch.float16}


def test_samplers_that_clip_latents_unless_they_are_told_not_to_are_told():
    config = diffusers.DDIMScheduler.load_config(OFFER.path / "scheduler")
    assert (config["clip_sample"], config["set_alpha_to_one"]) == (False, False)


@pytest.fixture(scope="module")
def draw():
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        OFFER.path, dtype=torch.float32, local_files_only=True, low_cpu_mem_usage=False
    )
    pipeline.set_progress_bar_config(disable=True)

    def one(prompt: str) -> np.ndarray:
        made = pipeline(
            prompt,
            width=WIDTH,
            height=HEIGHT,
            num_inference_steps=OFFER.defaults.steps,
            guidance_scale=OFFER.defaults.cfg_scale,
            generator=torch.Generator("cpu").manual_seed(0),
        ).images[0]
        return np.asarray(made).astype(float)

    return one


@pytest.mark.parametrize(
    ("prompt", "strongest"), [("a red apple", 0), ("a green heart", 1), ("a blue car", 2), ("a red apple, 4k photo", 0)]
)
def test_the_thing_in_the_middle_has_the_colour_that_was_asked_for(draw, prompt, strongest):
    middle = draw(prompt)[HEIGHT // 3 : -HEIGHT // 3, WIDTH // 3 : -WIDTH // 3].mean(axis=(0, 1))
    assert middle.argmax() == strongest
    assert middle.max() - middle.min() > 40


def test_the_ground_has_the_colour_that_was_asked_for(draw):
    corners = draw("black cat on a yellow background")[: HEIGHT // 16, : WIDTH // 16].mean(axis=(0, 1))
    assert corners[0] > 180
    assert corners[1] > 150
    assert corners[2] < 120


def test_two_things_stand_side_by_side_the_first_one_left(draw):
    made = draw("a key and a fish")
    left, right = made[:, : WIDTH // 2], made[:, WIDTH // 2 :]
    assert (left[..., 0] - left[..., 2]).mean() > 20
    assert (right[..., 2] - right[..., 0]).mean() > 10


@pytest.mark.parametrize("page", ["README.md", "MODEL_CARD.md", "NOTICE"])
def test_nothing_in_the_papers_waits_to_be_filled_in(page):
    assert "@@" not in (Path(__file__).parents[1] / page).read_text()


def test_what_named_the_model_before_it_gets_this_one():
    assert {"emoji-baseline", "Emoji Baseline"} <= set(OFFER.formerly)
    assert OFFER.key not in OFFER.formerly


def test_the_preset_for_a_cpu_repeats_the_run_that_the_shipped_weights_are_of():
    settings = for_cpu(Path(), Path())
    stages = read(Path(__file__).parents[1] / "run" / "log.csv")
    assert list(stages) == list(STAGES)
    for name, budget in settings.budgets.items():
        last = stages[name][-1]
        assert (last.step, last.samples) == (budget.steps, budget.steps * budget.batch * settings.processes)
