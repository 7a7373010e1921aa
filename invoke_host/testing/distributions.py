"""Throw-away distributions: a real `.dist-info` and a module on `sys.path`, so that plugins are found as in earnest."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest
import tomli

_HEAD = """
import asyncio
from pathlib import Path
from invoke_host.api import *
"""

_MANIFEST = 'manifest = PluginManifest(name="{name}", api=">=1.0,<2", provides=frozenset({{"extension"}}))\n'


class Distributions:
    """Installs plugins into folders of their own below `root` and puts these on `sys.path` until `remove`."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._monkeypatch = monkeypatch
        self.modules: list[str] = []

    def add(
        self,
        name: str,
        body: str = "",
        *,
        manifest: str | None = None,
        version: str = "1.2.3",
        distribution: str = "",
        readme: str = "",
        attribute: str = "",
    ) -> None:
        """Install a plugin: an entry point `name` and a module with the API imported, a manifest, and `body`.

        `manifest` replaces the source line of the manifest (`""` for none); `distribution` is the name that pip would
        know, by default `invoke-host-<name>`. The entry point names the module, or `attribute` in it.
        """
        distribution = distribution or f"invoke-host-{name.replace('_', '-')}"
        package = distribution.replace("-", "_")
        module = f"{package}_{name}"
        site = self._root / distribution
        info = site / f"{package}-{version}.dist-info"
        info.mkdir(parents=True)
        source = _HEAD + (_MANIFEST.format(name=name) if manifest is None else manifest + "\n") + dedent(body)
        (site / f"{module}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n\n{readme}")
        target = f"{module}:{attribute}" if attribute else module
        (info / "entry_points.txt").write_text(f"[invoke_host.plugins]\n{name} = {target}\n")
        self._monkeypatch.syspath_prepend(str(site))
        self.modules.append(module)

    def add_checkout(self, folder: Path) -> None:
        """Install a plugin from its source folder like `pip install -e`: its pyproject, README and modules."""
        project = tomli.loads((folder / "pyproject.toml").read_text())["project"]
        package = project["name"].replace("-", "_")
        info = self._root / project["name"] / f"{package}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        readme = (folder / project["readme"]).read_text()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n\n{readme}"
        )
        lines = [
            "[invoke_host.plugins]",
            *(f"{k} = {v}" for k, v in project["entry-points"]["invoke_host.plugins"].items()),
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        self._monkeypatch.syspath_prepend(str(info.parent))
        self._monkeypatch.syspath_prepend(str(folder))
        self.modules.extend(path.stem for path in folder.glob("*.py"))

    def imported(self) -> list[str]:
        """Which of these plugins' modules have been imported."""
        return [module for module in self.modules if module in sys.modules]

    def remove(self) -> None:
        """Forget the imported modules; `monkeypatch` takes the folders off `sys.path`."""
        for module in self.imported():
            del sys.modules[module]
