"""What the registry knows of a plugin, and what a hook call returns: always with the plugin's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from invoke_host.api import PluginConfig, PluginManifest

T = TypeVar("T", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPlugin:
    """A plugin that is imported, fits, and has valid options. `object` carries its hook implementations."""

    name: str
    version: str
    distribution: str
    manifest: PluginManifest
    object: Any
    options: PluginConfig = field(default_factory=PluginConfig)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """One value and the plugin it came from."""

    plugin: str
    value: T


@dataclass(frozen=True, slots=True)
class Failure:
    """A plugin that did not answer a broadcast, and why."""

    plugin: str
    reason: str


@dataclass(frozen=True, slots=True)
class Implementation:
    """A plugin's function for one hook, and which of the hook's arguments it takes."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    arguments: frozenset[str]

    def call(self, **arguments: Any) -> Any:
        """Call it with those of the arguments that it takes."""
        return self.function(**{name: arguments[name] for name in arguments if name in self.arguments})
