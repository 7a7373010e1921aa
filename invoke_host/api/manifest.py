"""What a plugin says about itself before any of its hooks runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from invoke_host.api.migrations import MigrationLineage

#: Version (major, minor) of everything in `invoke_host.api`: minor = additions, major = removals.
API_VERSION: Final = (1, 0)

#: Entry-point group; the entry point's name is the plugin's name in the TOML and resolves to an object with `manifest`.
ENTRY_POINT_GROUP: Final = "invoke_host.plugins"

Provides = Literal["auth", "policy", "storage", "blobs", "executor", "model", "extension"]


class PluginConfig(BaseModel):
    """Base for a plugin's options, the `[plugins.NAME]` table of the TOML: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, eq=False)
class PluginManifest:
    """Name, supported API range (PEP 440 specifiers such as `>=1.0,<2`), options, and what the plugin offers."""

    name: str
    api: str
    provides: frozenset[Provides]
    config: type[PluginConfig] = PluginConfig
    lineage: MigrationLineage | None = None
    description: str = ""
    homepage: str = ""
