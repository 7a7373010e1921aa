"""The host's own schema lineage: where its migrations lie and what its tables look like at head."""

from __future__ import annotations

from pathlib import Path

import invoke_host.audit.tables
import invoke_host.blobs.tables
import invoke_host.boards.tables
import invoke_host.client_state.tables
import invoke_host.events.tables
import invoke_host.identity.groups.tables
import invoke_host.identity.login.tables
import invoke_host.identity.sessions.tables
import invoke_host.identity.tables
import invoke_host.identity.tokens.tables
import invoke_host.images.search.tables
import invoke_host.images.tables
import invoke_host.limits.tables
import invoke_host.queue.tables
import invoke_host.style_presets.tables
import invoke_host.system_prompts.tables
import invoke_host.workflows.tables  # noqa: F401 - importing registers the tables
from invoke_host.api import MigrationLineage
from invoke_host.storage.schema import metadata


def _script_location() -> Path:
    packaged = Path(__file__).parent / "_migrations"  # in a wheel
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "migrations"  # in a checkout


def host_lineage() -> MigrationLineage:
    """The lineage `host`; its version table is `invoke_schema_host`."""
    return MigrationLineage(name="host", script_location=_script_location(), metadata=metadata)
