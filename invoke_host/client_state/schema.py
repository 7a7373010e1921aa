"""What goes in and out of the client state routes."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field, StringConstraints

#: Longest key, in characters, and how many one user may have.
MAX_KEY: Final = 255
MAX_KEYS: Final = 1000

#: Longest value, in bytes of UTF-8.
MAX_VALUE_BYTES: Final = 1024 * 1024

Key = Annotated[str, StringConstraints(max_length=MAX_KEY)]


class KeyQuery(BaseModel):
    """Which value."""

    key: Key = Field(description="Any text of at most 255 characters.")


class PrefixQuery(BaseModel):
    """Which keys."""

    prefix: Key = Field(description="What the keys begin with, taken literally; A to Z and a to z are the same.")
