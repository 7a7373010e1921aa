"""The promised import path: pinned name by name, importing nothing of the host, and cheap."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import invoke_host.api

PINNED = Path(__file__).with_name("surface.txt")


def test_the_public_names_are_pinned():
    names = PINNED.read_text().split()
    assert sorted(invoke_host.api.__all__) == names, (
        "invoke_host.api.__all__ changed. A new name: add it to tests/api/surface.txt, to docs/reference and to the "
        "news. A name that is gone: put it back, plugins use it."
    )


def test_every_public_name_is_there():
    for name in invoke_host.api.__all__:
        assert hasattr(invoke_host.api, name), name


def test_importing_the_api_loads_nothing_of_the_host_and_no_heavy_library():
    code = "import invoke_host.api, json, sys; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
    host = {name for name in loaded if name.startswith("invoke_host.") and not name.startswith("invoke_host.api")}
    assert host == set()
    assert not {"torch", "diffusers", "alembic", "aiohttp", "structlog", "pytest"} & set(loaded)
