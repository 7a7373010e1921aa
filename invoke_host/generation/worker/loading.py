"""Models in memory: loaded from their folders on first use, the least recently used one leaves."""

from __future__ import annotations

import gc
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import diffusers.utils.logging
import torch
import transformers.utils.logging
from diffusers import StableDiffusionPipeline

from invoke_host.api import ModelOffer, ModelUnusable
from invoke_host.generation.worker.devices import Place
from invoke_host.generation.worker.projection import Projector
from invoke_host.models.layout import FolderFacts, inspect_folder

# Bars of "Loading pipeline components" would fill the host's log.
diffusers.utils.logging.disable_progress_bar()
transformers.utils.logging.disable_progress_bar()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A pipeline on its device, the scheduler configuration that came with it, and what makes previews of it."""

    pipeline: StableDiffusionPipeline
    scheduler_config: dict[str, Any]
    facts: FolderFacts
    projector: Projector


class ModelShelf:
    """At most `limit` loaded models on one device."""

    def __init__(self, place: Place, limit: int) -> None:
        self._place = place
        self._limit = max(1, limit)
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()

    def has(self, offer: ModelOffer) -> bool:
        """Is it in memory already?"""
        return str(offer.path) in self._models

    def get(self, offer: ModelOffer) -> LoadedModel:
        """The model, loaded if need be (fractions of a second to a minute).

        Raises:
            ModelUnusable: its folder is missing, damaged or of a kind that can't be loaded.
        """
        key = str(offer.path)
        if key not in self._models:
            self._drop(len(self._models) + 1 - self._limit)
            self._models[key] = self._load(offer)
            gc.collect()
            gc.freeze()  # a loaded model is hundreds of thousands of objects that the collector need not walk again
        self._models.move_to_end(key)
        return self._models[key]

    def drop_others(self, offer: ModelOffer) -> bool:
        """Keep that model only; True if there were others."""
        if str(offer.path) in self._models:
            self._models.move_to_end(str(offer.path))
        return self._drop(len(self._models) - self.has(offer))

    def _drop(self, count: int) -> bool:
        for _ in range(count):
            self._models.popitem(last=False)
        if count > 0:
            gc.unfreeze()  # what is frozen is never collected
            gc.collect()
            release_device_memory(self._place)
        return count > 0

    def _load(self, offer: ModelOffer) -> LoadedModel:
        try:
            facts = inspect_folder(offer.path)
            pipeline = StableDiffusionPipeline.from_pretrained(
                offer.path,
                dtype=self._place.dtype,
                local_files_only=True,
                use_safetensors=True,
                low_cpu_mem_usage=False,
                safety_checker=None,
                requires_safety_checker=False,
                feature_extractor=None,
                image_encoder=None,
            )
        except ModelUnusable as error:
            raise ModelUnusable(f"The model {offer.name!r} can't be used: {error}.") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError) as error:
            if is_out_of_memory(error):
                raise
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ModelUnusable(f"The model {offer.name!r} can't be loaded: {reason}") from error
        pipeline.set_progress_bar_config(disable=True)
        pipeline.to(self._place.name)
        return LoadedModel(pipeline, dict(pipeline.scheduler.config), facts, Projector(pipeline.vae))


def release_device_memory(place: Place) -> None:
    """Give back what torch keeps for later; hundreds of milliseconds on a GPU, so never per picture."""
    if place.kind == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Torch says it in several ways: its own class on GPUs, a RuntimeError of the allocator on the CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
