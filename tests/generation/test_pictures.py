"""What comes out of a worker: the pixels of diffusers, whole files, true metadata, an honest word when it fails."""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
from dataclasses import replace

import numpy as np
import psutil
import pytest
import pytest_asyncio
from invoke_model_emoji import OFFER
from PIL import Image
from safetensors.numpy import load_file, save_file

from invoke_host.api import JobDone, JobFailed, JobOutput, JobProgress, JobStarted
from invoke_host.generation.schedulers import SCHEDULERS
from tests.generation.conftest import files, make_executor, run

#: Width and height at which the model works.
NATIVE = OFFER.native_size

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # torchsde on the last bit of a float32, when diffusers alone draws the noise
    pytest.mark.filterwarnings("ignore:Should have:UserWarning"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor():
    executor = make_executor()
    await executor.start()
    await executor.capacity()
    yield executor
    await executor.stop(grace_s=5)


@pytest.fixture(scope="module")
def diffusers_pipeline():
    import diffusers
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        OFFER.path, dtype=torch.float32, local_files_only=True, low_cpu_mem_usage=False
    )
    pipeline.set_progress_bar_config(disable=True)
    yield pipeline
    torch.set_num_threads(threads)


def raw_pixels(pipeline, job) -> np.ndarray:
    """The same picture from diffusers alone, as its documentation says to use it."""
    import diffusers
    import torch

    spec, config = SCHEDULERS[job.scheduler], OFFER.path / "scheduler"
    own = diffusers.DPMSolverMultistepScheduler.from_pretrained(config).config
    changes = {"noise_sampler_seed": job.seed} if job.scheduler.startswith("dpmpp_sde") else {}
    pipeline.scheduler = getattr(diffusers, spec.diffusers_class).from_config(own, **spec.overrides, **changes)
    picture = pipeline(
        job.positive_prompt,
        negative_prompt=job.negative_prompt,
        width=NATIVE[0],
        height=NATIVE[1],
        num_inference_steps=job.steps,
        guidance_scale=job.cfg_scale,
        generator=torch.Generator("cpu").manual_seed(job.seed),
    ).images[0]
    return np.asarray(picture)


def pixels(output: JobOutput) -> np.ndarray:
    return np.asarray(Image.open(output.image))


def output_of(events) -> JobOutput:
    [output] = [event for event in events if isinstance(event, JobOutput)]
    return output


async def test_a_job_starts_counts_its_steps_gives_its_output_and_is_done(executor, make_job):
    job = make_job(steps=4)
    events = await run(executor, job)
    steps = [event.step for event in events if isinstance(event, JobProgress) and not event.message]
    assert steps == [1, 2, 3, 4]
    assert events[0] == JobStarted(job.id, "cpu")
    assert [type(event) for event in events[-2:]] == [JobOutput, JobDone]
    assert events[-1].engine_s > 0


@pytest.mark.parametrize("scheduler", sorted(OFFER.schedulers))
async def test_every_offered_scheduler_gives_bitwise_the_picture_of_diffusers(
    executor, make_job, diffusers_pipeline, scheduler
):
    job = make_job("a blue car", scheduler=scheduler, steps=5, seed=2**32 - 1, width=NATIVE[0], height=NATIVE[1])
    made = pixels(output_of(await run(executor, job)))
    assert np.array_equal(made, raw_pixels(diffusers_pipeline, job))
    assert made.std() > 20  # a picture, not a plain field


@pytest.mark.parametrize(
    "wishes", [{"cfg_scale": 1.0}, {"negative_prompt": "red", "cfg_scale": 7.5}, {"steps": 1}, {"steps": 12}], ids=str
)
async def test_guidance_negative_prompt_and_steps_mean_what_they_mean_to_diffusers(
    executor, make_job, diffusers_pipeline, wishes
):
    job = make_job(width=NATIVE[0], height=NATIVE[1], **wishes)
    assert np.array_equal(pixels(output_of(await run(executor, job))), raw_pixels(diffusers_pipeline, job))


async def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(executor, make_job):
    first, again, other = [
        output_of(await run(executor, make_job(seed=seed, scheduler="euler_a", steps=5))) for seed in (7, 7, 8)
    ]
    assert first.image_sha256 == again.image_sha256
    assert first.thumbnail_sha256 == again.thumbnail_sha256
    assert not np.array_equal(pixels(first), pixels(other))


async def test_files_are_whole_hashed_and_alone_in_the_staging_folder(executor, make_job):
    job = make_job(width=512, height=320)
    output = output_of(await run(executor, job))
    assert files(job) == {"0.png", "0.webp"}
    assert hashlib.sha256(output.image.read_bytes()).hexdigest() == output.image_sha256
    assert hashlib.sha256(output.thumbnail.read_bytes()).hexdigest() == output.thumbnail_sha256
    assert (output.width, output.height) == (512, 320)
    with Image.open(output.image) as image, Image.open(output.thumbnail) as thumbnail:
        assert (image.format, image.size) == ("PNG", (512, 320))
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (256, 160))


async def test_a_picture_is_made_at_the_native_size_and_scaled_to_what_was_asked_for_and_tells_both(
    executor, make_job, diffusers_pipeline
):
    wide = make_job("a green star", width=3 * NATIVE[0], height=2 * NATIVE[1] - 8)
    output = output_of(await run(executor, wide))
    native = Image.fromarray(raw_pixels(diffusers_pipeline, wide))
    assert native.size == NATIVE
    with Image.open(output.image) as image:
        assert np.array_equal(image, native.resize((wide.width, wide.height), Image.Resampling.LANCZOS))
        core, own = (json.loads(image.info[name]) for name in ("invokeai_metadata", "invoke_host"))
    assert (core["width"], core["height"]) == (wide.width, wide.height)
    assert (own["native_width"], own["native_height"]) == NATIVE


async def test_the_picture_tells_how_to_make_it_again(executor, make_job):
    job = make_job("a ‘red’ äpple 🍎", negative_prompt="blue", width=192, height=192)
    output = output_of(await run(executor, job))
    with Image.open(output.image) as image:
        core, own = (json.loads(image.info[name]) for name in ("invokeai_metadata", "invoke_host"))
    assert core == dict(output.metadata) == dict(job.metadata)
    assert core["positive_prompt"] == "a ‘red’ äpple 🍎"
    assert (own["device"], own["dtype"], own["tier"]) == ("cpu", "float32", "exact")
    assert {"version", "torch", "diffusers"} < set(own)


async def test_cancel_stops_a_job_within_one_step_and_leaves_no_file(executor, make_job):
    job = make_job(steps=150)
    stream = executor.submit(job)
    async for event in stream:
        if isinstance(event, JobProgress) and event.step == 2:
            await executor.cancel(job.id)
            break
    rest = [event async for event in stream]
    assert rest[-1] == JobFailed(job.id, "canceled", "The picture was canceled.")
    # Two steps may have been on their way when the word arrived, on a machine this busy; it does not run to its end.
    assert len(rest) <= 10
    assert files(job) == set()


async def test_cancel_before_the_start_and_of_unknown_jobs(executor, make_job):
    await executor.cancel("nobody")
    running, waiting = make_job(steps=150), make_job()
    first, second = executor.submit(running), executor.submit(waiting)
    await executor.cancel(waiting.id)
    assert [event async for event in second] == [JobFailed(waiting.id, "canceled", "The picture was canceled.")]
    await executor.cancel(running.id)
    assert [event async for event in first][-1].code == "canceled"


async def test_the_next_job_is_asked_for_while_the_last_step_runs(executor, make_job):
    await executor.capacity()
    stream = executor.submit(make_job(steps=8))
    assert await executor.capacity() == 1  # the worker grants it on its way into the last step
    seen = [await anext(stream) for _ in range(8)]
    assert seen[-1].step == 7
    await run(executor, make_job())
    assert [type(event) async for event in stream][-1] is JobDone


async def test_a_damaged_model_fails_its_job_with_a_sentence_and_the_next_job_works(executor, make_job, tmp_path):
    folder = shutil.copytree(OFFER.path, tmp_path / "model")
    job = make_job(model=replace(OFFER, key="damaged", name="Damaged", path=folder))
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    [*_, failed] = await run(executor, job)
    assert (failed.code, failed.retry) == ("model_unusable", False)
    assert failed.message.startswith("The model 'Damaged' can't be used: its file unet/diffusion_pytorch_model")
    assert isinstance((await run(executor, make_job()))[-1], JobDone)


async def test_weights_that_do_not_fit_the_configuration_are_an_unusable_model(executor, make_job, tmp_path):
    folder = shutil.copytree(OFFER.path, tmp_path / "model")
    config = folder / "unet" / "config.json"
    said = json.loads(config.read_text())
    said["block_out_channels"][-1] *= 2
    config.write_text(json.dumps(said))
    [*_, failed] = await run(executor, make_job(model=replace(OFFER, key="misfit", name="Misfit", path=folder)))
    assert failed.code == "model_unusable"
    assert failed.message.startswith("The model 'Misfit' can't be loaded")


async def test_a_staging_folder_that_is_gone_fails_the_job_only(executor, make_job):
    job = make_job()
    job.staging.rmdir()
    [*_, failed] = await run(executor, job)
    assert (failed.code, failed.message) == (
        "storage_failed",
        "The picture could not be written: No such file or directory.",
    )
    assert isinstance((await run(executor, make_job()))[-1], JobDone)


async def test_a_file_that_can_not_be_written_whole_fails_the_job_only_and_has_no_final_name(executor, make_job):
    [pid] = executor.pids().values()
    job = make_job(width=256, height=256)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    [*_, failed] = await run(executor, job)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert (failed.code, failed.retry) == ("storage_failed", False)
    assert failed.message == "The picture could not be written: File too large."
    assert files(job) == {"0.png.part"}
    assert isinstance((await run(executor, make_job()))[-1], JobDone)


async def test_a_picture_with_not_a_number_in_it_is_a_failure_and_not_a_black_square(executor, make_job, tmp_path):
    folder = shutil.copytree(OFFER.path, tmp_path / "model")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["conv_out.bias"][0] = float("nan")
    save_file(tensors, weights, {"format": "pt"})
    lost = replace(OFFER, key="lost", name="Lost", path=folder)
    [*_, failed] = await run(executor, make_job(model=lost, scheduler="euler", steps=4))
    assert failed.code == "execution_error"
    assert "The model 'Lost' gave no valid picture with scheduler 'euler', 4 steps" in failed.message


async def test_out_of_memory_fails_the_item_with_its_size_and_the_worker_lives_on(executor, make_job):
    await run(executor, make_job())
    [pid] = executor.pids().values()
    used = psutil.Process(pid).memory_info().vms
    resource.prlimit(pid, resource.RLIMIT_AS, (used + 32 * 2**20, resource.RLIM_INFINITY))
    big = make_job(model=replace(OFFER, native_size=None), width=2048, height=2048, steps=1)
    [*_, failed] = await run(executor, big)
    resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert (failed.code, failed.retry) == ("out_of_memory", False)
    assert failed.message == "cpu has too little memory for 2048x2048; ask for a smaller picture."
    assert isinstance((await run(executor, make_job()))[-1], JobDone)
    assert list(executor.pids().values()) == [pid]
