"""The backend that tests use for PostgreSQL keeps the storage contract too, so what passes on it means something."""

from __future__ import annotations

import pytest

from invoke_host.testing.contracts import StorageContract
from invoke_host.testing.postgres_backend import PostgresBackend


class TestPostgres(StorageContract):
    secrets = ("hunter2",)

    @pytest.fixture
    def make_backend(self, postgres_url: str):
        return lambda: PostgresBackend(postgres_url, pool_size=10)

    @pytest.fixture
    def unopenable(self):
        return PostgresBackend("postgresql+psycopg://nobody:hunter2@127.0.0.1:1/none")
