"""The three places a value can come from, each with its values and the name of the place of each value.

pydantic-settings merges the layers; this module only says what each of them holds. Its own environment source is not
used because it stops at the first value that is wrong and can't say which variable that was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import Any

import tomli
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from invoke_host.api import ConfigProblem
from invoke_host.config.fields import field_at, from_text, leaf_keys, section_at
from invoke_host.config.lines import Path, key_lines
from invoke_host.config.problems import dotted, undotted
from invoke_host.config.schema import HostConfig

#: Name of the configuration file in the root folder.
FILE_NAME = "invoke-host.toml"

ENVIRONMENT_PREFIX = "INVOKE_HOST_"

#: Variables with the prefix that are no settings, and what they are.
RESERVED_ENVIRONMENT: Mapping[str, str] = {
    "INVOKE_HOST_ROOT": "the root folder, like `--root`",
    "INVOKE_HOST_URL": "the running host that `generate` and `queue` talk to, like `--url`",
    "INVOKE_HOST_TOKEN": "the API token that `generate` and `queue` log in with, like `--token`",
    "INVOKE_HOST_FAILPOINT": "makes the host die at a named place, for tests",
}


@dataclass(slots=True)
class Layer:
    """Values of one place, and where each of them stands. `problems` are those that kept a value out."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, str] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)

    def has(self, path: Path) -> bool:
        """Whether this layer sets that very key (or element)."""
        return path in self.places

    def put(self, path: Path, value: Any, place: str) -> None:
        """Set a value, making the tables on the way; a value that is in the way of a table is a problem."""
        node = self.data
        for depth, part in enumerate(path[:-1]):
            node = node.setdefault(str(part), {})
            if not isinstance(node, dict):
                over = self.places.get(path[: depth + 1], "another place")
                self.problems.append(ConfigProblem(place, dotted(path), f"contradicts {over}, which is no table"))
                return
        node[str(path[-1])] = value
        self.places[path] = place


def file_layer(file: FilePath) -> Layer:
    """What the TOML file says; an empty layer if there is no such file. Syntax errors are problems with their line."""
    layer = Layer()
    name = file.name
    try:
        text = file.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return layer
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        layer.problems.append(ConfigProblem(f"{name}:{line}", "", "not UTF-8 text; save the file as UTF-8"))
        return layer
    except OSError as error:
        layer.problems.append(ConfigProblem(name, "", f"can't be read: {error.strerror} ({file})"))
        return layer
    try:
        layer.data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        what = f"not valid TOML: {error.msg} (column {error.colno})"
        layer.problems.append(ConfigProblem(f"{name}:{error.lineno}", "", what))
        return layer
    layer.places = {path: f"{name}:{line}" for path, line in key_lines(text).items()}
    return layer


def environment_layer(environment: Mapping[str, str]) -> Layer:
    """What variables `INVOKE_HOST_SECTION__KEY` say. Empty ones count as not set; unknown ones are problems."""
    layer = Layer()
    for name in sorted(environment, key=lambda each: (each.count("__"), each)):
        text = environment[name]
        if not name.startswith(ENVIRONMENT_PREFIX) or name in RESERVED_ENVIRONMENT or text == "":
            continue
        path: Path = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
        place = f"environment {name}"
        known_field = field_at(HostConfig, path)
        if section_at(HostConfig, path) is not None:
            layer.problems.append(
                ConfigProblem(place, dotted(path), f"is a table; set {name}__KEY for one of its keys")
            )
        elif known_field is None and not _plugin_option(path):
            layer.problems.append(ConfigProblem(place, "", _unknown_variable(name)))
        else:
            layer.put(path, from_text(text, known_field), place)
    return layer


def flag_layer(flags: Mapping[str, object]) -> Layer:
    """What the command line says: dotted keys to values, text or typed. None = flag not given."""
    layer = Layer()
    for key, value in flags.items():
        if value is not None:
            path = undotted(key)
            typed = from_text(value, field_at(HostConfig, path)) if isinstance(value, str) else value
            layer.put(path, typed, f"flag --{str(path[-1]).replace('_', '-')}")
    return layer


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """The values of all layers; the first layer wins, tables are merged key by key."""
    return dict(_Merged(layers).model_extra or {})


def environment_name(key: str) -> str:
    """The variable that sets a dotted key."""
    return ENVIRONMENT_PREFIX + key.replace(".", "__").upper()


def _plugin_option(path: Path) -> bool:
    return len(path) >= 3 and path[0] == "plugins"


def _unknown_variable(name: str) -> str:
    known = [*map(environment_name, leaf_keys(HostConfig)), *RESERVED_ENVIRONMENT]
    stems = {each.removeprefix(ENVIRONMENT_PREFIX): each for each in known}  # the prefix would make all look alike
    close = get_close_matches(name.removeprefix(ENVIRONMENT_PREFIX), stems, n=1)
    return f"unknown variable; {f'did you mean `{stems[close[0]]}`?' if close else 'see `invoke-host config docs`'}"


class _Merged(BaseSettings):
    """No fields: values are judged later, by `HostConfig`, against the place they came from."""

    model_config = SettingsConfigDict(extra="allow")

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__(_build_sources=(tuple(_Source(_Merged, layer.data) for layer in layers), {}))


class _Source(PydanticBaseSettingsSource):
    def __init__(self, settings: type[BaseSettings], data: dict[str, Any]) -> None:
        super().__init__(settings)
        self._data = data

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One value; pydantic-settings asks for it only where `__call__` does not give all."""
        return self._data.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._data
