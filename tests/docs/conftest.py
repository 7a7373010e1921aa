"""A real host for the examples, started through its command like a reader would."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.host_process import running_host
from tests.docs.examples import Runner


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Runs pages against a host whose root is `var` in the folder where the examples' commands run."""
    workspace = tmp_path_factory.mktemp("examples")
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    log = workspace / "host.log"
    with log.open("wb") as output, running_host(workspace / "var", output=output) as host:
        yield Runner(workspace, host.url.removeprefix("http://"), environment)
