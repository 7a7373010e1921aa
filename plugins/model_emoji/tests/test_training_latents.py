"""Latents are the principal components of patches: orthogonal, of unit variance, and enough to see what was drawn."""

from __future__ import annotations

import math
import random

import pytest
import torch
from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.data.scenes import Composer, Mix
from invoke_model_emoji.latents import Basis, fit
from invoke_model_emoji.networks import PATCH, SIZE


@pytest.fixture(scope="module")
def pictures(drawings: Drawings) -> torch.Tensor:
    composer = Composer(drawings, ("noto",), Mix(), random.Random(0))
    return Painter(drawings).paint([composer.scene() for _ in range(120)])


@pytest.fixture(scope="module")
def basis(pictures: torch.Tensor) -> Basis:
    return fit(pictures, 16)


def psnr(made: torch.Tensor, wanted: torch.Tensor) -> float:
    """Of pictures in -1..1, in dB."""
    return 10 * math.log10(4 / float((made - wanted).square().mean()))


def test_components_are_orthonormal(basis: Basis) -> None:
    assert torch.allclose(basis.components.T @ basis.components, torch.eye(16), atol=1e-4)


def test_latents_lie_on_a_grid_of_patches_with_mean_zero_and_mean_variance_one(
    basis: Basis, pictures: torch.Tensor
) -> None:
    latents = basis.encode(pictures)
    assert latents.shape == (120, 16, SIZE // PATCH, SIZE // PATCH)
    assert latents.mean(dim=(0, 2, 3)).abs().max() < 0.01
    assert float(latents.var(dim=(0, 2, 3)).mean()) == pytest.approx(1, abs=0.01)


def test_coarse_shapes_weigh_more_than_details(basis: Basis, pictures: torch.Tensor) -> None:
    variances = basis.encode(pictures).var(dim=(0, 2, 3))
    assert (variances.diff() < 1e-3).all()
    assert variances[0] > 2 * variances[-1]


def test_the_linear_way_back_shows_the_picture(basis: Basis, pictures: torch.Tensor) -> None:
    assert psnr(basis.decode(basis.encode(pictures)), pictures) > 22


def test_more_channels_lose_less(basis: Basis, pictures: torch.Tensor) -> None:
    few = fit(pictures, 4)
    assert psnr(few.decode(few.encode(pictures)), pictures) < psnr(basis.decode(basis.encode(pictures)), pictures) - 2


def test_all_channels_lose_nothing() -> None:
    noise = torch.rand(80, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    whole = fit(noise, 3 * PATCH**2)
    assert torch.allclose(whole.decode(whole.encode(noise)), noise, atol=1e-3)


def test_a_latent_tells_of_its_own_patch_only(basis: Basis, pictures: torch.Tensor) -> None:
    changed = pictures[:1].clone()
    changed[:, :, PATCH : 2 * PATCH, 3 * PATCH : 4 * PATCH] *= -1
    moved = (basis.encode(changed) - basis.encode(pictures[:1])).abs().amax(dim=(0, 1)) > 1e-5
    assert moved.nonzero().tolist() == [[1, 3]]


def test_a_basis_is_the_same_after_a_trip_through_its_file(basis: Basis, tmp_path) -> None:
    basis.save(tmp_path / "basis.safetensors")
    loaded = Basis.load(tmp_path / "basis.safetensors")
    for name in ("mean", "components", "scale"):
        assert torch.equal(getattr(loaded, name), getattr(basis, name))
    assert [each.name for each in tmp_path.iterdir()] == ["basis.safetensors"]
