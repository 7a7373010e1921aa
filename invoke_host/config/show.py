"""The configuration as a list: every key, its value with secrets masked, and where the value came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from invoke_host.api.secrets import FILE_PREFIX, MASK
from invoke_host.config.fields import is_secret, leaf_keys
from invoke_host.config.loaded import LoadedConfig
from invoke_host.masking import has_secret_name, mask_text


@dataclass(frozen=True, slots=True)
class Setting:
    """One row. `value` is safe to show: secrets are asterisks, or the `file:PATH` they are read from."""

    key: str
    value: Any
    origin: str

    def text(self) -> str:
        """The value as one writes it in TOML; `(none)` where nothing is set."""
        if self.value is None:
            return "(none)"
        return json.dumps(self.value, ensure_ascii=False)


def settings(loaded: LoadedConfig, schemas: Mapping[str, type[BaseModel]]) -> Iterator[Setting]:
    """All settings in the order of the schema, then the options of plugins.

    `schemas` are the option models of the plugins that are loaded. Of other plugins nobody knows which options are
    secret, so all their values are masked.
    """
    for key in leaf_keys(type(loaded.config)):
        value: Any = loaded.config
        for part in key.split("."):
            value = getattr(value, part)
        yield Setting(key, _plain(value), loaded.origin(key))
    for plugin in sorted({*schemas, *loaded.config.plugins.options}):
        yield from _options(loaded, plugin, schemas.get(plugin))


def _options(loaded: LoadedConfig, plugin: str, schema: type[BaseModel] | None) -> Iterator[Setting]:
    given = loaded.config.plugins.options.get(plugin, {})
    known = list(schema.model_fields) if schema else []
    for name in dict.fromkeys([*known, *given]):
        key = f"plugins.{plugin}.{name}"
        value = given.get(name)
        if name not in given and schema:
            value = schema.model_fields[name].get_default(call_default_factory=True, validated_data={})
        hidden = schema is None or is_secret(schema, (name,))
        yield Setting(key, _hide(value) if hidden else _plain(value), loaded.origin(key))


def _hide(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FILE_PREFIX):
        return value
    return value if value is None or isinstance(value, bool) else MASK


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {str(key): MASK if has_secret_name(str(key)) else _plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list, set, frozenset)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return MASK if "Secret" in type(value).__name__ else str(value)
