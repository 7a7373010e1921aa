"""A root folder and a way to write its configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from invoke_host.api import ConfigError
from invoke_host.config import LoadedConfig, load


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[..., LoadedConfig]:
    """Load a configuration from a text, an environment and flags."""

    def load_text(text: str = "", env: dict[str, str] | None = None, **flags: object) -> LoadedConfig:
        if text:
            (tmp_path / "invoke-host.toml").write_text(text, encoding="utf-8")
        dotted = {key.replace("__", "."): value for key, value in flags.items()}
        return load(tmp_path, env=env or {}, flags=dotted)

    return load_text


@pytest.fixture
def problems(loaded: Callable[..., LoadedConfig]) -> Callable[..., list[str]]:
    """The problems of a configuration, one line each."""

    def problems_of(text: str = "", env: dict[str, str] | None = None, **flags: object) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loaded(text, env, **flags)
        return str(caught.value).splitlines()

    return problems_of
