"""Passwords that nobody has to think of."""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence

from invoke_host.api import PasswordAccounts, Secret

LENGTH = 16
_ALPHABET = string.ascii_letters + string.digits + string.punctuation
_NEEDED = (string.ascii_uppercase, string.ascii_lowercase, string.digits)


def generate_password() -> str:
    """16 random letters, digits and punctuation marks, an upper-case and a lower-case letter and a digit among them.

    Drawn again until it fits, so that all passwords that fit are equally likely: about 100 bits.
    """
    while True:
        password = "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH))
        if all(any(letter in group for letter in password) for group in _NEEDED):
            return password


async def accepted_password(accounts: PasswordAccounts | None, *, about: Sequence[str] = ()) -> str:
    """One that the provider takes as well; without a provider of passwords, any."""
    while True:
        password = generate_password()
        if accounts is None or not (await accounts.judge(Secret(password), about=about)).problems:
            return password
