"""What `invoke-host plugins` shows: loaded plugins with version, API range and hooks, and what else is installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from invoke_host.plugins.discovery import Installed
from invoke_host.plugins.registry import PluginRegistry


@dataclass(frozen=True, slots=True)
class PluginReport:
    """One plugin. `state` is `loaded`, or `installed` for one that the configuration does not name (not imported)."""

    name: str
    state: str
    distribution: str
    version: str
    api: str = ""
    provides: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    description: str = ""
    homepage: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def report(registry: PluginRegistry, installed: Installed | None = None) -> list[PluginReport]:
    """Loaded plugins in call order, then those that are installed but not selected, by name."""
    loaded = [
        PluginReport(
            name=plugin.name,
            state="loaded",
            distribution=plugin.distribution,
            version=plugin.version,
            api=plugin.manifest.api,
            provides=tuple(sorted(plugin.manifest.provides)),
            hooks=tuple(registry.hooks_of(plugin.name)),
            options=tuple(plugin.manifest.config.model_fields),
            description=plugin.manifest.description,
            homepage=plugin.manifest.homepage,
        )
        for plugin in registry.plugins
    ]
    names = {plugin.name for plugin in loaded}
    return [*loaded, *_others(names, installed or Installed())]


def _others(loaded: set[str], installed: Installed) -> Sequence[PluginReport]:
    candidates = [each for name in installed.names if name not in loaded for each in installed.claims(name)]
    return [PluginReport(each.name, "installed", each.distribution, each.version) for each in candidates]
