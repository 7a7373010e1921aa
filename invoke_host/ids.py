"""The one source of identifiers and secrets. Tests replace functions here to make runs repeatable."""

from __future__ import annotations

import secrets
import uuid


def new_id() -> str:
    """A random UUID (version 4) as text, for batches, sessions and image names."""
    return str(uuid.uuid4())


def new_token() -> str:
    """256 random bits, URL-safe: lease tokens, one-time codes, session secrets."""
    return secrets.token_urlsafe(32)


def error_id() -> str:
    """A short id that stands both in a 5xx answer and in the log line with the cause."""
    return secrets.token_hex(6)


def new_seed() -> int:
    """A random image seed in 0 … 2^32 - 1, the range InvokeAI clients accept."""
    return secrets.randbits(32)
