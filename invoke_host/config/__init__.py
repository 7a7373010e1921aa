"""The configuration: one TOML file in the root folder, then `INVOKE_HOST_SECTION__KEY`, then flags; later ones win."""

from __future__ import annotations

from invoke_host.config.layers import ENVIRONMENT_PREFIX, FILE_NAME, RESERVED_ENVIRONMENT
from invoke_host.config.loaded import LoadedConfig
from invoke_host.config.loader import load, read
from invoke_host.config.order import joined
from invoke_host.config.schema import HostConfig

__all__ = [
    "ENVIRONMENT_PREFIX",
    "FILE_NAME",
    "RESERVED_ENVIRONMENT",
    "HostConfig",
    "LoadedConfig",
    "joined",
    "load",
    "read",
]
