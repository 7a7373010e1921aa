"""The host's lineage keeps the migration contract, like a plugin's."""

from __future__ import annotations

import pytest

from invoke_host.api import MigrationLineage
from invoke_host.lineage import host_lineage
from invoke_host.testing.contracts import MigrationContract


class TestHostMigrations(MigrationContract):
    package = "invoke_host"

    @pytest.fixture
    def lineage(self) -> MigrationLineage:
        return host_lineage()
