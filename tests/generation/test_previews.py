"""Previews: what they look like, that they are small and seldom, and that no picture changes for being watched."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
import pytest_asyncio
import torch
from invoke_model_emoji import OFFER
from PIL import Image

from invoke_host.api import JobDone, JobPreview, JobProgress
from invoke_host.generation.protocol import MAX_FRAME_BYTES, encode
from invoke_host.generation.worker import devices, previews
from invoke_host.generation.worker.loading import ModelShelf
from invoke_host.generation.worker.previews import MAX_BYTES, Previewer, finished, jpeg
from invoke_host.generation.worker.projection import LONGEST, Projection, Projector, fit
from invoke_host.generation.worker.prompt_cache import PromptCache
from invoke_host.generation.worker.text_to_image import generate
from tests.generation.conftest import make_executor, until


@pytest.fixture(scope="module")
def model():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield ModelShelf(devices.take("cpu"), 1).get(OFFER)
    torch.set_num_threads(threads)


@pytest.fixture
def at_every_step(monkeypatch):
    monkeypatch.setattr(previews, "LEAST_S", 0.0)
    monkeypatch.setattr(previews, "_SHARE", 0)


def picture(job, model, previewer=None, stepped=lambda step: None):
    return generate(
        job,
        model,
        PromptCache(0),
        canceled=lambda: False,
        stepped=stepped,
        last_step=lambda: None,
        previewer=previewer,
    )


def watched(job, model):
    """The picture, and the previews by step."""
    previewer = Previewer(model.projector, lambda: True, job.width, job.height)
    seen = []
    made = picture(job, model, previewer, lambda step: seen.append((step, previewer.take())))
    return made, dict(seen)


def pixels(preview: JobPreview) -> np.ndarray:
    image = Image.open(io.BytesIO(base64.b64decode(preview.data_url.partition(",")[2])))
    assert image.format == "JPEG"
    return np.asarray(image, dtype=np.float32)


@pytest.mark.filterwarnings("ignore:Should have:UserWarning")
@pytest.mark.parametrize("scheduler", sorted(OFFER.schedulers))
def test_a_watched_picture_is_bitwise_the_same_and_its_last_preview_looks_like_it(
    model, make_job, at_every_step, scheduler
):
    job = make_job("a blue whale", scheduler=scheduler, steps=12)  # with fewer some samplers don't get far enough
    alone = picture(job, model)
    made, seen = watched(job, model)
    assert np.array_equal(made, alone)
    assert list(seen) == list(range(1, 13))
    assert all(seen.values())
    last = pixels(seen[12])
    assert last.shape == made.shape
    assert np.abs(last - made).mean() < 25  # of 255
    # It is the finished picture that is guessed: noise would be 85 away until the end.
    assert np.abs(pixels(seen[6]) - made).mean() < 60


def test_previews_are_shown_at_the_size_that_was_asked_for(model, make_job, at_every_step):
    _, seen = watched(make_job(width=512, height=320, steps=2), model)
    assert {(each.width, each.height) for each in seen.values()} == {(512, 320)}


def test_nobody_watching_costs_nothing(model, make_job, monkeypatch):
    def refuse(*_):
        raise AssertionError("a preview was made")

    monkeypatch.setattr(previews, "finished", refuse)
    unwatched = Previewer(Projector(None), lambda: False, 64, 64)
    picture(make_job(), model, unwatched)
    assert unwatched.take() is None


def test_there_are_four_a_second_at_most_and_fewer_where_they_take_long(model, make_job, monkeypatch):
    now = 0.0
    monkeypatch.setattr(previews, "time", SimpleNamespace(perf_counter=lambda: now))
    previewer = Previewer(model.projector, lambda: True, 64, 64)
    looks = []

    def stepped(step):
        nonlocal now
        now += 0.1
        if previewer.take():
            looks.append(step)

    picture(make_job(steps=8), model, previewer, stepped)
    assert looks == [1, 4, 7]

    class Slow:
        def pixels(self, latents):
            nonlocal now
            now += 0.01
            return np.zeros((8, 8, 3), np.uint8)

    looks.clear()
    now = 10.0
    previewer = Previewer(SimpleNamespace(get=Slow), lambda: True, 64, 64)
    picture(make_job(steps=22), model, previewer, stepped)
    assert looks == [1, 11, 21]


def test_a_preview_that_can_not_be_made_fails_no_picture(model, make_job, at_every_step, capsys):
    def broken():
        raise RuntimeError("no such thing")

    job = make_job()
    previewer = Previewer(SimpleNamespace(get=broken), lambda: True, 64, 64)
    assert np.array_equal(picture(job, model, previewer), picture(job, model))
    assert previewer.take() is None
    assert capsys.readouterr().err.count("RuntimeError: no such thing") == 1  # told once, not at every step


def test_a_model_whose_autoencoder_gives_no_numbers_has_no_previews(model, make_job, at_every_step):
    class Overflowing:
        device, dtype, config = torch.device("cpu"), torch.float32, model.pipeline.vae.config

        def encode(self, picture):
            return model.pipeline.vae.encode(picture)

        def decode(self, latents, return_dict):
            return (model.pipeline.vae.decode(latents).sample * float("nan"),)

    projector = Projector(Overflowing())
    assert projector.get() is None
    previewer = Previewer(projector, lambda: True, 64, 64)
    picture(make_job(), model, previewer)
    assert previewer.take() is None


def test_the_fit_draws_nothing_from_the_generators_that_pictures_depend_on(model):
    before = torch.get_rng_state()
    fit(model.pipeline.vae)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (12, 20), (64, 64), (128, 96), (256, 8)])
def test_no_side_is_longer_than_it_may_be_and_the_shape_stays(rows, columns):
    made = Projection(torch.rand(5, 3, 8, 8)).pixels(torch.randn(4, rows, columns))
    assert made.shape[0] * columns == made.shape[1] * rows
    assert max(made.shape) <= max(LONGEST, rows, columns)


@pytest.mark.parametrize("side", [8, 64, 128, 256])
def test_even_noise_fits_into_the_size_that_a_preview_may_have(side):
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    data = jpeg(Image.fromarray(noise))
    assert len(data) <= MAX_BYTES
    preview = JobPreview(1024, 1024, f"data:image/jpeg;base64,{base64.b64encode(data).decode()}")
    assert len(encode(JobProgress("job", 1, 30, preview=preview))) < 10_000 < MAX_FRAME_BYTES


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_what_is_under_the_noise_is_found_for_every_kind_of_prediction(kind):
    clean, noise = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    table = torch.linspace(0.99, 0.01, 1000)
    alpha = table[700]
    seen = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
    said = {"epsilon": noise, "v_prediction": alpha.sqrt() * noise - (1 - alpha).sqrt() * clean, "sample": clean}[kind]
    scheduler = SimpleNamespace(
        scale_model_input=lambda sample, timestep: sample / 3,
        config=SimpleNamespace(prediction_type=kind),
        alphas_cumprod=table,
    )
    assert torch.allclose(finished(scheduler, said, torch.tensor(700), seen * 3), clean, atol=1e-4)


@pytest.mark.parametrize("url", ["", "data:text/html;base64,AAAA", "https://a.example/x.jpg", "data:image/svg+xml,x"])
def test_what_is_no_small_picture_is_no_preview(url):
    with pytest.raises(ValueError, match="JPEG or a WebP"):
        JobPreview(64, 64, url)
    with pytest.raises(ValueError, match="over"):
        JobPreview(64, 64, "data:image/webp;base64," + "A" * JobPreview.MAX_CHARS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor():
    executor = make_executor()
    await executor.start()
    await executor.capacity()
    yield executor
    await executor.stop(grace_s=5)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_worker_sends_previews_of_the_jobs_that_are_watched_and_only_while_they_are(executor, make_job):
    executor.preview("nobody", True)
    job = make_job(steps=150)
    events = executor.submit(job)
    async for event in events:
        assert not (isinstance(event, JobProgress) and event.preview)
        if isinstance(event, JobProgress) and event.step == 2:
            break
    executor.preview(job.id, True)
    async for event in events:
        if isinstance(event, JobProgress) and event.preview is not None:
            assert len(event.preview.data_url) < 8300
            break
    executor.preview(job.id, False)
    executor.preview(job.id, False)
    later = [event.preview for event in [event async for event in events] if isinstance(event, JobProgress)]
    assert later
    assert sum(preview is not None for preview in later) <= 1  # one was on its way


@pytest.mark.asyncio(loop_scope="module")
async def test_a_job_that_still_waits_is_watched_from_its_first_step(executor, make_job):
    running, waiting = make_job(steps=8), make_job()
    first, second = executor.submit(running), executor.submit(waiting)
    executor.preview(waiting.id, True)
    of_first = [event async for event in first]
    of_second = [event async for event in second]
    assert isinstance(of_first[-1], JobDone)
    assert not any(event.preview for event in of_first if isinstance(event, JobProgress))
    assert any(event.preview for event in of_second if isinstance(event, JobProgress))
    await until(lambda: not executor._previewed)
