"""What is never sent to a directory: names and passwords that servers and ldap3 read differently from people.

An empty password makes a bind anonymous, and servers say yes to that (RFC 4513 section 5.1.2); what looks blank becomes
empty when it is prepared (RFC 4013). NUL ends a name for some servers.
"""

from __future__ import annotations

import stringprep
import unicodedata

MAX_NAME = 256
MAX_PASSWORD = 1024

_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def usable_login(login: str) -> bool:
    """Whether somebody may have that login name: some visible characters, none of them for control."""
    return _text(login, MAX_NAME) and not any(unicodedata.category(letter) == "Cc" for letter in login)


def usable_password(password: str) -> bool:
    """Whether somebody may have that password."""
    return _text(password, MAX_PASSWORD) and "\0" not in password


def _text(text: str, longest_bytes: int) -> bool:
    if len(text) > longest_bytes:
        return False
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return size <= longest_bytes and not all(map(_invisible, text))


def _invisible(letter: str) -> bool:
    return (
        unicodedata.category(letter) in _INVISIBLE
        or stringprep.in_table_b1(letter)  # mapped to nothing
        or stringprep.in_table_c12(letter)  # mapped to a space
    )
