"""The options of `[plugins.sqlite]`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from invoke_host.api import PluginConfig


class SqliteOptions(PluginConfig):
    """How SQLite is run; the defaults lose nothing that was acknowledged, not even when the power fails."""

    synchronous: Literal["full", "normal"] = "full"
    """`full` keeps every commit through a power failure; `normal` is faster and may lose the last ones then."""

    busy_timeout_s: float = Field(default=5.0, ge=0.1, le=60.0)
    """How long an operation waits while another process has the database locked, before it answers 503."""
