"""From the names in the configuration to a registry: found, imported, judged, validated, registered, in that order.

What goes wrong on the way is collected, so that the operator reads all of it at once, beside what the configuration
itself has found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from structlog.typing import FilteringBoundLogger

from invoke_host.api import ConfigError, ConfigProblem, PluginError, StartupError
from invoke_host.config import LoadedConfig, joined
from invoke_host.config.loaded import unused_tables
from invoke_host.plugins.builtin import Makers, builtin
from invoke_host.plugins.compat import manifest_of
from invoke_host.plugins.discovery import Installed
from invoke_host.plugins.loaded import LoadedPlugin
from invoke_host.plugins.registry import PluginRegistry
from invoke_host.plugins.selection import KEYS, Want, select


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything that is to say about a configuration and its plugins.

    `problems` and `warnings` are the configuration's own and those of plugins, in the order of the file. `unusable` are
    the plugins among the problems. `registry` is None if there is any problem.
    """

    registry: PluginRegistry | None
    problems: tuple[ConfigProblem, ...]
    warnings: tuple[str, ...]
    unusable: tuple[PluginError, ...] = ()

    def error(self) -> StartupError:
        """The problems to raise: a lone plugin's own error, else a ConfigError."""
        alone = len(self.problems) == 1 and self.unusable
        error = self.unusable[0] if alone else ConfigError(self.problems)
        if self.unusable and not alone:
            error.__cause__ = self.unusable[0]  # for --debug
        error.warnings = self.warnings
        return error


def load(
    loaded: LoadedConfig, *, log: FilteringBoundLogger, makers: Makers, installed: Installed | None = None
) -> PluginRegistry:
    """Load the built-in plugin and what the configuration names. Nothing that is not named is imported.

    Raises:
        ConfigError: everything that is wrong with the configuration, its names of plugins, and their options.
        PluginError: the one thing wrong is a plugin: it is claimed by two distributions, can't be imported, has the
            wrong API or a wrong hook.
    """
    judgement = judge(loaded, log=log, makers=makers, installed=installed)
    if judgement.registry is None:
        raise judgement.error()
    return judgement.registry


def judge(
    loaded: LoadedConfig, *, log: FilteringBoundLogger, makers: Makers, installed: Installed | None = None
) -> Judgement:
    """Like `load`, but tells what is wrong instead of raising it, and the warnings too.

    Where a value of the configuration is wrong, what rests on it is not judged. The table of a plugin that a misspelt
    name most likely meant is judged all the same, which imports that plugin.
    """
    installed = installed or Installed()
    selection = select(loaded)
    names, unserved = selection.plugins(installed)
    found, unusable = _import(names, installed)
    missing = _missing(unserved, found, certain=loaded.sound(KEYS["extension"]) and not unusable)
    meant = _meant(unserved, installed, loaded, names)
    plugins, wrong, warnings = _with_options([*found, *_import(meant, installed)[0]], loaded)
    if loaded.sound("multiuser", *KEYS.values()):
        warnings += _unused(loaded, ["builtin", *names, *meant, *(want.name for want in unserved)])
    problems = joined(
        loaded.problems,
        (selection.missing(want, installed) for want in missing),
        map(selection.unusable, unusable),
        wrong,
    )
    if not problems:
        try:
            registry = PluginRegistry([builtin(makers), *plugins], log, selection=selection, warnings=warnings)
            return Judgement(registry, (), (*loaded.warnings, *warnings))
        except PluginError as error:
            unusable = [error]
            problems = (selection.unusable(error),)
    return Judgement(None, problems, (*loaded.warnings, *warnings), tuple(unusable))


def _import(names: Iterable[str], installed: Installed) -> tuple[list[LoadedPlugin], list[PluginError]]:
    """Plugins that are imported and fit, and the errors of those that do not."""
    found: list[LoadedPlugin] = []
    unusable: list[PluginError] = []
    for name in names:
        try:
            candidate = installed.get(name)
            plugin = candidate.load()
            manifest = manifest_of(name, plugin, candidate.version)
        except PluginError as error:
            unusable.append(error)
        else:
            found.append(LoadedPlugin(name, candidate.version, candidate.distribution, manifest, plugin))
    return found, unusable


def _missing(unserved: Sequence[Want], found: Sequence[LoadedPlugin], *, certain: bool) -> list[Want]:
    """The wants that nothing can serve.

    A plugin under another name may hand the wanted thing out; whether it does shows when its hooks are called. Unless
    it is `certain` that all plugins are known, it may be one of those that are not.
    """
    provided = {role for plugin in found for role in plugin.manifest.provides}
    return [want for want in unserved if want.role == "extension" or (certain and want.role not in provided)]


def _meant(unserved: Sequence[Want], installed: Installed, loaded: LoadedConfig, names: Collection[str]) -> list[str]:
    """Installed plugins that misspelt names most likely meant, if the file has a table for them."""
    close = dict.fromkeys(installed.closest(want.name) for want in unserved)
    return [name for name in close if name in loaded.config.plugins.options and name not in names]


def _with_options(
    plugins: Sequence[LoadedPlugin], loaded: LoadedConfig
) -> tuple[list[LoadedPlugin], list[ConfigProblem], list[str]]:
    ready: list[LoadedPlugin] = []
    problems: list[ConfigProblem] = []
    warnings: list[str] = []
    for plugin in plugins:
        if not loaded.sound(f"plugins.{plugin.name}"):
            continue
        options, wrong, warned = loaded.plugin_options(plugin.name, plugin.manifest.config)
        problems.extend(wrong)
        warnings.extend(warned)
        if options is not None:
            ready.append(replace(plugin, options=options))
    return ready, problems, warnings


def _unused(loaded: LoadedConfig, plugins: Sequence[str]) -> list[str]:
    warnings = []
    for name in unused_tables(loaded, plugins):
        close = get_close_matches(name, plugins, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "add it to [plugins] load, or remove the table"
        place = loaded.where(f"plugins.{name}")
        warnings.append(f"{place}: [plugins.{name}] has no effect, no plugin {name!r} is loaded; {hint}")
    return warnings
