"""What each token means before anything is trained: the closed-form start of the text encoder.

A caption's picture is guessed as the sum of what its tokens stand for, by ridge regression over captions; the strongest
directions of what was found become the token embeddings. A thing's name then says from the first step on what it looks
like, which gradient descent takes hundreds of views of each of a thousand things to find out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import CLIPTokenizer

_RIDGE = 0.3
#: Root of the mean square of an embedding's elements, and of the noise that tells tokens of the same meaning apart.
_SIZE, _NOISE = 0.1, 0.01


def first_embeddings(
    tokenizer: CLIPTokenizer, captions: Sequence[str], latents: torch.Tensor, width: int, seed: int
) -> torch.Tensor:
    """(tokens of the vocabulary, width), from captions and the latents (captions, ...) of their pictures."""
    counts = torch.zeros(len(captions), len(tokenizer))
    for row, ids in enumerate(tokenizer(list(captions), add_special_tokens=False, truncation=True).input_ids):
        counts[row].index_add_(0, torch.tensor(ids, dtype=torch.long), torch.ones(len(ids)))
    pictures = latents.flatten(1).cpu()
    pictures = pictures - pictures.mean(0)
    normal = counts.T @ counts + _RIDGE * torch.eye(len(tokenizer))
    meanings = torch.linalg.solve(normal, counts.T @ pictures)
    values, directions = torch.linalg.eigh(meanings.T @ meanings)
    strongest = directions[:, values.argsort(descending=True)[:width]]
    embeddings = meanings @ strongest
    embeddings = embeddings * (_SIZE / embeddings.square().mean().sqrt())
    generator = torch.Generator().manual_seed(seed)
    return embeddings + _NOISE * torch.randn(embeddings.shape, generator=generator)
