"""Complete hosts with the real model. Tests share one where they do it no harm, for starting a worker takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .accounts import PASSWORD, Team, start_team
from .client import Client
from .process import NO_DEVICES, HostProcess, start

NewHost = Callable[..., HostProcess]


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """A host that all tests use; its worker may not be ready yet."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "elsewhere").mkdir()
    started = start(folder / "root", cwd=folder / "elsewhere")
    yield started
    ended = started.process.poll()
    log = started.log
    started.end()
    assert ended is None, f"the shared host ended with {ended}:\n{log}"
    assert "Traceback" not in log, log


@pytest.fixture
def client(host: HostProcess) -> Client:
    """Speaks to the shared host."""
    return host.client


@pytest.fixture
def painter(host: HostProcess) -> Client:
    """Speaks to the shared host, whose worker is ready."""
    return host.wait_ready()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that does not exist yet, for a host of the test's own."""
    return tmp_path / "root"


@pytest.fixture
def new_host(root: Path) -> Iterator[NewHost]:
    """`new_host(environment)` starts one on `root`; what still runs at the end is killed."""
    started: list[HostProcess] = []

    def make(extra: dict[str, str] | None = None, **options: Any) -> HostProcess:
        started.append(start(root, extra, **options))
        return started[-1]

    yield make
    for each in started:
        each.end()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """A host without devices, to be attacked."""
    host = start(tmp_path_factory.mktemp("target") / "root", NO_DEVICES)
    yield host
    ended = host.process.poll()
    host.end()
    assert ended is None, host.log


@pytest.fixture
def victim(target: HostProcess) -> Client:
    """Speaks to it."""
    return target.client


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A host with a login, without devices, that all tests use; each with people of its own."""
    team = start_team(tmp_path_factory.mktemp("team") / "root")
    yield team
    ended, log = team.host.process.poll(), team.host.log
    team.host.end()
    assert ended is None, log
    assert "Traceback" not in log, log
    assert PASSWORD not in log


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A host with a login and a worker."""
    team = start_team(tmp_path_factory.mktemp("studio") / "root", {})
    team.host.wait_ready()
    yield team
    ended, log = team.host.process.poll(), team.host.log
    team.host.end()
    assert ended is None, log
    assert "Traceback" not in log, log
