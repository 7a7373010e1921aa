"""What every command knows: the root folder, and how to read the configuration that lies in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

if TYPE_CHECKING:
    from invoke_host.config import LoadedConfig


@dataclass(frozen=True, slots=True)
class CliContext:
    """Options of the group, handed to every command."""

    root: Path
    debug: bool = False

    def read(self, flags: Mapping[str, object] | None = None) -> LoadedConfig:
        """The configuration of this root. Its `problems` are raised with those of plugins, when these load."""
        from invoke_host.config import read

        return read(self.root, env=os.environ, flags=flags)


pass_cli = click.make_pass_decorator(CliContext)


def default_root() -> Path:
    """`./var` if a host lives there, else a folder of the user.

    That is `%LOCALAPPDATA%` on Windows, `$XDG_DATA_HOME` or `~/.local/share` elsewhere, and `invoke-host` in it.
    """
    here = Path("var")
    if (here / "invoke-host.toml").is_file() or (here / "run").is_dir():
        return here
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "invoke-host"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "invoke-host"
