"""Running command lines in this process, and a stand-in host for what a real one can't be made to do on demand."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from invoke_host.cli import user_commands
from invoke_host.cli.main import main

from .standin import StandInHost


@dataclass(frozen=True)
class Result:
    """Exit code and what was written."""

    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty root folder."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `invoke-host --root <root> …` and return what happened."""
    for name in ("INVOKE_HOST_URL", "INVOKE_HOST_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INVOKE_HOST_ROOT", str(root))
    before = logging.getLogger().handlers[:], logging.getLogger().level
    mask = os.umask(0o022)  # `serve` closes it for its process, which here is that of all tests

    def run_words(*words: object) -> Result:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    yield run_words
    os.umask(mask)
    logging.captureWarnings(False)
    logging.getLogger().handlers[:], logging.getLogger().level = before
    structlog.reset_defaults()


#: A host with local accounts, cheap to log in to.
LOCAL = """\
[auth]
providers = ["local"]

[plugins.local]
bcrypt_cost = 4
"""

#: A password that every policy takes.
PASSWORD = "Tangerine-Lighthouse-42"


@pytest.fixture(scope="session")
def local_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with local accounts and a database, and nobody in it; only ever copied."""
    folder = tmp_path_factory.mktemp("local-template")
    (folder / "invoke-host.toml").write_text(LOCAL)
    command = [sys.executable, "-m", "invoke_host", "--root", str(folder), "db", "upgrade"]
    subprocess.run(command, check=True, capture_output=True)  # not in this process, whose log it would take over
    return folder


@pytest.fixture
def local_root(root: Path, local_template: Path) -> Path:
    """A root folder with local accounts and nobody in it."""
    shutil.copytree(local_template, root, dirs_exist_ok=True)
    return root


@pytest.fixture
def four(run: Run, local_root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `invoke-user<name> …` on `local_root`, without a terminal, and return what happened."""

    def run_words(name: str, *words: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        code = getattr(user_commands, f"user{name}")([str(word) for word in words])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run_words


@pytest.fixture
def standin() -> Iterator[StandInHost]:
    """A stand-in host that listens."""
    with StandInHost() as host:
        yield host


@pytest.fixture
def announced(root: Path, standin: StandInHost) -> StandInHost:
    """A stand-in host that has announced itself in the root folder."""
    (root / "run").mkdir()
    (root / "run" / "host.json").write_text(json.dumps({"url": standin.url, "pid": os.getpid()}))
    return standin
