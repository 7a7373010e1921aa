"""The one-time code without which nobody becomes the first administrator: only who reads the server's log has it."""

from __future__ import annotations

import hmac
import secrets

#: No letters and digits that look alike: people copy it from a terminal by hand.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS = 4
GROUP = 4


class SetupCode:
    """A code in the memory of the running server, never stored; `xxxx-xxxx-xxxx-xxxx`, 79 random bits."""

    def __init__(self) -> None:
        self._text: str | None = "-".join(
            "".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS)
        )

    @property
    def text(self) -> str | None:
        """What the log shows; None once it is used up."""
        return self._text

    def check(self, typed: str) -> bool:
        """Is this the code? Case, blanks and dashes don't matter. Takes as long for any wrong text of one length."""
        if self._text is None:
            return False
        return hmac.compare_digest(_bare(typed).encode(errors="replace"), _bare(self._text).encode())

    def spend(self) -> None:
        """It was used: no text passes from now on."""
        self._text = None


def _bare(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter not in " -\t\r\n")
