"""Finding plugins by the name that the TOML gives. Reads metadata of what is installed; imports only what is named."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from invoke_host.api import ENTRY_POINT_GROUP, PluginError

#: Names that the project itself publishes, and the distribution to install for each.
DISTRIBUTIONS = {
    "local": "invoke-host-auth-local",
    "ldap": "invoke-host-auth-ldap",
    "sqlite": "invoke-host-storage-sqlite",
    "model_emoji": "invoke-host-model-emoji",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An installed plugin that is not imported yet."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint

    def load(self) -> Any:
        """Import it and return the object that carries `manifest`; of a class, an object is made for this call.

        Raises PluginError with the first line of the cause.
        """
        try:
            plugin = self.entry_point.load()
            return plugin() if isinstance(plugin, type) else plugin
        except Exception as error:
            cause = (str(error).strip().splitlines() or [""])[0]
            raise PluginError(
                self.name,
                f"{self.distribution} {self.version} can't be imported: {type(error).__name__}: {cause}; "
                f"try `{pip_line(self.distribution)} --force-reinstall`",
            ) from error


class Installed:
    """The plugins installed in this environment, read once."""

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        self._found: dict[str, list[EntryPoint]] = {}
        for entry_point in entry_points(group=ENTRY_POINT_GROUP) if found is None else found:
            self._found.setdefault(entry_point.name, []).append(entry_point)

    @property
    def names(self) -> list[str]:
        """Names of all installed plugins, sorted; none of them is imported."""
        return sorted(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def get(self, name: str) -> Candidate:
        """The plugin of that name. Raises PluginError if two distributions claim it; KeyError if none does."""
        found = self.claims(name)
        if len(found) > 1:
            claims = " and ".join(sorted(f"{each.distribution} {each.version}" for each in found))
            raise PluginError(name, f"{claims} both install a plugin of this name; uninstall one of them")
        return found[0]

    def claims(self, name: str) -> list[Candidate]:
        """All plugins of that name: more than one if several distributions claim it."""
        return [Candidate(name, _distribution(each), _version(each), each) for each in self._found[name]]

    def missing(self, name: str, offered: Iterable[str] = ()) -> str:
        """What to tell somebody whose TOML names a plugin that is not here; `offered` are names built into the host."""
        here = sorted({*self.names, *offered})
        close = self.closest(name, [*offered, *DISTRIBUTIONS])
        hint = f"; did you mean {close!r}?" if close else ""
        # A line to copy only for what the project publishes: any other name may be a stranger's on the package index.
        wanted = name if name in DISTRIBUTIONS else close if close not in here else None
        pip = f"; to install {wanted!r}: {pip_line(DISTRIBUTIONS[wanted])}" if wanted else ""
        return f"{name!r} is not installed{hint} (installed: {', '.join(here) or 'none'}){pip}"

    def closest(self, name: str, offered: Iterable[str] = ()) -> str | None:
        """The installed or offered name that a misspelt one most likely meant, if any looks like it."""
        known = sorted({*self.names, *offered} - {name})
        return next(iter(get_close_matches(name, known, n=1)), None)


def pip_line(distribution: str) -> str:
    """The command that installs a distribution into the Python that runs this host."""
    pip = "pip" if sys.prefix == sys.base_prefix else f"{sys.prefix}/bin/pip"
    return f"{pip} install {distribution}"


def _distribution(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist else entry_point.value


def _version(entry_point: EntryPoint) -> str:
    return entry_point.dist.version if entry_point.dist else "(unknown version)"
