"""Text embeddings of recent prompts, so that a batch of pictures runs the text encoder once. Bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict

import torch

from invoke_host.generation.worker.loading import LoadedModel


class PromptCache:
    """Least recently used out first. Keys hold the model's hash: other weights, other embeddings."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], torch.Tensor] = OrderedDict()

    def embedding(self, model: LoadedModel, text: str) -> torch.Tensor:
        """`(1, tokens, hidden)` embedding of one prompt, in the model's type and on its device."""
        key = (model.facts.hash, text)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        pipeline = model.pipeline
        with torch.no_grad():
            made: torch.Tensor = pipeline.encode_prompt(text, pipeline.device, 1, do_classifier_free_guidance=False)[0]
        size = made.numel() * made.element_size()
        while self._kept and self._bytes + size > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.numel() * dropped.element_size()
        if size <= self._limit:
            self._kept[key] = made
            self._bytes += size
        return made

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._bytes = 0
