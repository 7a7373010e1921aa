"""Plugins for commands that look at them without starting a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from invoke_host.api import HostView, MigrationLineage
    from invoke_host.config import LoadedConfig
    from invoke_host.plugins import Judgement, PluginRegistry


def load_registry(loaded: LoadedConfig) -> PluginRegistry:
    """The plugins that the configuration names, imported and checked, but not started.

    Raises:
        StartupError: with everything that is wrong with the configuration and the plugins.
    """
    judgement = judge(loaded)
    if judgement.registry is None:
        raise judgement.error()
    return judgement.registry


def judge(loaded: LoadedConfig) -> Judgement:
    """Everything that is to say about the configuration and the plugins it names, which are imported, not started."""
    from invoke_host.ops.logging import setup_logging
    from invoke_host.plugins import Makers
    from invoke_host.plugins import judge as judge_plugins

    log = setup_logging("warning", loaded.config.logging.format)
    makers = Makers(_not_here, _not_here, allow_remote=loaded.config.auth.none.allow_remote)
    return judge_plugins(loaded, log=log, makers=makers)


def lineages(registry: PluginRegistry) -> list[MigrationLineage]:
    """The host's schema lineage, then those of the loaded plugins, in the order in which they are configured."""
    from invoke_host.lineage import host_lineage

    return [host_lineage(), *(each.manifest.lineage for each in registry.plugins if each.manifest.lineage)]


def _not_here(host: HostView) -> NoReturn:
    raise AssertionError("a command that only looks makes no executor and no blob store")
