"""How deeply JSON may be nested: what comes in deeper can't be read or written again by every reader, ours included."""

from __future__ import annotations

import re

#: Deepest nesting of arrays and objects.
MAX_DEPTH = 100


def too_deep_at(text: str) -> int | None:
    """Where JSON text goes deeper than MAX_DEPTH, None if it nowhere does.

    It looks at the text and not at what was read from it, which lacks members whose name comes twice.
    """
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return token.start()
        elif first != '"':
            depth -= 1
    return None


# Possessive, and whole even without its closing quote, so that no text makes it look at any part of it twice.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
