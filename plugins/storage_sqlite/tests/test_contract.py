"""The backend keeps the storage contract."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from invoke_storage_sqlite import SqliteBackend, SqliteOptions

from invoke_host.testing.contracts import ManifestContract, StorageContract


class TestManifest(ManifestContract):
    plugin = "sqlite"


class TestStorage(StorageContract):
    @pytest.fixture
    def make_backend(self, tmp_path: Path):
        return lambda: SqliteBackend(tmp_path / "contract.db", SqliteOptions(busy_timeout_s=1.0, synchronous="normal"))

    @pytest.fixture
    def unopenable(self, tmp_path: Path):
        (tmp_path / "holiday.jpg").write_bytes(b"not a database" * 1000)
        return SqliteBackend(tmp_path / "holiday.jpg")

    @pytest.fixture
    def open_backup(self, tmp_path: Path):
        def restore(copy: Path) -> SqliteBackend:
            return SqliteBackend(Path(shutil.copyfile(copy, tmp_path / "restored.db")))

        return restore
