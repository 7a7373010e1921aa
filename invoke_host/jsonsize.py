"""How many values JSON may hold: reading very many small ones keeps the interpreter busy for as long as it takes.

A parser in C lets nothing else run meanwhile, on whichever thread it is. Texts cost little, however long; each array,
object and number costs a tenth of a microsecond, and eight megabytes have room for three million of them.
"""

from __future__ import annotations

import re
from typing import Final

#: Most values in a body: ten thousand pictures with prompts, negative prompts and seeds take a third of it.
MAX_VALUES: Final = 100_000


def too_many_values(raw: bytes, most: int = MAX_VALUES) -> bool:
    """Are there more commas and brackets outside of texts? Text that is no JSON is counted in the same way."""
    # Each count takes a millisecond for eight megabytes, and nearly always says enough.
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") <= most:
        return False
    marks = 0
    for found in _STRING_OR_MARK.finditer(raw):
        if raw[found.start()] != _QUOTE:
            marks += 1
            if marks > most:
                return True
    return False


_QUOTE: Final = ord('"')

# Possessive, and whole even without its closing quote, so that no text makes it look at any part of it twice.
_STRING_OR_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{,]', re.DOTALL)
