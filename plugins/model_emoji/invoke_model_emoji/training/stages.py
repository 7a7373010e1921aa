"""What each stage learns: a module whose call takes a batch and gives the loss."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from torch.nn import functional
from transformers import CLIPTextModel

from invoke_model_emoji.latents import Basis
from invoke_model_emoji.networks import build_scheduler
from invoke_model_emoji.training.supply import Batch


class Stage(nn.Module):  # type: ignore[misc]  # torch is not looked into
    """Trains its parameters that want gradients. `unnamed` is the share of empty captions it wants."""

    unnamed = 0.0

    def __init__(self, basis: Basis) -> None:
        super().__init__()
        self.basis = basis

    def forward(self, batch: Batch) -> torch.Tensor:
        """The loss, a scalar float32."""
        raise NotImplementedError


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
    """From the caption's last token straight to the picture's latents: gives the text encoder a meaning for every word
    before the denoiser asks for one."""

    def __init__(self, basis: Basis, text: CLIPTextModel) -> None:
        super().__init__(basis)
        self.text = text
        side, channels = 16, basis.scale.numel()
        self.head = nn.Linear(text.config.hidden_size, channels * side * side)

    def forward(self, batch: Batch) -> torch.Tensor:
        latents = self.basis.encode(batch.pictures)
        guessed = self.head(self.text(batch.tokens).pooler_output).float()
        return functional.mse_loss(guessed.view_as(latents), latents)


class DenoiserStage(Stage):
    """Velocity prediction (Salimans & Ho 2022, arXiv 2202.00512) at uniform timesteps; the text encoder learns too."""

    unnamed = 0.1

    def __init__(self, basis: Basis, unet: UNet2DConditionModel, text: CLIPTextModel) -> None:
        super().__init__(basis)
        self.unet, self.text = unet, text
        self._scheduler = build_scheduler()

    def forward(self, batch: Batch) -> torch.Tensor:
        latents = self.basis.encode(batch.pictures)
        count = self._scheduler.config.num_train_timesteps
        times = torch.randint(0, count, (len(latents),), device=latents.device)
        noise = torch.randn_like(latents)
        signal = self._scheduler.alphas_cumprod.to(latents.device)[times].view(-1, 1, 1, 1)
        noisy = signal.sqrt() * latents + (1 - signal).sqrt() * noise
        velocity = signal.sqrt() * noise - (1 - signal).sqrt() * latents
        if noisy.device.type == "cpu":
            noisy = noisy.contiguous(memory_format=torch.channels_last)
        hidden = self.text(batch.tokens).last_hidden_state
        made = self.unet(noisy, times, hidden).sample.float()
        return functional.mse_loss(made, velocity)
