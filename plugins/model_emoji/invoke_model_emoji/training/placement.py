"""How the UNet begins: it knows where each latent is, and draws there what the text's registers expect.

Begun at random, attention looks everywhere alike and has next to nothing to go by; on noise alone it does not learn to
look elsewhere, after 100,000 pictures it still did not. But all that it needs can be had in closed form:

* Where it is. Convolutions padded with zeros can tell (Islam et al. 2020, arXiv 2001.08248): a few channels that no
  noise gets into pass on, a position with each convolution, from each of the four sides, that nothing is beyond it.
* Which register speaks of it. A linear regression finds row and column in those channels, and they become the queries;
  the registers have learned to say theirs, and they become the keys.
* Which part of what the register says. It is a quarter: each of the four heads has one, and looks at the first token,
  which says nothing, where it isn't meant.
* How that becomes a velocity. One more regression, of the velocity on the last features, is the last convolution.

All else begins at zero, so that the UNet begins by drawing what the registers expect, and learns to do it better.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from torch import nn

from invoke_model_emoji.networks import PLACE_CHANNELS
from invoke_model_emoji.training.registers import CELLS, Registers

#: What the UNet gets: latents (n, channels, side, side), timesteps (n) and the text's states (n, PROMPT_TOKENS, text).
Given = tuple[torch.Tensor, torch.Tensor, torch.Tensor]

#: By how much a logit rises with a fitting row or column of the register, and with a fitting one of the quarter.
_CELL, _QUARTER = 16.0, 16.0
#: Above what fits all but one, below what fits all.
_NOTHING = 2 * _CELL + 1.5 * _QUARTER
#: Of the weights that pass places on; of the places beside the noise, where attention looks at both; of the last norm,
#: which keeps what goes into the last activation where that is nearly linear.
_PASSED, _LOUD, _SOFT = 1.5, 5.0, 0.4
_RIDGE, _READOUT_RIDGE = 1e-6, 1e-3
#: The neighbour in a 3 x 3 kernel that the places of each side come from: left, right, above, below.
_NEIGHBOURS = ((1, 0), (1, 2), (0, 1), (2, 1))


@dataclass(frozen=True, slots=True)
class _Channels:
    """Which of the UNet's channels hold the noisy latents, the guessed ones and the places; the others are free."""

    noisy: torch.Tensor
    guessed: torch.Tensor
    places: torch.Tensor

    @classmethod
    def of(cls, unet: UNet2DConditionModel) -> _Channels:
        latent, width = unet.config.in_channels, unet.config.block_out_channels[0]
        # in turns: one norm then sees both, and leaves the guess its size
        noisy = torch.arange(0, 2 * latent, 2)
        return cls(noisy, noisy + 1, torch.arange(width - PLACE_CHANNELS, width))


def hold(unet: UNet2DConditionModel) -> None:
    """Keep training out of the channels of the places: a trace of noise in them, and norms would make it loud."""
    places, width = _Channels.of(unet).places, unet.config.block_out_channels[0]
    for each in _parameters_of_places(unet):
        rows = torch.cat([places, width + places]) if len(each) == 2 * width else places
        mask = torch.ones(len(each), *[1] * (each.dim() - 1))
        mask[rows] = 0
        each.register_hook(lambda gradient, mask=mask: gradient * mask.to(gradient.device))


def place(unet: UNet2DConditionModel, registers: Registers, given: Given) -> None:
    """Set the UNet's weights as this module says, but for its last convolution. `given` are examples."""
    hidden = given[2]
    channels = _Channels.of(unet)
    with torch.no_grad():
        nn.init.eye_(unet.encoder_hid_proj.weight)
        nn.init.zeros_(unet.encoder_hid_proj.bias)
        _take_in(unet, channels)
        for resnet in unet.down_blocks[0].resnets:
            _pass_places(resnet, channels)
        for resnet in unet.up_blocks[0].resnets:
            nn.init.zeros_(resnet.conv2.weight)
            nn.init.zeros_(resnet.conv2.bias)
            nn.init.dirac_(resnet.conv_shortcut.weight)
            nn.init.zeros_(resnet.conv_shortcut.bias)
        for attention in unet.up_blocks[0].attentions:
            _silence(attention, channels)
        values = _values(registers, hidden)
        for index, attention in enumerate(unet.up_blocks[0].attentions):
            layer = attention.transformer_blocks[0]
            _look(layer.attn2, registers, channels, _queries(_asked(layer, unet, given)[..., channels.places]))
            if index == 0:
                _say(attention, channels, registers, values)
        unet.conv_norm_out.weight.fill_(_SOFT)


def read_out(unet: UNet2DConditionModel, examples: Sequence[tuple[Given, torch.Tensor]]) -> None:
    """Make the last convolution the best linear guess of the velocities from what comes before it."""
    seen: list[torch.Tensor] = []
    hook = unet.conv_out.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    width = unet.conv_out.in_channels
    normal, wanted, count = torch.zeros(width + 1, width + 1), torch.zeros(width + 1, unet.conv_out.out_channels), 0
    with torch.no_grad():
        for given, velocities in examples:
            seen.clear()
            unet(*given)
            features = seen[0].movedim(1, -1).reshape(-1, width).cpu()
            features = torch.cat([features, torch.ones(len(features), 1)], dim=1)
            normal += features.T @ features
            wanted += features.T @ velocities.movedim(1, -1).reshape(len(features), -1).cpu()
            count += len(features)
        found = torch.linalg.solve(normal / count + _READOUT_RIDGE * torch.eye(width + 1), wanted / count)
        nn.init.zeros_(unet.conv_out.weight)
        unet.conv_out.weight[:, :, 1, 1] = found[:-1].T
        unet.conv_out.bias.copy_(found[-1])
    hook.remove()


def _parameters_of_places(unet: UNet2DConditionModel) -> Iterator[nn.Parameter]:
    yield from unet.conv_in.parameters()
    for resnet in unet.down_blocks[0].resnets:
        yield from resnet.parameters()
    for resnet in unet.up_blocks[0].resnets:
        yield from resnet.conv2.parameters()
        yield from resnet.conv_shortcut.parameters()
    for attention in unet.up_blocks[0].attentions:
        yield from attention.proj_in.parameters()
        yield from attention.proj_out.parameters()


def _take_in(unet: UNet2DConditionModel, channels: _Channels) -> None:
    first = unet.conv_in
    for each in (channels.noisy, channels.guessed, channels.places):
        first.weight[each] = 0
    first.weight[channels.noisy, torch.arange(len(channels.noisy)), 1, 1] = 1
    nn.init.zeros_(first.bias)


def _pass_places(resnet: nn.Module, channels: _Channels) -> None:
    places = channels.places
    sides = places.view(len(_NEIGHBOURS), -1)
    for norm in (resnet.norm1, resnet.norm2):
        norm.bias[places] = 1  # something, which beyond the border is nothing
    width = len(resnet.conv1.weight)
    for rows in (places, width + places):
        resnet.time_emb_proj.weight[rows] = 0
        resnet.time_emb_proj.bias[rows] = 0
    nn.init.zeros_(resnet.conv2.weight)
    nn.init.zeros_(resnet.conv2.bias)
    resnet.conv1.weight[places] = 0
    resnet.conv1.bias[places] = 0
    for convolution in (resnet.conv1, resnet.conv2):
        for side, (y, x) in zip(sides, _NEIGHBOURS, strict=True):
            mixed = torch.randn(len(side), len(side)) / math.sqrt(len(side))
            convolution.weight[side[:, None], side[None], y, x] = _PASSED * mixed.to(convolution.weight)


def _silence(attention: nn.Module, channels: _Channels) -> None:
    """Let it see noisy latents and places, and say nothing."""
    layer = attention.transformer_blocks[0]
    for each in (layer.attn1.to_out[0], layer.attn2.to_out[0], layer.ff.net[2], attention.proj_in, attention.proj_out):
        nn.init.zeros_(each.weight)
        nn.init.zeros_(each.bias)
    attention.proj_in.weight[channels.noisy, channels.noisy, 0, 0] = 1
    attention.proj_in.weight[channels.places, channels.places, 0, 0] = _LOUD


def _asked(layer: BasicTransformerBlock, unet: UNet2DConditionModel, given: Given) -> torch.Tensor:
    """What the layer's attention to the text asks with: (n, positions, channels)."""
    seen: list[torch.Tensor] = []
    hook = layer.norm2.register_forward_hook(lambda *call: seen.append(call[-1]))
    unet(*given)
    hook.remove()
    return seen[0]


def _queries(features: torch.Tensor) -> torch.Tensor:
    """Rows and columns of cells, rows and columns in a cell, and what is everywhere: a linear map from the places."""
    side = math.isqrt(features.shape[1])
    within = side // CELLS
    position = torch.arange(side * side, device=features.device)
    row, column = position // side, position % side
    told = torch.zeros(side * side, 2 * CELLS + 2 * within + 1, device=features.device)
    for index, begin in (
        (row // within, 0),
        (column // within, CELLS),
        (row % within, 2 * CELLS),
        (column % within, 2 * CELLS + within),
    ):
        told[position, begin + index] = 1
    told[:, -1] = 1
    return _regression(features.flatten(0, 1), told.repeat(len(features), 1))


def _look(attention: nn.Module, registers: Registers, channels: _Channels, queries: torch.Tensor) -> None:
    within = registers.side
    width = attention.to_q.weight.shape[0] // attention.heads
    keys = registers.places.weight
    for head in range(attention.heads):
        y, x = divmod(head, within)
        begin = head * width
        rows = slice(begin, begin + 2 * CELLS + 2)
        strength = torch.tensor([_CELL] * 2 * CELLS + [_QUARTER, _NOTHING]).sqrt() * width**0.25
        quarter = queries[:, 2 * CELLS + y] + queries[:, 2 * CELLS + within + x]
        asked = torch.cat([queries[:, : 2 * CELLS], quarter[:, None], queries[:, -1:]], dim=1)
        attention.to_q.weight[rows] = 0
        attention.to_q.weight[rows, channels.places[0] :] = strength[:, None].to(asked) * asked.T
        attention.to_k.weight[rows] = strength[:, None].to(keys) * keys
        for each in (attention.to_q.weight, attention.to_k.weight):  # what is left of a head may learn something else
            nn.init.normal_(each[rows.stop : begin + width], std=0.02)


def _values(registers: Registers, hidden: torch.Tensor) -> torch.Tensor:
    """(outputs of the registers' head, text): what the registers say, and nothing where the first token is."""
    spoken = hidden[:, -CELLS * CELLS :].flatten(0, 1)
    told = registers.head(spoken)
    silent = hidden[:, :1].expand(-1, CELLS * CELLS, -1).flatten(0, 1)
    return _regression(torch.cat([spoken, silent]), torch.cat([told, torch.zeros_like(told)])).T


def _say(attention: nn.Module, channels: _Channels, registers: Registers, values: torch.Tensor) -> None:
    """All heads put their quarter into the channels of the guess, whichever has found one."""
    layer = attention.transformer_blocks[0].attn2
    width = layer.to_q.weight.shape[0] // layer.heads
    for head, outputs in enumerate(registers.outputs_of_quarters()):
        columns = head * width + torch.arange(len(outputs))
        layer.to_v.weight[columns] = values[outputs]
        layer.to_out[0].weight[channels.guessed, columns] = 1
    attention.proj_out.weight[channels.guessed, channels.guessed, 0, 0] = 1


def _regression(features: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(features, wanted) of the linear map with the least squared error, with a small penalty on its size."""
    normal = features.T @ features / len(features)
    penalty = _RIDGE * normal.diagonal().mean() * torch.eye(len(normal), device=normal.device)
    return torch.linalg.solve(normal + penalty, features.T @ wanted / len(features))
