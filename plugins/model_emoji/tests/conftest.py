"""A toy set of drawings, rendered once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import toy_emoji
from invoke_model_emoji.data import drawings as drawings_of
from invoke_model_emoji.data.drawings import Drawings


@pytest.fixture(scope="session")
def toy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the toy packages, as if they had been downloaded."""
    cache = tmp_path_factory.mktemp("toy") / "cache"
    toy_emoji.fill(cache)
    return cache


@pytest.fixture
def toy_sources(toy_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy packages are the pinned ones; returns their cache."""
    toy_emoji.pin(toy_cache, monkeypatch.setattr, monkeypatch.setitem)
    return toy_cache


@pytest.fixture(scope="session")
def drawings(toy_cache: Path) -> Iterator[Drawings]:
    """The toy drawings in both styles."""
    with pytest.MonkeyPatch.context() as patch:
        toy_emoji.pin(toy_cache, patch.setattr, patch.setitem)
        yield drawings_of.load(toy_cache, ("noto", "flat"))
