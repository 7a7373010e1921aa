"""What each stage learns: a module whose call takes a batch and gives the loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel

from invoke_model_emoji.latents import Basis
from invoke_model_emoji.networks import build_scheduler
from invoke_model_emoji.training import placement
from invoke_model_emoji.training.registers import Registers
from invoke_model_emoji.training.supply import Batch

#: What the registers' errors weigh beside the denoiser's.
_REGISTERS = 0.1
#: How fast the text encoder learns in the denoiser's stage, as a share of the UNet's rate.
_TEXT_SHARE = 0.3


class Stage(nn.Module):  # type: ignore[misc]  # torch is not looked into
    """Trains its parameters that want gradients. `unnamed` is the share of empty captions it wants."""

    unnamed = 0.0

    def __init__(self, basis: Basis) -> None:
        super().__init__()
        self.basis = basis

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss, a scalar float32."""
        raise NotImplementedError

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """What learns, and at which share of the stage's rate: all of it at the whole, if a stage says nothing."""
        return [([each for each in self.parameters() if each.requires_grad], 1.0)]


class DecoderStage(Stage):
    """Latents with a little noise to pictures.

    Absolute and squared errors, and errors of the differences of neighbours, as edges are what a drawing consists of.
    """

    def __init__(self, basis: Basis, vae: AutoencoderKL, noise: float = 0.06) -> None:
        super().__init__(basis)
        self.decoder, self.post = vae.decoder, vae.post_quant_conv
        self._noise = noise

    def forward(self, batch: Batch) -> torch.Tensor:
        latents = self.basis.encode(batch.pictures)
        latents = latents + self._noise * torch.randn_like(latents)
        made = self.decoder(self.post(latents)).float()
        error = made - batch.pictures
        edges = sum((error.diff(dim=dim)).abs().mean() for dim in (2, 3))
        return error.abs().mean() + error.square().mean() + 0.5 * edges


class EncoderStage(Stage):
    """Pictures to the latents that the components give: what image to image needs."""

    def __init__(self, basis: Basis, vae: AutoencoderKL) -> None:
        super().__init__(basis)
        self.encoder, self.quant = vae.encoder, vae.quant_conv

    def forward(self, batch: Batch) -> torch.Tensor:
        mean, log_variance = self.quant(self.encoder(batch.pictures)).float().chunk(2, dim=1)
        # the variance is a formality: small and constant
        return functional.mse_loss(mean, self.basis.encode(batch.pictures)) + 1e-3 * (log_variance + 9).square().mean()


class WordsStage(Stage):
    """From the caption straight to the picture's latents, each register to those of its cell.

    Gives the text encoder a meaning for every word before the denoiser asks for one.
    """

    def __init__(self, basis: Basis, text: CLIPTextModel) -> None:
        super().__init__(basis)
        self.text = text
        self.registers = Registers(text.config.hidden_size, basis.scale.numel())

    def forward(self, batch: Batch) -> torch.Tensor:
        latents = self.basis.encode(batch.pictures)
        hidden = self.text(batch.tokens).last_hidden_state
        return functional.mse_loss(self.registers(hidden), latents) + self.registers.confusion(hidden)


class DenoiserStage(Stage):
    """Velocity prediction (Salimans & Ho 2022, arXiv 2202.00512) at uniform timesteps; the text encoder learns too."""

    unnamed = 0.1

    def __init__(self, basis: Basis, unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
        super().__init__(basis)
        self.unet, self.text = unet, text
        self.registers = Registers(text.config.hidden_size, basis.scale.numel())
        self._scheduler = build_scheduler()
        placement.hold(unet)

    def begin(self, examples: Sequence[Batch]) -> None:
        """Let the UNet begin with what the registers say; the text encoder must have learned its words."""
        shown = []
        with torch.no_grad():
            for batch in examples:
                noisy, times, velocities = self.noised(self.basis.encode(batch.pictures))
                shown.append(((noisy, times, self.text(batch.tokens).last_hidden_state), velocities))
        placement.place(self.unet, self.registers, shown[0][0])
        placement.read_out(self.unet, shown)

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """The text encoder, which has learned its words already, slower than the UNet, which begins."""
        known = [*self.text.parameters(), *self.registers.parameters()]
        return [(list(self.unet.parameters()), 1.0), (known, _TEXT_SHARE)]

    def noised(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The latents at random timesteps, these, and the velocities."""
        count = self._scheduler.config.num_train_timesteps
        times = torch.randint(0, count, (len(latents),), device=latents.device)
        noise = torch.randn_like(latents)
        signal = self._scheduler.alphas_cumprod.to(latents.device)[times].view(-1, 1, 1, 1)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        if noisy.device.type == "cpu":
            noisy = noisy.contiguous(memory_format=torch.channels_last)
        return noisy, times, signal.sqrt() * noise - (1 - signal).sqrt() * latents

    def forward(self, batch: Batch) -> torch.Tensor:
        latents = self.basis.encode(batch.pictures)
        noisy, times, velocity = self.noised(latents)
        hidden = self.text(batch.tokens).last_hidden_state
        made = self.unet(noisy, times, hidden).sample.float()
        guessed = functional.mse_loss(self.registers(hidden), latents)
        return functional.mse_loss(made, velocity) + _REGISTERS * (guessed + self.registers.confusion(hidden))
