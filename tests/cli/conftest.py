"""Running command lines in this process, and a stand-in host for what a real one can't be made to do on demand."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

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
    monkeypatch.delenv("INVOKE_HOST_URL", raising=False)
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


@pytest.fixture
def standin() -> Iterator[StandInHost]:
    """A stand-in host that listens."""
    with StandInHost() as host:
        yield host
