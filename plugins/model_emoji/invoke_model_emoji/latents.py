"""The latents: principal components of 16 x 16 patches, fixed before anything is trained.

A learned encoder of a variational autoencoder needs far more compute than the rest of this model together; the
components of patches can be had in seconds, and every latent lies over the pixels it stands for. Only the decoder is
trained to turn them into pictures, and an encoder (for image to image) to make them as the components do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from invoke_model_emoji.networks import PATCH


@dataclass(frozen=True, slots=True)
class Basis:
    """`mean` (3 * PATCH**2,), `components` (3 * PATCH**2, channels), `scale` (channels,), which divides each component.

    The scale is the fourth root of the variance, so that coarse shapes weigh more than details but don't drown them,
    times a factor that makes the mean variance of all channels one.
    """

    mean: torch.Tensor
    components: torch.Tensor
    scale: torch.Tensor

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """(n, 3, h, w) in -1..1 to (n, channels, h / PATCH, w / PATCH)."""
        weights = (self.components / self.scale).T.reshape(-1, 3, PATCH, PATCH)
        offset = -(self.mean @ self.components) / self.scale
        return functional.conv2d(pictures, weights, offset, stride=PATCH)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """The linear way back: soft, but good enough to look at while training."""
        weights = (self.components * self.scale).T.reshape(-1, 3, PATCH, PATCH)
        mean = self.mean.reshape(1, 3, PATCH, PATCH).tile(1, 1, latents.shape[2], latents.shape[3])
        return functional.conv_transpose2d(latents, weights, stride=PATCH) + mean

    def to(self, device: torch.device | str) -> Basis:
        return Basis(self.mean.to(device), self.components.to(device), self.scale.to(device))

    def save(self, file: Path) -> None:
        tensors = {"mean": self.mean, "components": self.components, "scale": self.scale}
        part = file.with_suffix(".part")
        save_file({name: each.contiguous() for name, each in tensors.items()}, part)
        part.replace(file)

    @classmethod
    def load(cls, file: Path) -> Basis:
        return cls(**load_file(file))


def fit(pictures: torch.Tensor, channels: int) -> Basis:
    """The best `channels` components of these pictures (n, 3, h, w) in -1..1."""
    patches = functional.unfold(pictures, PATCH, stride=PATCH).transpose(1, 2).reshape(-1, 3 * PATCH**2)
    mean = patches.mean(0)
    centered = patches - mean
    variances, components = torch.linalg.eigh(centered.T @ centered / len(centered))
    variances, components = variances.flip(0)[:channels], components.flip(1)[:, :channels]
    scale = variances**0.25
    return Basis(mean, components, scale * (variances / scale**2).mean().sqrt())
