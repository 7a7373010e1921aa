"""What a form may hold, and what it held: see `web.multipart`, which reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TextField:
    """A text that a form may hold. With a `model` (anything pydantic knows), the text is JSON of that."""

    name: str
    limit_bytes: int = 4096
    required: bool = False
    model: Any = None


@dataclass(frozen=True, slots=True)
class FileField:
    """A file that a form may hold; one of no bytes counts as not given, as browsers send it for an empty choice."""

    name: str
    limit_bytes: int
    required: bool = True


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file that arrived. `declared_type` is what the client says it is, which proves nothing."""

    path: Path
    size_bytes: int
    declared_type: str


@dataclass(frozen=True, slots=True)
class Form:
    """What a form said. What was not given is in none of the mappings."""

    texts: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, FormFile] = field(default_factory=dict)

    def value(self, name: str, model: type[T]) -> T | None:
        """What the JSON of a field with a model said, or None if it was not given."""
        value: T | None = self.values.get(name)
        return value
