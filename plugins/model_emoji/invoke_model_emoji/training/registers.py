"""The text encoder's registers: what they say, and how to tell them apart."""

from __future__ import annotations

import math

import torch
from torch import nn

from invoke_model_emoji.networks import PATCH, PROMPT_TOKENS, REGISTERS, SIZE

#: Cells of a side that registers speak of.
CELLS = math.isqrt(REGISTERS)
#: What tells which token it is: the row of its cell, the column, whether it is a register, whether it is the first.
PLACES = 2 * CELLS + 2


class Registers(nn.Module):  # type: ignore[misc]  # torch is not looked into
    """What the registers say: (n, PROMPT_TOKENS, text) to latents (n, channels, side, side).

    `places` keeps it linear to see which token is which: the UNet's attention begins with that (`placement`).
    """

    def __init__(self, hidden: int, channels: int) -> None:
        super().__init__()
        self._channels, self.side = channels, SIZE // PATCH // CELLS
        self.head = nn.Linear(hidden, channels * self.side**2)
        self.places = nn.Linear(hidden, PLACES, bias=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Each register's block of latents, put into its place."""
        blocks = self.head(hidden[:, -REGISTERS:]).float()
        blocks = blocks.view(-1, CELLS, CELLS, self._channels, self.side, self.side).permute(0, 3, 1, 4, 2, 5)
        return blocks.reshape(-1, self._channels, CELLS * self.side, CELLS * self.side)

    def confusion(self, hidden: torch.Tensor) -> torch.Tensor:
        """How badly one can see which token is which: a scalar."""
        return (self.places(hidden).float() - _places(hidden.device)).square().mean(dim=(0, 1)).sum()

    def outputs_of_quarters(self) -> list[torch.Tensor]:
        """The outputs of `head` for each position within a cell, row by row: `channels` of them for each."""
        outputs = torch.arange(self.head.out_features).view(self._channels, self.side, self.side)
        return [outputs[:, y, x] for y in range(self.side) for x in range(self.side)]


def _places(device: torch.device) -> torch.Tensor:
    """(PROMPT_TOKENS, PLACES) of zeros and ones: which token is which."""
    told = torch.zeros(PROMPT_TOKENS, PLACES, device=device)
    cell = torch.arange(REGISTERS, device=device)
    register = PROMPT_TOKENS - REGISTERS + cell
    told[register, cell // CELLS] = 1
    told[register, CELLS + cell % CELLS] = 1
    told[register, -2] = 1
    told[0, -1] = 1
    return told
