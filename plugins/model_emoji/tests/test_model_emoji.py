"""The package holds a whole model, says what it is, and the model draws what it was asked for."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from invoke_model_emoji import OFFER, plugin

from invoke_host.testing.contracts.manifest import ManifestContract


class TestManifest(ManifestContract):
    """The contract that every plugin keeps."""

    plugin = "model_emoji"


def test_the_entry_point_is_the_plugin():
    [entry] = [each for each in entry_points(group="invoke_host.plugins") if each.name == "model_emoji"]
    assert entry.load() is plugin


def test_the_model_s_own_default_request_is_one_that_it_can_do():
    [offer] = plugin.invoke_models()
    assert offer.defaults.scheduler in offer.schedulers
    assert (offer.default, offer.native_size) == (True, (64, 64))


def test_the_weights_and_their_notice_are_in_the_package():
    weights = list(OFFER.path.rglob("*.safetensors"))
    assert len(weights) == 3
    assert not list(OFFER.path.rglob("*.bin"))
    notice = (Path(__file__).parents[1] / "NOTICE").read_text()
    assert "Noto Color Emoji" in notice
    assert "Unicode-DFS-2016" in notice


@pytest.fixture(scope="module")
def draw():
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        OFFER.path, dtype=torch.float32, local_files_only=True, low_cpu_mem_usage=False
    )
    pipeline.set_progress_bar_config(disable=True)

    def one(prompt: str) -> np.ndarray:
        generator = torch.Generator("cpu").manual_seed(0)
        made = pipeline(
            prompt, height=64, width=64, num_inference_steps=8, guidance_scale=3.0, generator=generator
        ).images[0]
        return np.asarray(made).astype(float)

    return one


@pytest.mark.parametrize(
    ("prompt", "strongest"), [("a red apple", 0), ("a green heart", 1), ("a blue car", 2), ("a red apple, 4k photo", 0)]
)
def test_the_thing_in_the_middle_has_the_colour_that_was_asked_for(draw, prompt, strongest):
    middle = draw(prompt)[20:44, 20:44].mean(axis=(0, 1))
    assert middle.argmax() == strongest
    assert middle.max() - middle.min() > 60


def test_the_ground_has_the_colour_that_was_asked_for(draw):
    corners = draw("black cat on a yellow background")[:4, :4].mean(axis=(0, 1))
    assert corners[0] > 180
    assert corners[1] > 150
    assert corners[2] < 120
