"""How easily a password is guessed, by zxcvbn: its lists of common passwords and words, patterns, and the person's own.

zxcvbn keeps the words of the person in a variable of its module while it works, so one thread at a time may be in here.
It is imported when first needed: with its lists, that takes 25 ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from invoke_host.api import fold_login

Strength = Literal["weak", "moderate", "strong"]

#: By zxcvbn's score, from 0 (fewer than 1,000 guesses) to 4 (10^10 and more).
_STRENGTHS: Sequence[Strength] = ("weak", "weak", "moderate", "strong", "strong")
_SAFE = 3

#: zxcvbn's time grows faster than the square of the length: the worst 72 characters take 1.7 s, the worst 24 take 0.3 s
#: (ordinary ones 2 ms). So a password is looked at in pieces: where one is hard to guess, the others make it no easier.
_PIECE = 24
_LONGEST = 72


@dataclass(frozen=True, slots=True)
class Guess:
    """What guessing a password takes; of a long one, its best 24 characters.

    `common`: on the list of common passwords, as it is or with the usual replacements. `personal`: nothing but a word
    known of the person. `trivial`: found within 1,000 guesses for whatever reason. `hint` is advice in full sentences.
    """

    common: bool
    personal: bool
    trivial: bool
    strength: Strength
    hint: str


def guess(password: str, about: Sequence[str]) -> Guess:
    """Judge any text; `about` is what is known of the person (e-mail address, name)."""
    if not password:  # zxcvbn raises IndexError
        return Guess(common=False, personal=False, trivial=True, strength="weak", hint="")
    found = _estimate(password, _words(about))
    sequence, feedback, score = found["sequence"], found["feedback"], found["score"]
    whole = len(sequence) == 1 and len(password) <= _PIECE
    only = sequence[0].get("dictionary_name") if whole else None
    return Guess(
        common=only == "passwords" or _listed(password),
        personal=only == "user_inputs" or fold_login(password) in {fold_login(each) for each in about},
        trivial=score == 0,
        strength=_STRENGTHS[score],
        hint=" ".join(sentence for sentence in (feedback["warning"], *feedback["suggestions"]) if sentence),
    )


def _listed(password: str) -> bool:
    from zxcvbn.matching import RANKED_DICTIONARIES

    return password.casefold() in RANKED_DICTIONARIES["passwords"]


def _words(about: Sequence[str]) -> list[str]:
    # `Alice Liddell`, but also `alice`; two letters are found in every second password.
    return [*about, *(word for each in about for word in re.split(r"[\W_]+", each) if len(word) > 2)]


def _estimate(password: str, words: Sequence[str]) -> Mapping[str, Any]:
    from zxcvbn import zxcvbn

    best = zxcvbn(password[:_PIECE], user_inputs=words)
    for start in range(_PIECE, min(len(password), _LONGEST), _PIECE):
        if best["score"] >= _SAFE:
            break
        best = max(best, zxcvbn(password[start : start + _PIECE], user_inputs=words), key=lambda found: found["score"])
    return best
