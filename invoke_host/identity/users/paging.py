"""Where a list of users goes on: behind the last user of a page, also when that user is gone meanwhile."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from invoke_host.api import FieldProblem, InvalidInput

_PLAIN = re.compile(r"([0-9 :.-]{23})/([!-~]{1,36})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the order newest first."""

    created_at: str
    id: str

    def encode(self) -> str:
        """Text for clients, who only hand it back."""
        return base64.urlsafe_b64encode(f"{self.created_at}/{self.id}".encode()).decode().rstrip("=")

    @staticmethod
    def decode(text: str) -> Place:
        """The place that `encode` made text of. Raises InvalidInput."""
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        except (ValueError, binascii.Error):
            plain = ""
        match = _PLAIN.fullmatch(plain)
        if match is None:
            message = "not a cursor of this list; take X-Next-Cursor from an earlier page, or leave it out"
            raise InvalidInput([FieldProblem(("query", "cursor"), message, "cursor")])
        return Place(match[1], match[2])
