"""What can be wrong with a directory. None of it ever means that a password is wrong.

DirectoryError      the directory gave no answer that can be used; `code` is one stable word
  Unreachable         no server could be asked
  TooBusy             too many logins wait already
"""

from __future__ import annotations

from invoke_host.api import InvokeHostError


class DirectoryError(InvokeHostError):
    """No usable answer. `stage` says where it went wrong: connect, tls, service_bind, search, groups, bind."""

    code = "directory_error"

    def __init__(self, message: str, stage: str, server: str = "") -> None:
        super().__init__(message)
        self.stage = stage
        self.server = server


class Unreachable(DirectoryError):
    """Refused, cut, timed out, or no TLS: another server may do better."""

    code = "directory_unreachable"


class TooBusy(DirectoryError):
    """The threads and the line before them are full."""

    code = "directory_busy"


def printable(text: str) -> str:
    """Text of a directory as it may stand in a log or on a terminal: what is no visible character is written out."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
