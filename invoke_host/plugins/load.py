"""From the names in the configuration to a registry: found, imported, judged, validated, registered, in that order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from structlog.typing import FilteringBoundLogger

from invoke_host.api import ConfigError, ConfigProblem
from invoke_host.config.loaded import LoadedConfig, unused_tables
from invoke_host.plugins.builtin import Makers, builtin
from invoke_host.plugins.compat import manifest_of
from invoke_host.plugins.discovery import Installed
from invoke_host.plugins.loaded import LoadedPlugin
from invoke_host.plugins.registry import PluginRegistry
from invoke_host.plugins.selection import Selection, select


def load(
    loaded: LoadedConfig, *, log: FilteringBoundLogger, makers: Makers, installed: Installed | None = None
) -> PluginRegistry:
    """Load the built-in plugin and what the configuration names. Nothing that is not named is imported.

    Raises:
        ConfigError: names that nothing installed serves, or wrong options; all of either kind at once.
        PluginError: a plugin is claimed by two distributions, can't be imported, has the wrong API or a wrong hook.
    """
    installed = installed or Installed()
    selection = select(loaded)
    found = _import(selection, installed)
    warnings: list[str] = []
    plugins = [builtin(makers), *_with_options(found, loaded, warnings)]
    warnings.extend(_unused(loaded, [plugin.name for plugin in plugins]))
    return PluginRegistry(plugins, log, selection=selection, warnings=warnings)


def _import(selection: Selection, installed: Installed) -> list[LoadedPlugin]:
    names, unserved = selection.plugins(installed)
    _stop([selection.missing(want, installed) for want in unserved if want.role == "extension"])
    found: list[LoadedPlugin] = []
    for name in names:
        candidate = installed.get(name)
        plugin = candidate.load()
        manifest = manifest_of(name, plugin, candidate.version)
        found.append(LoadedPlugin(name, candidate.version, candidate.distribution, manifest, plugin))
    provided = {role for plugin in found for role in plugin.manifest.provides}
    # A plugin under another name may hand the wanted thing out; whether it does shows when its hooks are called.
    _stop([selection.missing(want, installed) for want in unserved if want.role not in provided])
    return found


def _with_options(plugins: Sequence[LoadedPlugin], loaded: LoadedConfig, warnings: list[str]) -> list[LoadedPlugin]:
    ready: list[LoadedPlugin] = []
    problems: list[ConfigProblem] = []
    for plugin in plugins:
        options, wrong, warned = loaded.plugin_options(plugin.name, plugin.manifest.config)
        problems.extend(wrong)
        warnings.extend(warned)
        if options is not None:
            ready.append(replace(plugin, options=options))
    _stop(problems)
    return ready


def _unused(loaded: LoadedConfig, plugins: Sequence[str]) -> list[str]:
    warnings = []
    for name in unused_tables(loaded, plugins):
        close = get_close_matches(name, plugins, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "add it to [plugins] load, or remove the table"
        place = loaded.where(f"plugins.{name}")
        warnings.append(f"{place}: [plugins.{name}] has no effect, no plugin {name!r} is loaded; {hint}")
    return warnings


def _stop(problems: Sequence[ConfigProblem]) -> None:
    if problems:
        raise ConfigError(problems)
