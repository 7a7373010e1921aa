"""Before the first step, tokens mean what the pictures of their captions have in common."""

from __future__ import annotations

import pytest
import torch
from invoke_model_emoji.tokens import train_tokenizer
from invoke_model_emoji.training.lexicon import first_embeddings
from torch.nn.functional import cosine_similarity
from transformers import CLIPTokenizer

CAPTIONS = [f"{article} {name}" for article in ("a", "the") for name in ("apple", "cherry", "rocket", "ship")]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> CLIPTokenizer:
    return train_tokenizer(CAPTIONS * 20, tmp_path_factory.mktemp("tokenizer"), vocabulary=600)


@pytest.fixture(scope="module")
def latents() -> torch.Tensor:
    """Apples and cherries are nearly alike, so are rockets and ships; articles change nothing."""
    fruit, craft = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    flaws = 0.2 * torch.randn(4, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    return torch.stack([fruit, fruit, craft, craft] * 2) + torch.cat([flaws, flaws])


def embedding(tokenizer: CLIPTokenizer, table: torch.Tensor, words: str) -> torch.Tensor:
    ids = tokenizer(words, add_special_tokens=False).input_ids
    return table[ids].sum(0)


def test_names_of_like_pictures_begin_alike_and_of_unlike_ones_do_not(
    tokenizer: CLIPTokenizer, latents: torch.Tensor
) -> None:
    table = first_embeddings(tokenizer, CAPTIONS, latents, width=32, seed=0)
    assert table.shape == (len(tokenizer), 32)
    apple, cherry, rocket = (embedding(tokenizer, table, each) for each in ("apple", "cherry", "rocket"))
    assert cosine_similarity(apple, cherry, dim=0) > 0.8
    assert cosine_similarity(apple, rocket, dim=0) < 0


def test_a_word_that_says_nothing_means_nothing(tokenizer: CLIPTokenizer, latents: torch.Tensor) -> None:
    table = first_embeddings(tokenizer, CAPTIONS, latents, width=32, seed=0)
    article, apple = (embedding(tokenizer, table, each).norm() for each in ("the", "apple"))
    assert article < 0.2 * apple


def test_the_same_seed_begins_with_the_same_embeddings(tokenizer: CLIPTokenizer, latents: torch.Tensor) -> None:
    tables = [first_embeddings(tokenizer, CAPTIONS, latents, width=8, seed=each) for each in (3, 3, 4)]
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], tables[2])
