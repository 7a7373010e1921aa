"""Batches of pictures and captions.

What comes depends on the seed, the process and the step alone: a resumed run goes on as if it had never stopped.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from transformers import CLIPTokenizer

from invoke_model_emoji.data.captions import tell
from invoke_model_emoji.data.drawings import Drawings
from invoke_model_emoji.data.paint import Painter
from invoke_model_emoji.data.scenes import Composer, Mix, Pose, Scene, Thing
from invoke_model_emoji.networks import PROMPT_TOKENS


@dataclass(frozen=True, slots=True)
class Batch:
    """`pictures` (n, 3, 128, 128) float32 in -1..1; `tokens` (n, PROMPT_TOKENS) int64."""

    pictures: torch.Tensor
    tokens: torch.Tensor


class Supply:
    """Makes the batches of one process."""

    def __init__(
        self, drawings: Drawings, styles: tuple[str, ...], mix: Mix, tokenizer: CLIPTokenizer, device: str, seed: int
    ) -> None:
        self._drawings, self._styles, self._mix = drawings, styles, mix
        self._tokenizer, self._device, self._seed = tokenizer, device, seed
        self._painter = Painter(drawings, device)

    def batch(self, step: int, rank: int, size: int, *, unnamed: float = 0.0) -> Batch:
        """So many scenes; a share of `unnamed` has the empty caption (classifier-free guidance, arXiv 2207.12598)."""
        rng = random.Random(f"{self._seed} {rank} {step}")
        composer = Composer(self._drawings, self._styles, self._mix, rng)
        scenes = [composer.scene() for _ in range(size)]
        captions = ["" if rng.random() < unnamed else self._tell(each, rng) for each in scenes]
        return Batch(self._painter.paint(scenes), self.tokens(captions))

    def told(self, count: int) -> tuple[list[str], torch.Tensor]:
        """Captions and pictures: every name of every thing, and `count` scenes besides."""
        rng = random.Random(f"{self._seed} told")
        composer = Composer(self._drawings, self._styles, self._mix, rng)
        names = [
            (Scene((Thing(index, Pose()),), self._styles[0]), name)
            for index, each in enumerate(self._drawings.concepts)
            for name in each.names
        ]
        scenes = [composer.scene() for _ in range(count)]
        scenes_told = [each for each, _ in names] + scenes
        captions = [name for _, name in names] + [self._tell(each, rng) for each in scenes]
        return captions, torch.cat(
            [self._painter.paint(scenes_told[at : at + 64]) for at in range(0, len(scenes_told), 64)]
        )

    def tokens(self, captions: list[str]) -> torch.Tensor:
        """Token ids as the pipeline makes them."""
        made = self._tokenizer(
            captions, padding="max_length", truncation=True, max_length=PROMPT_TOKENS, return_tensors="pt"
        )
        ids: torch.Tensor = made.input_ids
        return ids.to(self._device)

    def _tell(self, scene: Scene, rng: random.Random) -> str:
        return tell(scene, self._drawings.concepts, rng, several_styles=len(self._styles) > 1)
