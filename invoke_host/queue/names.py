"""What may stand in paths and headers of the queue routes; each check raises InvalidInput with the place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from invoke_host.api import FieldProblem, InvalidInput

#: The queue of the user interface and the command line.
DEFAULT_QUEUE: Final = "default"

_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


def checked_queue_id(text: str) -> str:
    """A queue id: a word of the client's choice."""
    if not _NAME.fullmatch(text):
        raise _invalid("path", "queue_id", "expected 1 to 64 characters, none of them a control character")
    return text


def checked_batch_id(text: str) -> str:
    """Something that can be the id of a batch."""
    if not _NAME.fullmatch(text):
        raise _invalid("path", "batch_id", "expected the id of a batch")
    return text


def checked_destination(text: str) -> str:
    """A destination, as long as a request may name one."""
    if len(text) > 255 or "\x00" in text:
        raise _invalid("path", "destination", "expected at most 255 characters, none of them NUL")
    return text


def checked_key(values: Sequence[str]) -> str | None:
    """The value of the header Idempotency-Key, or None if the request has no such header."""
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise _invalid("header", "Idempotency-Key", "expected one value of 1 to 255 visible ASCII characters")
    return values[0]


def _invalid(part: str, name: str, message: str) -> InvalidInput:
    return InvalidInput([FieldProblem((part, name), message, "value_error")])
