"""The UNet begins with what the text's registers say, at the right places, and keeps knowing where it is."""

from __future__ import annotations

import pytest
import torch
import toy_emoji
from diffusers import UNet2DConditionModel
from invoke_model_emoji.networks import PATCH, PROMPT_TOKENS, REGISTERS, SIZE, build_unet
from invoke_model_emoji.training import placement
from invoke_model_emoji.training.registers import CELLS, Registers

WIDTHS = toy_emoji.WIDTHS
SIDE = SIZE // PATCH


@pytest.fixture(scope="module")
def registers() -> Registers:
    torch.manual_seed(1)
    return Registers(WIDTHS.text, WIDTHS.latent)


def states(registers: Registers, count: int) -> torch.Tensor:
    """States of a text encoder that has learned which token is which: any, but with their places in them."""
    hidden = torch.randn(count, PROMPT_TOKENS, WIDTHS.text)
    weight = registers.places.weight
    told = torch.zeros(PROMPT_TOKENS, len(weight))
    cell = torch.arange(REGISTERS)
    told[-REGISTERS:][cell, cell // CELLS] = 1
    told[-REGISTERS:][cell, CELLS + cell % CELLS] = 1
    told[-REGISTERS:, -2] = 1
    told[0, -1] = 1
    known = torch.linalg.pinv(weight)
    hidden = hidden - (hidden @ weight.T) @ known.T + told @ known.T
    hidden[:, 0] = hidden[0, 0]  # the first token is always the same one
    return hidden.detach()


@pytest.fixture(scope="module")
def unet(registers: Registers) -> UNet2DConditionModel:
    torch.manual_seed(0)
    made = build_unet(WIDTHS)
    placement.hold(made)
    shown = []
    for _ in range(8):
        given = torch.randn(32, WIDTHS.latent, SIDE, SIDE), torch.randint(0, 1000, (32,)), states(registers, 32)
        shown.append((given, registers(given[2]).detach()))
    placement.place(made, registers, shown[0][0])
    placement.read_out(made, shown)
    return made


def likeness(made: torch.Tensor, said: torch.Tensor) -> float:
    """Their correlation over samples and places, of each channel less its mean."""
    pair = torch.stack([(each - each.mean((0, 2, 3), keepdim=True)).flatten() for each in (made, said)])
    return float(torch.corrcoef(pair)[0, 1])


def test_what_the_registers_say_comes_out_where_they_say_it(unet: UNet2DConditionModel, registers: Registers) -> None:
    torch.manual_seed(2)
    hidden = states(registers, 16)
    with torch.no_grad():
        made = unet(torch.randn(16, WIDTHS.latent, SIDE, SIDE), torch.full((16,), 999), hidden).sample
        said = registers(hidden)
    assert likeness(made, said) > 0.6
    assert abs(likeness(made, said.flip(2))) < 0.1
    assert abs(likeness(made, said.roll(1, dims=3))) < 0.1


def test_training_leaves_the_places_alone(registers: Registers) -> None:
    torch.manual_seed(3)
    made = build_unet(WIDTHS)
    placement.hold(made)
    given = torch.randn(4, WIDTHS.latent, SIDE, SIDE), torch.randint(0, 1000, (4,)), states(registers, 4)
    placement.place(made, registers, given)
    first = made.down_blocks[0].resnets[0].conv1
    before = first.weight.detach().clone()
    optimizer = torch.optim.AdamW(made.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(3):
        made(*given).sample.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    places = slice(-placement.PLACE_CHANNELS, None)
    assert torch.equal(first.weight[places], before[places])
    assert not torch.equal(first.weight[: -placement.PLACE_CHANNELS], before[: -placement.PLACE_CHANNELS])
