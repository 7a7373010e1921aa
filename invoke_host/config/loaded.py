"""A configuration that is in force, with the origin of every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from invoke_host.api import ConfigProblem, PluginConfig
from invoke_host.config.fields import field_at, from_text
from invoke_host.config.layers import FILE_NAME, Layer
from invoke_host.config.lines import Path
from invoke_host.config.problems import problems_of, undotted
from invoke_host.config.schema import HostConfig

C = TypeVar("C", bound=PluginConfig)


@dataclass(frozen=True, slots=True)
class Places:
    """Which layer set what; the first layer wins."""

    layers: tuple[Layer, ...]

    def of(self, path: Path) -> str | None:
        """The place that sets this very key, or the nearest key above it that holds it (a list, an inline table)."""
        for layer in self.layers:
            if layer.has(path):
                return layer.places[path]
        return None

    def near(self, path: Path) -> str:
        """The place that sets the key; if none does, that of the table it would stand in; at last the file."""
        for length in range(len(path), 0, -1):
            place = self.of(path[:length])
            if place is not None:
                return place
        return FILE_NAME


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The values, the root folder they belong to, and where each value came from.

    `warnings` are sentences for the operator about things that work but may not be meant. `problems` are what is wrong,
    in the order of the file; no host runs with any. Values at the paths in `left_out` are wrong, so `config` holds
    defaults instead; the path `()` stands for the whole.
    """

    root: FilePath
    config: HostConfig
    places: Places
    warnings: tuple[str, ...] = ()
    problems: tuple[ConfigProblem, ...] = ()
    left_out: frozenset[Path] = frozenset()

    @property
    def file(self) -> FilePath:
        """The configuration file, whether or not it exists."""
        return self.root / FILE_NAME

    def sound(self, *keys: str) -> bool:
        """Whether the values of all these keys are what the operator wrote, so that something can be said of them."""
        return not any(
            wrong[: len(path)] == path[: len(wrong)] for path in map(undotted, keys) for wrong in self.left_out
        )

    def origin(self, key: str) -> str:
        """Where a value came from: `invoke-host.toml:12`, `environment INVOKE_HOST_X`, `flag --port` or `default`."""
        if key == "auth.providers" and self.places.of(undotted(key)) is None and self.config.multiuser:
            return self.places.near(("multiuser",))
        return self.places.of(undotted(key)) or "default"

    def where(self, key: str) -> str:
        """Where to look when the value is wrong: its origin, or where it would have to be written."""
        origin = self.origin(key)
        return self.places.near(undotted(key)) if origin == "default" else origin

    def problem(self, key: str, message: str) -> ConfigProblem:
        """A problem with the value of `key`, for a ConfigError."""
        return ConfigProblem(self.where(key), key, message)

    def path(self, value: FilePath | None, default: str) -> FilePath:
        """A file or folder of the configuration, or `default`; relative ones are in the root folder."""
        return self.root / (FilePath(default) if value is None else value.expanduser())

    def plugin_options(self, name: str, schema: type[C]) -> tuple[C | None, list[ConfigProblem], list[str]]:
        """The table `[plugins.NAME]` as the plugin's own model.

        Returns the options, or None and all problems of the table; and warnings (secret files that others may read).
        """
        path: Path = ("plugins", name)
        table = _typed(self.config.plugins.options.get(name, {}), schema)
        warnings: list[str] = []
        try:
            options = schema.model_validate(table, context={"root": self.root, "warnings": warnings})
        except ValidationError as error:
            return None, problems_of(error, model=schema, data=table, where=self.places.near, prefix=path), warnings
        return options, [], [f"{self.places.near(path)}: plugins.{name}: {warning}" for warning in warnings]


def _typed(table: Mapping[str, Any], schema: type[BaseModel]) -> dict[str, Any]:
    """Options with texts of the environment turned into the lists that the plugin wants; a file's lists stay."""
    typed: dict[str, Any] = {}
    for key, value in table.items():
        field = field_at(schema, (key,))
        typed[key] = from_text(value, field) if isinstance(value, str) else value
    return typed


def unused_tables(loaded: LoadedConfig, plugins: Sequence[str]) -> list[str]:
    """Names of `[plugins.NAME]` tables whose plugin is not among those loaded: most likely a typo."""
    return [name for name in loaded.config.plugins.options if name not in plugins]
