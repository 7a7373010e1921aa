"""A model folder at work: prompts to pictures, several at once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from invoke_model_emoji.errors import DataError
from invoke_model_emoji.evaluation import samplers

#: Pictures made together.
TOGETHER = 8


@dataclass(frozen=True, slots=True)
class How:
    """How pictures are made: what a request would say."""

    steps: int
    cfg: float
    scheduler: str


class Draws(Protocol):
    """What is measured: makes (n, 3, side, side) float32 pictures in 0..1 from prompts and their seeds."""

    side: int

    def draw(self, prompts: Sequence[str], seeds: Sequence[int], how: How) -> torch.Tensor: ...


class Artist:
    """A folder that `StableDiffusionPipeline.from_pretrained` loads, in float32."""

    def __init__(self, folder: Path, told: Callable[[], None] = lambda: None) -> None:
        """`told` is called after every picture. Raises DataError where there is no such model."""
        self._told = told
        self._pipeline = load(folder)
        self._config = self._pipeline.scheduler.config
        self.side = int(self._pipeline.unet.config.sample_size * self._pipeline.vae_scale_factor)

    def draw(self, prompts: Sequence[str], seeds: Sequence[int], how: How) -> torch.Tensor:
        made = []
        for first in range(0, len(prompts), TOGETHER):
            some = list(prompts[first : first + TOGETHER])
            # a scheduler remembers its last run: every batch gets a fresh one
            self._pipeline.scheduler = samplers.build(how.scheduler, self._config)
            made.append(
                self._pipeline(
                    some,
                    height=self.side,
                    width=self.side,
                    num_inference_steps=how.steps,
                    guidance_scale=how.cfg,
                    generator=[torch.Generator().manual_seed(each) for each in seeds[first : first + TOGETHER]],
                    output_type="pt",
                ).images.float()
            )
            for _ in some:
                self._told()
        return torch.cat(made) if made else torch.zeros(0, 3, self.side, self.side)


def load(folder: Path) -> Any:
    """The pipeline of diffusers, quiet. Raises DataError where the folder holds none."""
    if not (folder / "model_index.json").is_file():
        raise DataError(f"{folder} is no model folder: it has no model_index.json. --model names another one.")
    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    from diffusers import StableDiffusionPipeline  # transformers warns while this is imported, so not before

    try:
        pipeline = StableDiffusionPipeline.from_pretrained(
            os.fspath(folder),
            dtype=torch.float32,
            local_files_only=True,
            safety_checker=None,
            requires_safety_checker=False,
            low_cpu_mem_usage=False,
        )
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder} can't be loaded: {type(error).__name__}: {error}") from error
    pipeline.set_progress_bar_config(disable=True)
    warnings.filterwarnings("ignore", category=FutureWarning, module="diffusers")
    return pipeline
