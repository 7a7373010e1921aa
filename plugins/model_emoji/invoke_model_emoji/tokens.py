"""The tokenizer: byte pairs (Sennrich et al. 2016, arXiv 1508.07909) learned from the captions, in CLIP's format."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from invoke_model_emoji.networks import PROMPT_TOKENS

START, END = "<|startoftext|>", "<|endoftext|>"


def train_tokenizer(captions: Iterable[str], folder: Path, *, vocabulary: int = 4096) -> CLIPTokenizer:
    """Learn a tokenizer, save it to the folder and return it as transformers loads it."""
    learned = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    learned.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    # every byte can also end a word: nothing that people type is unknown. Naming them all fixes their order, and with
    # it which of two equally frequent pairs is merged first: the same captions always make the same tokenizer
    endings = [each + "</w>" for each in alphabet]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        special_tokens=endings,
        show_progress=False,
    )
    learned.train_from_iterator(captions, trainer)
    state = json.loads(learned.to_str())["model"]
    words = [*sorted(state["vocab"], key=state["vocab"].__getitem__), START, END]
    folder.mkdir(parents=True, exist_ok=True)
    indices = {word: index for index, word in enumerate(words)}
    (folder / "vocab.json").write_text(json.dumps(indices, ensure_ascii=False))
    merges = [each if isinstance(each, str) else " ".join(each) for each in state["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    tokenizer = CLIPTokenizer(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=PROMPT_TOKENS
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
