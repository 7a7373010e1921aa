"""Brings a database's schema to what this program needs: host first, then plugins, each along its own Alembic lineage.

Nothing here imports Alembic before a migration has to run: a start with a schema that fits costs one look at the
version rows. Migrations are only ever applied, never skipped or stamped.
"""

from __future__ import annotations

from invoke_host.storage.migrate.check import CheckReport, check
from invoke_host.storage.migrate.run import UpgradeReport, ensure, upgrade
from invoke_host.storage.migrate.state import LineageStatus, status

__all__ = ["CheckReport", "LineageStatus", "UpgradeReport", "check", "ensure", "status", "upgrade"]
