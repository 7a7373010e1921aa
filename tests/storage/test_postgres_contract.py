"""The backend that tests use for PostgreSQL keeps the storage contract too, so what passes on it means something."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from invoke_host.api import StorageError
from invoke_host.testing.contracts import StorageContract
from invoke_host.testing.postgres_backend import PostgresBackend

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"


@pytest.fixture
def cut_connections(postgres_url: str) -> Callable[[], None]:
    def cut() -> None:
        address = postgres_url.replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(TERMINATE, [connection.info.dbname])

    return cut


class TestPostgres(StorageContract):
    secrets = ("hunter2",)

    @pytest.fixture
    def make_backend(self, postgres_url: str):
        return lambda: PostgresBackend(postgres_url, pool_size=10)

    @pytest.fixture
    def unopenable(self):
        return PostgresBackend("postgresql+psycopg://nobody:hunter2@127.0.0.1:1/none")

    @pytest.fixture
    def cut_connections(self, cut_connections: Callable[[], None]) -> Callable[[], None]:
        return cut_connections


class LosesTheReason(PostgresBackend):
    """A mutant: what the driver says of a lost connection stays the driver's word."""

    def classify(self, error: BaseException) -> StorageError | None:
        return None


def test_the_suite_finds_a_backend_that_does_not_know_a_lost_connection(
    postgres_url: str, cut_connections: Callable[[], None]
) -> None:
    test = StorageContract().test_a_lost_connection_is_unavailable_and_the_next_unit_gets_another
    with pytest.raises(Exception, match="terminating connection"):
        test(lambda: LosesTheReason(postgres_url), cut_connections)
