"""Captions become tokens and back; nothing that people type is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invoke_model_emoji.networks import PROMPT_TOKENS
from invoke_model_emoji.tokens import END, START, train_tokenizer
from transformers import CLIPTokenizer

CAPTIONS = ["a red apple", "a blue car on a green background", "an owl and a cat, highly detailed", "a photo of a star"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(CAPTIONS * 20, made, vocabulary=600)
    return made


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(folder)


def text(tokenizer: CLIPTokenizer, prompt: str) -> str:
    return tokenizer.decode(tokenizer(prompt).input_ids, skip_special_tokens=True)


@pytest.mark.parametrize("caption", [*CAPTIONS, "a cat in a car", "zebra xylophone"])
def test_a_caption_comes_back_from_its_tokens(tokenizer: CLIPTokenizer, caption: str) -> None:
    assert text(tokenizer, caption).replace(" ", "") == caption.replace(" ", "")


def test_words_that_were_learned_are_one_token(tokenizer: CLIPTokenizer) -> None:
    assert len(tokenizer("a red apple").input_ids) == 5  # with both marks


def test_upper_case_means_the_same(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer("A RED Apple").input_ids == tokenizer("a red apple").input_ids


def test_prompts_are_padded_and_cut_to_the_length_that_the_text_encoder_knows(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer.model_max_length == PROMPT_TOKENS
    for prompt in ("", "a red apple", "word " * 100):
        made = tokenizer(prompt, padding="max_length", truncation=True).input_ids
        assert len(made) == PROMPT_TOKENS
        assert made[0] == tokenizer.bos_token_id
        assert made[-1] == tokenizer.eos_token_id


def test_the_marks_have_the_last_two_numbers(tokenizer: CLIPTokenizer) -> None:
    marks = tokenizer.convert_tokens_to_ids([START, END])
    assert marks == [len(tokenizer) - 2, len(tokenizer) - 1]
    assert marks == [tokenizer.bos_token_id, tokenizer.eos_token_id]


@settings(deadline=None)
@given(st.text(max_size=40))
def test_nothing_that_people_type_is_unknown(tokenizer: CLIPTokenizer, prompt: str) -> None:
    made = tokenizer(prompt.replace("<|", "<")).input_ids
    assert all(0 <= each < len(tokenizer) for each in made)
    assert not {tokenizer.bos_token_id, tokenizer.eos_token_id} & set(made[1:-1])


def test_every_byte_has_a_token(tokenizer: CLIPTokenizer) -> None:
    known = tokenizer.get_vocab()
    from tokenizers.pre_tokenizers import ByteLevel

    for each in ByteLevel.alphabet():
        assert each in known
        assert f"{each}</w>" in known


def test_the_same_captions_make_the_same_tokenizer(folder: Path, tmp_path: Path) -> None:
    train_tokenizer(CAPTIONS * 20, tmp_path, vocabulary=600)
    for name in ("vocab.json", "merges.txt", "tokenizer.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
