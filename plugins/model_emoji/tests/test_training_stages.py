"""Each stage has a loss that its own parameters can lower, and only they."""

from __future__ import annotations

import pytest
import torch
import toy_emoji
from invoke_model_emoji.latents import Basis
from invoke_model_emoji.networks import (
    PATCH,
    PROMPT_TOKENS,
    REGISTERS,
    SIZE,
    build_scheduler,
    build_text_encoder,
    build_unet,
    build_vae,
)
from invoke_model_emoji.training.registers import Registers
from invoke_model_emoji.training.stages import DecoderStage, DenoiserStage, EncoderStage, Stage, WordsStage
from invoke_model_emoji.training.supply import Batch

VOCABULARY = 100


@pytest.fixture
def basis() -> Basis:
    generator = torch.Generator().manual_seed(0)
    components, _ = torch.linalg.qr(torch.randn(3 * PATCH**2, 4, generator=generator))
    return Basis(torch.zeros(3 * PATCH**2), components, torch.tensor([2.0, 1.5, 1.0, 0.5]))


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, VOCABULARY - 2, (2, PROMPT_TOKENS), generator=generator)
    tokens[:, 0], tokens[:, 6:] = VOCABULARY - 2, VOCABULARY - 1
    return Batch(torch.rand(2, 3, SIZE, SIZE, generator=generator) * 2 - 1, tokens)


@pytest.fixture(params=["decoder", "encoder", "words", "denoiser"])
def stage(request: pytest.FixtureRequest, basis: Basis) -> Stage:
    torch.manual_seed(0)
    widths = toy_emoji.WIDTHS
    vae, unet = build_vae(widths), build_unet(widths)
    text = build_text_encoder(widths, VOCABULARY, start=VOCABULARY - 2, end=VOCABULARY - 1)
    made = {
        "decoder": DecoderStage(basis, vae),
        "encoder": EncoderStage(basis, vae),
        "words": WordsStage(basis, text),
        "denoiser": DenoiserStage(basis, unet, text),
    }
    return made[request.param]


def test_the_loss_goes_down_on_the_way_of_its_gradient(stage: Stage, batch: Batch) -> None:
    optimizer = torch.optim.AdamW(stage.parameters(), lr=2e-3)
    losses = []
    for _ in range(6):
        torch.manual_seed(0)
        loss = stage(batch)
        assert loss.shape == ()
        assert loss.dtype == torch.float32
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_every_parameter_of_a_stage_learns(stage: Stage, batch: Batch) -> None:
    """What gets no gradient would make processes wait for each other for ever, and would be exported untrained."""
    for _ in range(2):  # projections that start at zero give what is behind them none at first
        stage(batch).backward()
        torch.optim.SGD(stage.parameters(), lr=1e-2).step()
    untouched = [name for name, each in stage.named_parameters() if each.grad is None]
    assert untouched == []


def test_the_denoiser_learns_the_velocity_that_the_scheduler_expects(basis: Basis, batch: Batch) -> None:
    """A network that knows the latents and gives the exact velocity has no loss, and the sampler finds them with it."""

    class Oracle(torch.nn.Module):
        def forward(self, noisy: torch.Tensor, times: torch.Tensor, _: torch.Tensor) -> object:
            signal = scheduler.alphas_cumprod[times].view(-1, 1, 1, 1)
            noise = (noisy - signal.sqrt() * latents) / (1 - signal).sqrt()
            made = type("Made", (), {})()
            made.sample = signal.sqrt() * noise - (1 - signal).sqrt() * latents
            return made

    scheduler, latents = build_scheduler(), basis.encode(batch.pictures)
    widths = toy_emoji.WIDTHS
    text = build_text_encoder(widths, VOCABULARY, start=VOCABULARY - 2, end=VOCABULARY - 1)
    oracle = Oracle()
    stage = DenoiserStage(basis, build_unet(widths), text)
    stage.unet = oracle
    stage.registers.forward = lambda _: latents
    stage.registers.confusion = lambda _: torch.zeros(())
    assert float(stage(batch)) < 1e-3
    scheduler.set_timesteps(8)
    found = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)) * scheduler.init_noise_sigma
    for time in scheduler.timesteps:
        made = oracle(found, time.expand(2), None).sample
        found = scheduler.step(made, time, found).prev_sample
    assert torch.allclose(found, latents, atol=1e-2)


def test_samplers_made_from_the_scheduler_do_not_clip_latents() -> None:
    from diffusers import DDIMScheduler, DDPMScheduler

    config = build_scheduler().config
    for kind in (DDIMScheduler, DDPMScheduler):
        made = kind.from_config(config)
        assert made.config.clip_sample is False
        assert made.config.prediction_type == "v_prediction"


def test_at_the_first_step_hardly_anything_is_left_of_the_picture() -> None:
    scheduler = build_scheduler()
    assert 100 < float((1 / scheduler.alphas_cumprod[-1] - 1).sqrt()) < 150


def test_each_register_speaks_of_its_own_cell(basis: Basis) -> None:
    """The last sixteen tokens, row by row; what stands before them says nothing about the picture."""
    torch.manual_seed(0)
    registers = Registers(hidden=24, channels=4)
    hidden = torch.randn(1, PROMPT_TOKENS, 24)
    before = registers(hidden)
    assert before.shape == (1, 4, SIZE // PATCH, SIZE // PATCH)
    for index in range(PROMPT_TOKENS):
        other = hidden.clone()
        other[:, index] += 1
        changed = (registers(other) != before).any(dim=(0, 1)).nonzero()
        row, column = divmod(index - (PROMPT_TOKENS - REGISTERS), 4)
        expected = [] if row < 0 else [[2 * row + y, 2 * column + x] for y in range(2) for x in range(2)]
        assert changed.tolist() == expected
