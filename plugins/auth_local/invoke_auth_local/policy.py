"""What a password must be like. Each rule is one sentence, and all that are broken are told at once.

There is no rule about kinds of characters unless the operator asks for it, and a maximum only where work has to end:
length and not being on anybody's list are what counts (NIST SP 800-63B, OWASP ASVS 6.2).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from invoke_auth_local.guessing import Guess, guess
from invoke_host.api import PasswordJudgement

#: Of UTF-8. More than anybody remembers, little enough to be refused before work is spent on it.
MAX_BYTES = 1024

#: Categories of characters that show nothing: separators, control and format characters (soft hyphen, zero width).
_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})

#: The reference's rule of `strict_password_checking`, by Unicode: Cyrillic capitals and full-width digits count.
_CLASSES: Sequence[tuple[str, Callable[[str], bool]]] = (
    ("an upper-case letter", str.isupper),
    ("a lower-case letter", str.islower),
    ("a digit", str.isdigit),
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's part: `strict` asks for upper case, lower case and digits. Lengths are in Unicode characters."""

    minimum_length: int
    strict: bool

    def judge(self, password: str, about: Sequence[str]) -> PasswordJudgement:
        """Judge any text. May take a second; one thread at a time (`guessing`)."""
        text = unicodedata.normalize("NFC", password[:MAX_BYTES])
        guessed = guess(text, about)
        problems = tuple(self._problems(password, text, guessed))
        return PasswordJudgement(problems, guessed.strength, guessed.hint)

    def _problems(self, password: str, text: str, guessed: Guess) -> Iterator[str]:
        if len(text) < self.minimum_length:
            yield f"The password must have at least {self.minimum_length} characters."
        if password and (sentence := flaw(password)):
            yield sentence
        if guessed.personal:
            yield "The password must not be the e-mail address or the name, or a part of them."
        elif guessed.common:
            yield "The password is one of the most common ones, or almost, and would be guessed at once."
        elif guessed.trivial and len(text) >= self.minimum_length:
            yield "The password is too regular and would be guessed at once."
        if self.strict:
            yield from (f"The password must contain {what}." for what, has in _CLASSES if not any(map(has, password)))


def flaw(password: str) -> str | None:
    """Why this can be nobody's password, whatever the policy, as a sentence; None if it can. Costs microseconds."""
    if len(password) > MAX_BYTES:
        return _TOO_LONG
    try:
        size_bytes = len(password.encode("utf-8"))
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can carry
        return "The password must be valid Unicode text."
    if size_bytes > MAX_BYTES:
        return _TOO_LONG
    if "\0" in password:
        return "The password must not contain the character NUL."
    if all(unicodedata.category(character) in _INVISIBLE for character in password):
        return "The password must contain more than blanks."
    return None


_TOO_LONG = f"The password must have at most {MAX_BYTES} bytes."
