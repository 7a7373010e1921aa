"""What is not worth asking a provider: no names and passwords that are blank, too long, or not text.

A directory takes a bind with an empty password for an anonymous one and says yes (RFC 4513 section 5.1.2), and what
looks blank becomes empty when it is prepared (RFC 4013 maps some characters to a space and others to nothing). Hashing
a huge password is a way to keep a server busy.
"""

from __future__ import annotations

import stringprep
import unicodedata

MAX_NAME_BYTES = 256
MAX_PASSWORD_BYTES = 1024


def usable_name(name: str) -> bool:
    """Whether somebody may have that login name."""
    return _usable(name, MAX_NAME_BYTES)


def usable_password(password: str) -> bool:
    """Whether somebody may have that password."""
    return _usable(password, MAX_PASSWORD_BYTES)


def _usable(text: str, longest_bytes: int) -> bool:
    if len(text) > longest_bytes or "\0" in text:
        return False
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return size <= longest_bytes and not all(_invisible(letter) for letter in text)


def _invisible(letter: str) -> bool:
    return (
        letter.isspace()
        or unicodedata.category(letter) in ("Cc", "Cf", "Zs", "Zl", "Zp")
        or stringprep.in_table_b1(letter)  # mapped to nothing
        or stringprep.in_table_c12(letter)  # mapped to a space
    )
