"""A root folder with the painter as its executor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .host import HostRoot, install_painter


@pytest.fixture
async def root(tmp_path: Path) -> AsyncIterator[HostRoot]:
    install_painter(tmp_path / "site")
    root = HostRoot(tmp_path / "root", tmp_path / "site")
    yield root
    await root.close()
