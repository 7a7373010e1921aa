"""Which plugins the configuration names, for what, and where it says so. Installed is not enough: only these load.

Call order of hooks is: built in, database, image files, logins, policies, executor, then `[plugins] load`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from invoke_host.api import ConfigProblem, PluginError
from invoke_host.api.manifest import Provides
from invoke_host.config.loaded import LoadedConfig
from invoke_host.plugins.discovery import Installed

#: Names that the host itself offers, by what they are for. Each other name must be an installed plugin's.
BUILT_IN: Mapping[Provides, frozenset[str]] = MappingProxyType(
    {
        "storage": frozenset(),
        "blobs": frozenset({"filesystem"}),
        "auth": frozenset({"none"}),
        "policy": frozenset({"admin", "owner", "visibility", "grants", "tokens", "suspended"}),
        "executor": frozenset({"local"}),
    }
)

#: Key in the TOML that names plugins for a role.
KEYS: Mapping[Provides, str] = MappingProxyType(
    {
        "storage": "storage.backend",
        "blobs": "storage.blobs",
        "auth": "auth.providers",
        "policy": "access.policies",
        "executor": "generation.executor",
        "extension": "plugins.load",
    }
)


@dataclass(frozen=True, slots=True)
class Want:
    """A name in the configuration and what it is wanted for."""

    name: str
    role: Provides

    @property
    def key(self) -> str:
        """The TOML key that holds the name."""
        return KEYS[self.role]


@dataclass(frozen=True, slots=True)
class Selection:
    """All wants in call order, and a function that says where a key is written."""

    wants: tuple[Want, ...]
    where: Callable[[str], str]

    def names(self, role: Provides) -> list[str]:
        """The names wanted for that role, in TOML order."""
        return [want.name for want in self.wants if want.role == role]

    def plugins(self, installed: Installed) -> tuple[list[str], list[Want]]:
        """Names of plugins to load, each once, in call order; and the wants that no plugin of that name serves."""
        names: dict[str, None] = {}
        unserved: list[Want] = []
        for want in self.wants:
            if want.name in BUILT_IN.get(want.role, ()):
                continue
            if want.name in installed:
                names[want.name] = None
            else:
                unserved.append(want)
        return list(names), unserved

    def missing(self, want: Want, installed: Installed) -> ConfigProblem:
        """The problem of a name that nothing serves."""
        message = f"plugin {installed.missing(want.name, BUILT_IN.get(want.role, ()))}"
        return ConfigProblem(self.where(want.key), want.key, message)

    def unusable(self, error: PluginError) -> ConfigProblem:
        """A plugin that can't be used, as a problem of the key that names it."""
        key = next((want.key for want in self.wants if want.name == error.plugin), KEYS["extension"])
        return ConfigProblem(self.where(key), key, str(error))


def select(loaded: LoadedConfig) -> Selection:
    """What a configuration chooses, without the keys whose value is wrong: there nobody knows."""
    config = loaded.config
    wants = (
        Want(config.storage.backend, "storage"),
        Want(config.storage.blobs, "blobs"),
        *(Want(name, "auth") for name in config.auth.providers),
        *(Want(name, "policy") for name in config.access.policies),
        Want(config.generation.executor, "executor"),
        *(Want(name, "extension") for name in config.plugins.load),
    )
    return Selection(tuple(want for want in wants if loaded.sound(want.key)), loaded.where)
