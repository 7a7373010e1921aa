"""Storage contract, part 1: opening, closing, describing, health."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from invoke_host.api import InvokeHostError, StartupError, StorageBackend
from invoke_host.testing.contracts._storage_base import MakeBackend, StorageSuite, add, names, opened


class StorageLife(StorageSuite):
    """The life of a backend."""

    def test_opening_twice_is_an_error(self, make_backend: MakeBackend) -> None:
        """A second engine would double the pool and the locks without anybody noticing."""
        backend = make_backend()
        backend.open()
        try:
            with pytest.raises(InvokeHostError):
                backend.open()
        finally:
            backend.close()

    def test_closing_twice_is_harmless(self, make_backend: MakeBackend) -> None:
        """Closing happens on every way out, also on the one out of a half-finished start."""
        backend = make_backend()
        backend.close()
        backend.open()
        backend.close()
        backend.close()

    def test_what_was_written_is_there_after_closing_and_opening(self, make_backend: MakeBackend) -> None:
        """By the same object and by another one."""
        backend = make_backend()
        with opened(backend) as storage:
            storage.run_write(add, "kept")
        with opened(backend, tables=False) as storage:
            assert storage.run_read(names) == ["kept"]
        with opened(make_backend(), tables=False) as storage:
            assert storage.run_read(names) == ["kept"]

    def test_closing_ends_its_threads_and_connections(self, make_backend: MakeBackend) -> None:
        """After twenty lives there are no more threads and open files than after one."""

        def live() -> tuple[int, int]:
            with opened(make_backend()) as storage:
                storage.run_read(names)
            return threading.active_count(), _open_files()

        first = live()
        for _ in range(20):
            last = live()
        assert last[0] <= first[0]
        assert last[1] <= first[1] + 2

    def test_what_can_not_be_opened_is_a_start_up_error_with_a_reason(self, unopenable: StorageBackend) -> None:
        """The text is all that the operator gets: it must say more than the kind of error."""
        with pytest.raises(StartupError) as caught:
            unopenable.open()
        assert len(str(caught.value)) > 20
        assert "Traceback" not in str(caught.value)
        for secret in self.secrets:
            assert secret not in str(caught.value)
        unopenable.close()

    def test_it_describes_itself_in_one_line_without_secrets(self, make_backend: MakeBackend) -> None:
        """The line stands in the banner, in logs and in bug reports."""
        backend = make_backend()
        for text in (backend.describe(), repr(backend), str(backend)):
            assert text
            assert "\n" not in text
            for secret in self.secrets:
                assert secret not in text

    def test_it_is_healthy_while_it_is_open_and_says_so_quickly(self, make_backend: MakeBackend) -> None:
        """Also while somebody holds the write lock: a probe must not report a busy host as a dead one."""
        with (
            opened(make_backend()) as storage,
            storage.engine.execution_options(invoke_write=True).begin() as connection,
        ):
            add(connection, "in the middle of a write")
            began = time.monotonic()
            health = storage.backend.check()
            assert time.monotonic() - began < self.check_s
        assert health.status == "ok", health.detail

    def test_a_sound_database_has_no_integrity_problems(self, make_backend: MakeBackend) -> None:
        """The thorough check runs in a read transaction."""
        with opened(make_backend()) as storage:
            storage.run_write(add, "sound")
            assert storage.run_read(storage.backend.integrity_problems) == []

    def test_its_own_mistakes_are_not_classified(self, make_backend: MakeBackend) -> None:
        """Calling a programming error a storage error would hide it behind "try again"."""
        backend = make_backend()
        for error in (ValueError("x"), TypeError("x"), KeyError("x"), AssertionError("x")):
            assert backend.classify(error) is None


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
