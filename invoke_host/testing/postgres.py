"""A throw-away PostgreSQL: Debian's server in a temporary folder, on a Unix socket only, with durability off.

It refuses to run as root, so root starts it as `postgres` or `nobody`. It ends with the process that started it,
however that ends: a shell in between stops it when the pipe to the process breaks.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

#: What to do about a missing server; the test command prints it.
INSTALL = "apt-get install postgresql"

_DEBIAN = Path("/usr/lib/postgresql")
_START_S = 60.0
_GUARD = '"$@" & server=$!; cat >/dev/null; kill -INT $server; wait $server'
_SETTINGS = (
    *("-c", "listen_addresses="),
    *("-c", "fsync=off"),
    *("-c", "synchronous_commit=off"),
    *("-c", "full_page_writes=off"),
    *("-c", "shared_buffers=32MB"),
    *("-c", "max_connections=200"),
)


class PostgresMissingError(RuntimeError):
    """There is no PostgreSQL server on this machine; the text holds the line that installs it."""


class PostgresServer:
    """A running server. `database()` hands out new, empty databases on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database on this server."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"

    def create(self, name: str, *, template: str = "template0") -> None:
        """Make a database, as a copy of another one if `template` names it (nobody may be connected to that)."""
        with self._connect() as connection:
            # Copying the files beats writing each page to a log that nobody reads; older servers know nothing else.
            how = sql.SQL(" STRATEGY file_copy" if connection.info.server_version >= 150_000 else "")
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            connection.execute(statement + how)

    def drop(self, name: str) -> None:
        """Remove a database, also under the hands of those connected to it."""
        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def database(self, *, template: str = "template0") -> Iterator[str]:
        """The URL of a new database, removed at the end."""
        name = f"test_{next(self._numbers)}"
        self.create(name, template=template)
        try:
            yield self.url(name)
        finally:
            self.drop(name)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(f"host={self._folder} user=postgres dbname=postgres", autocommit=True)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server and stop it at the end.

    Raises:
        PostgresMissingError: none is installed.
        RuntimeError: it did not start; the text holds its log.
    """
    programs, user = _programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="invoke-pg-"))  # short: socket paths are limited to 107 bytes
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        _call(
            [
                str(programs / "initdb"),
                "-D",
                str(data),
                *["-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"],
            ],
            user,
        )
        command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder), *_SETTINGS]
        with (folder / "log").open("wb") as log:
            guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                user=user and user.pw_uid,
                group=user and user.pw_gid,
                extra_groups=[] if user else None,
            )
        try:
            _wait(folder, guard)
            yield PostgresServer(folder)
        finally:
            guard.communicate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = shutil.which("initdb")
    if found is not None and shutil.which("postgres") is not None:
        return Path(found).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parent.parent.name))
    if not versions:
        raise PostgresMissingError(f"these tests need a PostgreSQL server, and none is installed. Run: {INSTALL}")
    return versions[-1].parent


def _user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresMissingError(f"PostgreSQL does not run as root, and there is no user `postgres`. Run: {INSTALL}")


def _call(command: list[str], user: pwd.struct_passwd | None) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
        user=user and user.pw_uid,
        group=user and user.pw_gid,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")


def _wait(folder: Path, guard: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            psycopg.connect(f"host={folder} user=postgres dbname=postgres").close()
        except psycopg.OperationalError as error:
            if guard.poll() is not None or time.monotonic() > deadline:
                log = (folder / "log").read_text("utf-8", "replace")
                raise RuntimeError(f"PostgreSQL did not start: {log}") from error
            time.sleep(0.02)  # it tells nobody when it is ready, except its log
        else:
            return
