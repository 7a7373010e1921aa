"""The combinations that training never sees: one in ten, chosen by hash, so that every run leaves out the same."""

from __future__ import annotations

import hashlib
from typing import Literal

#: What is combined: a thing painted in a colour, a thing on a ground of a colour, one thing beside another.
Kind = Literal["colour", "ground", "pair"]

_SHARE = 0.1


def held_out(kind: Kind, first: str, second: str) -> bool:
    """Whether this combination is kept for the evaluation. Pairs have no order."""
    words = sorted((first, second)) if kind == "pair" else (first, second)
    digest = hashlib.sha256("\0".join((kind, *words)).encode()).digest()
    return int.from_bytes(digest[:4], "big") < _SHARE * 2**32
