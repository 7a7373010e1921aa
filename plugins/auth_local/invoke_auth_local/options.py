"""Options of the plugin, the TOML table `[plugins.local]`; the README says what each means."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field

from invoke_auth_local.hashing import HIGHEST_COST, LOWEST_COST
from invoke_host.api import PluginConfig


class LocalOptions(PluginConfig):
    """What a password must be like, and how much work a login may cost."""

    minimum_length: Annotated[int, Field(ge=8, le=64)] = 8
    strict_password_checking: bool = False
    bcrypt_cost: Annotated[int, Field(ge=LOWEST_COST, le=HIGHEST_COST)] = 12
    hash_threads: Annotated[int, Field(ge=0, le=64)] = 0
    hash_queue: Annotated[int, Field(ge=1, le=10_000)] = 100

    @property
    def threads(self) -> int:
        """How many threads hash: as set, or one less than there are cores, so that one is left for everything else."""
        return self.hash_threads or max(1, _cores() - 1)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: those that this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
