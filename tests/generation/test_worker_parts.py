"""The worker's parts that no picture shows: models that come and go, the prompt cache, noise in half precision."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from invoke_model_emoji import OFFER

from invoke_host.api import Canceled
from invoke_host.generation.schedulers import AVAILABLE, SCHEDULERS
from invoke_host.generation.worker import devices, samplers
from invoke_host.generation.worker.loading import ModelShelf, is_out_of_memory
from invoke_host.generation.worker.prompt_cache import PromptCache
from invoke_host.generation.worker.text_to_image import generate


@pytest.fixture(scope="module")
def place():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads on a busy machine wait for each other most of the time
    yield devices.take("cpu")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model(place):
    return ModelShelf(place, 1).get(OFFER)


@pytest.fixture
def twins(tmp_path):
    return [
        replace(OFFER, key=name, path=shutil.copytree(OFFER.path, tmp_path / name)) for name in ("one", "two", "three")
    ]


def test_the_least_recently_used_model_leaves_when_there_are_too_many(place, twins):
    one, two, three = twins
    shelf = ModelShelf(place, 2)
    first = shelf.get(one)
    shelf.get(two)
    assert shelf.get(one) is first
    shelf.get(three)
    assert [shelf.has(each) for each in twins] == [True, False, True]


def test_a_model_that_needs_room_can_have_all_of_it(place, twins):
    one, two, _ = twins
    shelf = ModelShelf(place, 3)
    kept = shelf.get(one)
    shelf.get(two)
    assert shelf.drop_others(one)
    assert shelf.get(one) is kept
    assert not shelf.has(two)
    assert not shelf.drop_others(one)


def test_a_prompt_is_encoded_once_and_the_cache_stays_within_its_bytes(model):
    size = PromptCache(1 << 20).embedding(model, "a").nbytes
    cache = PromptCache(2 * size)
    first = cache.embedding(model, "a")
    assert cache.embedding(model, "a") is first
    cache.embedding(model, "b")
    cache.embedding(model, "c")  # pushes out "a"
    again = cache.embedding(model, "a")
    assert again is not first
    assert torch.equal(again, first)
    assert PromptCache(0).embedding(model, "a") is not first


@pytest.mark.parametrize("name", sorted(AVAILABLE))
def test_every_available_scheduler_can_be_built_for_any_number_of_steps(model, name):
    for steps in (1, 50, 150):
        scheduler = samplers.build(name, model.scheduler_config, seed=0, steps=steps, dtype=torch.float32)
        assert isinstance(scheduler, getattr(__import__("diffusers"), SCHEDULERS[name].diffusers_class))


@pytest.mark.filterwarnings("ignore:Should have:UserWarning")  # pytest undoes the worker's own filter for torchsde
@pytest.mark.parametrize("scheduler", ["dpmpp_2m", "euler_a", "dpmpp_sde"])
def test_half_precision_gives_the_same_picture_because_noise_is_always_drawn_in_float32(
    place, model, make_job, scheduler
):
    half = ModelShelf(replace(place, dtype=torch.bfloat16), 1).get(OFFER)
    job = make_job(scheduler=scheduler, steps=6)
    exact, coarse = (picture(job, each).astype(float) for each in (model, half))
    assert np.sqrt(np.mean((exact - coarse) ** 2)) < 8


def test_the_sampler_keeps_the_signature_in_which_the_pipeline_looks_for_a_generator(model):
    scheduler = samplers.build("euler_a", model.scheduler_config, seed=0, steps=4, dtype=torch.float16)
    model.pipeline.scheduler = scheduler
    assert "generator" in model.pipeline.prepare_extra_step_kwargs(torch.Generator(), 0.0)


def test_all_ways_in_which_torch_says_out_of_memory_are_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_a_device_that_torch_can_not_use_is_refused_with_those_it_can():
    with pytest.raises(ValueError, match=r"the device 'quantum' can't be used: .*; devices here: (cpu|cuda:0)"):
        devices.take("quantum")


@pytest.mark.parametrize("during", [1, 3, 7])
def test_a_cancel_that_comes_while_a_step_runs_ends_the_picture_before_the_next_one(model, make_job, during):
    calls, steps = 0, []

    def count(*_):
        nonlocal calls
        calls += 1

    hook = model.pipeline.unet.register_forward_hook(count)
    try:
        with pytest.raises(Canceled):
            generate(
                make_job(steps=8),
                model,
                PromptCache(0),
                canceled=lambda: calls >= during,
                stepped=steps.append,
                last_step=lambda: None,
            )
    finally:
        hook.remove()
    assert calls == during
    assert steps == list(range(1, during))


def picture(job, model):
    return generate(
        job,
        model,
        PromptCache(0),
        canceled=lambda: False,
        stepped=lambda step: None,
        last_step=lambda: None,
    )
