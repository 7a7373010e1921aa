"""Secrets in configuration: a value that never shows itself, and `file:PATH` to keep it out of the TOML file."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

#: What stands in place of a secret wherever one would show.
MASK = "**********"

#: Prefix of a configuration value that names a file with the secret in it.
FILE_PREFIX = "file:"

_LIMIT_BYTES = 64 * 1024


class Secret:
    """A string that never shows itself in repr, str, logs or JSON; `reveal()` is the only way out.

    As the type of an option (`password: Secret`) it takes text, or `file:PATH` with a path relative to the root folder.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; call it at the last moment."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validate,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: MASK, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "password", "writeOnly": True}


def _validate(value: Any, info: core_schema.ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("expected text, or file:PATH")
    if not value.startswith(FILE_PREFIX):
        return Secret(value)
    context = info.context or {}
    file = Path(context.get("root", Path())) / Path(value.removeprefix(FILE_PREFIX)).expanduser()
    secret, warning = read_secret_file(file)
    if warning:
        context.get("warnings", []).append(warning)
    return secret


def read_secret_file(file: Path) -> tuple[Secret, str | None]:
    """The text of `file` without one trailing newline, and a warning when other users of the machine may read it.

    Raises:
        ValueError: the file is missing, unreadable, empty, too large or not text; the message names it.
    """
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"the secret file {file} is not a file")
        with file.open("rb") as handle:
            data = handle.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise ValueError(f"the secret file {file} can't be read: {error.strerror}") from error
    if len(data) > _LIMIT_BYTES:
        raise ValueError(f"the secret file {file} is larger than {_LIMIT_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"the secret file {file} is not UTF-8 text") from error
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError(f"the secret file {file} is empty")
    warning = None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        warning = f"other users of this machine can read or write the secret file {file}; run: chmod 600 {file}"
    return Secret(text), warning
