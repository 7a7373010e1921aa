"""Storage seams: a backend supplies a SQLAlchemy engine, a blob store keeps files. The host owns tables and meaning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from sqlalchemy import Connection, Engine

from invoke_host.api.errors import StorageError


@dataclass(frozen=True, slots=True)
class StorageCapabilities:
    """What the database can do; the contract suite tests what is declared and skips the rest by name."""

    transactional_ddl: bool
    concurrent_writers: bool
    inline_reads: bool
    skip_locked: bool = False
    returning: bool = True


@dataclass(frozen=True, slots=True)
class Health:
    """State of one part. `detail` is one sentence for the operator."""

    name: str
    status: Literal["ok", "degraded", "failed"]
    detail: str = ""


class StorageBackend(ABC):
    """Owner of the database connection. All methods but `open`/`close` may be called from several threads.

    Transactions: the host runs each unit of work as `with engine.begin()`. A unit that writes sets the execution option
    `invoke_write=True` on the connection; a backend with one writer must take the write lock at BEGIN for those.
    """

    name: ClassVar[str]
    capabilities: ClassVar[StorageCapabilities]

    @abstractmethod
    def open(self) -> Engine:
        """Make the engine; creates the database if it does not exist. A second call without `close` is an error.

        Raises:
            StartupError: the database can't be opened; the text names path or host, cause and remedy.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections and locks; harmless when called twice."""

    @abstractmethod
    def describe(self) -> str:
        """Kind and place for banner and logs (`SQLite /srv/host/invoke-host.db`), without secrets."""

    @abstractmethod
    def migration_lock(self, timeout_s: float) -> AbstractContextManager[None]:
        """Hold the right to migrate, across processes; raises StorageUnavailable when it can't be had in time."""

    @abstractmethod
    def backup(self, target: Path) -> Path | None:
        """Write a consistent copy beside or into `target` while the database is in use.

        Returns the file, or None when backups of this kind of database are the operator's job.
        """

    @abstractmethod
    def classify(self, error: BaseException) -> StorageError | None:
        """The host's word for a driver error, or None if it is a programming error."""

    @abstractmethod
    def check(self) -> Health:
        """Is the database usable now? Returns within a second or so."""

    def integrity_problems(self, connection: Connection) -> list[str]:
        """What a thorough check finds wrong inside the database, one sentence each; empty when all is well."""
        return []


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A stored file: key, size, and modification time in seconds since the epoch."""

    key: str
    size_bytes: int
    modified_s: float


class BlobStore(ABC):
    """Keeps finished files under keys like `images/ab/abcd.png`. Synchronous; the host calls it off the event loop."""

    name: ClassVar[str]

    @abstractmethod
    def open(self) -> None:
        """Check the place before first use.

        Raises:
            StartupError: it is not the folder this host has written before (an unmounted disk, say).
        """

    @abstractmethod
    def staging(self, token: str) -> Path:
        """A folder on the same device, private to one attempt, created if needed; files there are not yet stored."""

    @abstractmethod
    def drop_staging(self, token: str) -> None:
        """Remove that folder and all in it; harmless if it is gone."""

    @abstractmethod
    def staged(self) -> list[str]:
        """Tokens that have a staging folder, for the reconciler."""

    @abstractmethod
    def adopt(self, staged: Path, key: str) -> BlobInfo:
        """Make a staged file durable under `key`: fsync, rename, fsync of the folder. There whole or not at all."""

    @abstractmethod
    def path(self, key: str) -> Path:
        """Where the file is. Raises ValueError for what is no key, OSError for what would lead out of the store."""

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Remove the file; False if there was none."""

    @abstractmethod
    def stat(self, key: str) -> BlobInfo | None:
        """Size and time, or None if there is no such file."""

    @abstractmethod
    def iter(self, prefix: str = "") -> Iterator[BlobInfo]:
        """All stored files, in no order."""

    @abstractmethod
    def describe(self) -> str:
        """Place for banner and logs."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Room left, or None where there is no such figure."""

    def trouble(self) -> str:
        """Why nothing can be stored now (no room, the disk is not mounted); empty when all is well.

        Cheap: it is asked about once a second while there is work, and nothing is begun until it is empty again.
        """
        return ""
