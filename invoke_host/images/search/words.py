"""The words of an image: what a search looks for, in one spelling for every database.

A word is a run of letters and digits without case, accents or width; of scripts that put no blanks between words each
letter is one. An image's place (owner, board, kind, day) is told in words that begin with an underscore.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from invoke_host.images.tables import NO_BOARD

#: Of one image; what comes later in a longer text is not found.
MAX_LETTERS = 8000

#: Longer words are cut, in texts and in questions alike.
MAX_WORD = 64

# Kana and Chinese characters, which are written without blanks.
_ALONE = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff])")

_PROMPTS = ("positive_prompt", "negative_prompt", "scheduler", "seed")


def words(text: str) -> list[str]:
    """The words of a text in order, repeated where repeated."""
    marked = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join("" if unicodedata.combining(letter) else letter if letter.isalnum() else " " for letter in marked)
    return [word[:MAX_WORD] for word in _ALONE.sub(r" \1 ", plain).split()]


def words_of(metadata: str | None) -> list[str]:
    """What is found of an image whose file says that (JSON text): prompts, scheduler, seed, name of the model.

    Never raises: of a text that can't be read nothing is found.
    """
    try:
        found = json.loads(metadata or "{}")
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    model = found.get("model")
    said = [found.get(key) for key in _PROMPTS] + [model.get("name") if isinstance(model, dict) else None]
    return words(" ".join(str(each) for each in said if isinstance(each, (str, int)))[:MAX_LETTERS])


def place_words(row: Any) -> list[str]:
    """An image's place, as it can be asked for: one word each for owner, board, origin, category, kind, star, day.

    `row` has what these are made of by the names of the table's columns.
    """
    day = row.created_at[:10].replace("-", "")
    return [
        user_word(row.user_id),
        board_word(row.board_id),
        origin_word(row.origin),
        category_word(row.category),
        intermediate_word(row.is_intermediate),
        starred_word(row.starred),
        day_word(day[:4]),
        day_word(day[:6]),
        day_word(day),
    ]


def user_word(user_id: str) -> str:
    """Images of that user."""
    return f"_u{user_id}"


def board_word(board_id: str | None) -> str:
    """Images on that board; None or `NO_BOARD`: on none."""
    return f"_b{board_id or NO_BOARD}"


def origin_word(origin: str) -> str:
    """Images of that origin."""
    return f"_o{origin}"


def category_word(category: str) -> str:
    """Images of that category."""
    return f"_c{category}"


def intermediate_word(is_intermediate: bool) -> str:
    """Intermediate images, or the others."""
    return f"_i{is_intermediate:d}"


def starred_word(starred: bool) -> str:
    """Starred images, or the others."""
    return f"_s{starred:d}"


def day_word(digits: str) -> str:
    """Images of a day, month or year, given as 8, 6 or 4 digits."""
    return f"_d{digits}"
