"""The configuration reference as Markdown, written from the schema, so that it can't differ from what is accepted."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from invoke_host.config.fields import kinds, section_of
from invoke_host.config.layers import FILE_NAME, RESERVED_ENVIRONMENT, environment_name
from invoke_host.config.schema import HostConfig, PluginsConfig

_INTRODUCTION = f"""\
# Configuration

<!-- Written by `invoke-host config docs`; a test compares. Change invoke_host/config/, not this page. -->

A host reads `{FILE_NAME}` in its root folder, then environment variables, then the flags of the command line; what
comes later wins. All of it is optional: an empty folder gives a host for one user on <http://127.0.0.1:9090>.

* A variable is the key in capitals after `INVOKE_HOST_`, with two underscores between section and key:
  `INVOKE_HOST_SERVER__PORT=8000`. Lists are separated by commas (`cuda:0,cuda:1`) or written as JSON. An empty variable
  counts as not set.
* Unknown keys and variables are errors, and all errors are told at once, with file and line:
  `{FILE_NAME}:12: server.port: expected an integer, got "abc"`. That includes names of plugins that are not installed
  and the options of those that are; only what rests on a wrong value waits until that is right.
* Secrets (passwords of plugins, say) can be kept out of the file: `file:PATH` reads them from a file, relative to the
  root folder, without one newline at its end.
* `invoke-host config check` judges a configuration, `invoke-host config show` shows the values in force and where each
  of them comes from.

```toml
[server]
port = 8000

[generation]
devices = ["cpu"]

[logging]
level = "warning"
```
"""

_TYPES: dict[Any, str] = {bool: "true or false", int: "integer", float: "number", str: "text", Path: "path"}


def reference() -> str:
    """The whole page."""
    parts = [_INTRODUCTION, *_section("", HostConfig), _reserved()]
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(path: str, section: type[BaseModel]) -> Iterator[str]:
    values = [(name, field) for name, field in section.model_fields.items() if section_of(field) is None]
    if path:
        yield f"## `[{path}]`\n\n{inspect.getdoc(section)}\n"
    else:
        yield "## Top level\n\nThese stand before the first `[section]`.\n"
    yield "| key | type | default | variable | meaning |\n| --- | --- | --- | --- | --- |"
    prefix = f"{path}." if path else ""
    for name, field in values:
        cells = (
            f"`{name}`",
            _type(field),
            f"`{_default(field)}`" if field.default is not None else "none",
            f"`{environment_name(prefix + name)}`",
            " ".join((field.description or "").split()),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    if section is PluginsConfig:
        yield (
            "Each plugin brings its own options, in `[plugins.NAME]` (`INVOKE_HOST_PLUGINS__NAME__OPTION`); its\n"
            "README lists them. Options of a plugin that is not loaded have no effect, and the host says so at start.\n"
        )
    for name, field in section.model_fields.items():
        child = section_of(field)
        if child is not None:
            yield from _section(prefix + name, child)


def _type(field: FieldInfo) -> str:
    names = [_type_name(kind) for kind in kinds(field.annotation) if kind is not type(None)]
    if field.default == "auto" and "list of text" in names:
        names.insert(0, '`"auto"`')
    low = next((each.ge for each in field.metadata if isinstance(each, Ge)), None)
    high = next((each.le for each in field.metadata if isinstance(each, Le)), None)
    return " or ".join(dict.fromkeys(names)) + (f", {low} … {high}" if low is not None and high is not None else "")


def _type_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f'`"{choice}"`' for choice in get_args(kind))
    return _TYPES.get(kind, "list of text" if kind is tuple else str(kind))


def _default(field: FieldInfo) -> str:
    return json.dumps(field.default, ensure_ascii=False)


def _reserved() -> str:
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in RESERVED_ENVIRONMENT.items())
    return f"## Variables that are no settings\n\n| variable | meaning |\n| --- | --- |\n{rows}\n"
