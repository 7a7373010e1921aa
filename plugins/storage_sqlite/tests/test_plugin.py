"""The plugin object: which file it opens, with which options."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from invoke_storage_sqlite import SqliteBackend, SqliteOptions, plugin
from pydantic import ValidationError

from invoke_host.api import InvokeHostError, StartupError


class Host:
    """The part of the host that the plugin looks at."""

    log = structlog.get_logger()

    def __init__(self, root: Path, database_path: Path | None = None) -> None:
        self.root, self.database_path = root, database_path

    def config(self, name: str) -> SqliteOptions:
        assert name == "sqlite"
        return SqliteOptions(synchronous="normal", busy_timeout_s=2.5)


def backend_of(host: Host) -> SqliteBackend:
    (backend,) = plugin.invoke_storage_backends(host)
    assert isinstance(backend, SqliteBackend)
    return backend


def test_the_database_lies_in_the_root_unless_the_configuration_says_otherwise(tmp_path: Path) -> None:
    assert backend_of(Host(tmp_path)).path == tmp_path / "invoke-host.db"
    assert backend_of(Host(tmp_path, tmp_path / "x" / "other.db")).path == tmp_path / "x" / "other.db"


def test_the_options_reach_the_backend(tmp_path: Path) -> None:
    assert backend_of(Host(tmp_path)).options == SqliteOptions(synchronous="normal", busy_timeout_s=2.5)


@pytest.mark.parametrize(("option", "value"), [("synchronous", "off"), ("busy_timeout_s", 0), ("busy_timeout_s", 61)])
def test_options_that_would_lose_data_or_hang_are_refused(option: str, value: object) -> None:
    with pytest.raises(ValidationError, match=option):
        SqliteOptions.model_validate({option: value})


def test_a_new_database_gets_its_folder_and_is_for_its_owner_only(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "new" / "invoke-host.db")
    backend.open()
    assert backend.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvokeHostError, match="is open already"):
        backend.open()
    backend.close()


def test_health_tells_a_damaged_file_from_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = SqliteBackend(tmp_path / "x.db")
    backend.open()
    assert backend.check().status == "ok"
    monkeypatch.setattr("invoke_storage_sqlite.backend.LOW_SPACE_BYTES", 1 << 62)
    assert backend.check().status == "degraded"
    assert "MiB are free on the disk of" in backend.check().detail
    backend.close()
    backend.path.write_bytes(b"overwritten by somebody" * 1000)
    health = backend.check()
    assert (health.status, "damaged" in health.detail) == ("failed", True)
    with pytest.raises(StartupError):
        backend.open()
