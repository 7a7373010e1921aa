"""The root folder: everything one host owns, and the lock that keeps a second host out of it.

```
invoke-host.toml   configuration          blobs/    pictures and thumbnails       backups/  copies before upgrades
invoke-host.db     SQLite database        models/   models in the diffusers layout  secrets/  keys and passwords
run/host.json      URL and process of the running host, for the command line
downloads/         archives that wait to be fetched
```
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from invoke_host.api import StartupError


@dataclass(frozen=True, slots=True)
class RunningHost:
    """Where the host that holds this root answers."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class HostRoot:
    """Paths below one root folder."""

    path: Path

    @property
    def blobs(self) -> Path:
        """Pictures and thumbnails."""
        return self.path / "blobs"

    @property
    def models(self) -> Path:
        """Models that the operator put there."""
        return self.path / "models"

    @property
    def backups(self) -> Path:
        """Copies of the database, made before each upgrade."""
        return self.path / "backups"

    @property
    def secrets(self) -> Path:
        """Keys and passwords; readable by the host's user only."""
        return self.path / "secrets"

    @property
    def downloads(self) -> Path:
        """Archives of pictures, until they are fetched; nothing here outlives its row in the database."""
        return self.path / "downloads"

    @property
    def run(self) -> Path:
        """What is true only while a host runs."""
        return self.path / "run"

    def prepare(self) -> None:
        """Create what is missing, closed to other users of the machine: they are to come in through the host.

        Folders that are there already keep their permissions.

        Raises:
            StartupError: a folder can't be made or written; names it and the cause.
        """
        for folder in (self.path, self.models, self.backups, self.secrets, self.downloads, self.run):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise StartupError(
                    f"{folder}: can't create this folder ({error.strerror}); choose another with --root DIR"
                ) from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise StartupError(f"{folder}: not writable by this user; fix its owner or choose another --root")

    @contextmanager
    def lock(self, database: Path | None = None) -> Iterator[None]:
        """Hold the root for this process, and a `database` that lies elsewhere, which other roots may name too.

        The kernel lets go when the process ends, however it ends.

        Raises:
            StartupError: another host holds one of them; tells where that one answers, if it is of this root.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(_held(self.run / "host.lock"))
            except BlockingIOError as error:
                other = self.running()
                where = f" at {other.url} (process {other.pid})" if other else ""
                raise StartupError(
                    f"{self.path}: another host already runs in this folder{where}; stop it, or use another --root"
                ) from error
            except OSError as error:
                raise StartupError(
                    f"{self.run / 'host.lock'}: can't be locked ({error.strerror}); was it made by another user?"
                ) from error
            if database is not None:
                self._lock_database(database, stack)
            yield

    def _lock_database(self, database: Path, stack: ExitStack) -> None:
        try:
            database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(_held(database.with_name(f"{database.name}.host.lock")))
        except BlockingIOError as error:
            raise StartupError(
                f"{database}: a host with another root folder already uses this database, and two would take each "
                "other's running work for dead; stop it, or set another [storage] path"
            ) from error
        except OSError as error:
            raise StartupError(f"{database}: can't be used ({error.strerror}); check [storage] path") from error

    def announce(self, host: RunningHost) -> None:
        """Tell the command line where this host answers."""
        part = self.run / "host.json.part"
        part.write_bytes(orjson.dumps({"url": host.url, "pid": host.pid}))
        part.replace(self.run / "host.json")

    def withdraw(self) -> None:
        """Forget the announcement."""
        (self.run / "host.json").unlink(missing_ok=True)

    def running(self) -> RunningHost | None:
        """What was announced, or None; whether that host still answers is for the caller to find out."""
        try:
            data = orjson.loads((self.run / "host.json").read_bytes())
            return RunningHost(url=str(data["url"]), pid=int(data["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


@contextmanager
def _held(file: Path) -> Iterator[None]:
    """Hold a lock on a file. Raises BlockingIOError if another process does."""
    with file.open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
