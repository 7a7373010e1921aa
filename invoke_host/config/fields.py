"""Looking around in a schema: which field a path leads to, what kind of value it takes, whether it is a secret."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from invoke_host.api import Secret
from invoke_host.config.lines import Path
from invoke_host.masking import has_secret_name

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that the field holds, or None if it holds a value."""
    for kind in kinds(field.annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def section_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The section that the path leads to, or None."""
    for part in path:
        field = model.model_fields.get(str(part))
        section = section_of(field) if field else None
        if section is None:
            return None
        model = section
    return model


def field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """The field that the path leads to, also for elements of its value; None if the schema has no such field."""
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return None
    section = section_at(model, tuple(names[:-1]))
    return section.model_fields.get(names[-1]) if section else None


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All fields that hold values, with their dotted keys, in the order of the schema."""
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is None:
            yield prefix + name, field
        else:
            yield from leaves(section, f"{prefix}{name}.")


def leaf_keys(model: type[BaseModel]) -> list[str]:
    """Dotted keys of all fields that hold values."""
    return [key for key, _ in leaves(model)]


def kinds(annotation: Any) -> list[Any]:
    """The plain types in an annotation: `Annotated[int, ...] | None` gives int and None's type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return kinds(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for each in get_args(annotation) for kind in kinds(each)]
    return [annotation if origin is Literal else origin or annotation]


def is_secret(model: type[BaseModel], path: Path) -> bool:
    """Whether the value must not be shown: by its type, or by its name where the schema does not know it."""
    field = field_at(model, path)
    if field is not None and any(kind in (Secret, SecretStr, SecretBytes) for kind in kinds(field.annotation)):
        return True
    return any(isinstance(part, str) and has_secret_name(part) for part in path)


def from_text(text: str, field: FieldInfo | None) -> Any:
    """The value that a text from the environment or a flag stands for; the text itself where it does not fit.

    Lists are JSON (`["a", "b"]`) or separated by commas.
    """
    wanted = kinds(field.annotation) if field else []
    if bool in wanted and text.strip().lower() in _TRUE | _FALSE:
        return text.strip().lower() in _TRUE
    for number in (int, float):
        if number in wanted:
            try:
                return number(text)
            except ValueError:
                continue
    lists = any(kind in (tuple, list, set, frozenset) for kind in wanted)
    if lists and not _is_choice(text, wanted, field):
        return _list(text)
    if dict in wanted:
        return _json(text)
    return text


def _is_choice(text: str, wanted: list[Any], field: FieldInfo | None) -> bool:
    if field is not None and text == field.default:  # `devices = "auto"`
        return True
    return any(get_origin(kind) is Literal and text in get_args(kind) for kind in wanted)


def _list(text: str) -> Any:
    if text.lstrip().startswith("["):
        return _json(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
