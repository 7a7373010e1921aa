"""The set-up script decides rightly what is installed already; it works without any package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import environment


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the script looks at, with an environment that looks installed."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(environment, "CONSTRAINTS", tmp_path / "constraints.txt")
    return tmp_path


def installed(tree: Path, version: str) -> None:
    (tree / ".venv" / "lib" / "python3.11" / "site-packages" / f"torch-{version}.dist-info").mkdir(parents=True)


@pytest.mark.parametrize(
    ("version", "choice", "fits"),
    [
        ("2.13.0+cpu", "", True),
        ("2.13.0+cpu", "cpu", True),
        ("2.13.0+cpu", "gpu", False),
        ("2.13.0", "", True),
        ("2.13.0+cu130", "", True),
        ("2.13.0+cu130", "gpu", True),
        ("2.13.0+cu130", "cpu", False),
        ("2.12.0+cpu", "", False),
    ],
)
def test_an_installed_torch_is_kept_unless_another_build_is_asked_for(
    tree: Path, version: str, choice: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")  # macOS has one build only
    installed(tree, version)
    assert environment._torch_fits(choice) is fits


def test_no_torch_fits_nothing(tree: Path) -> None:
    assert not environment._torch_fits("")


def test_any_changed_requirement_means_a_new_install(tree: Path) -> None:
    before = environment._fingerprint()
    assert environment._fingerprint() == before
    (tree / "plugins" / "one").mkdir(parents=True)
    (tree / "plugins" / "one" / "pyproject.toml").write_text("[project]\n")
    with_plugin = environment._fingerprint()
    (tree / "constraints.txt").write_text("torch==2.13.1\n")
    assert len({before, with_plugin, environment._fingerprint()}) == 3


def test_plugins_are_installed_with_their_extras_for_tests_and_without_for_a_run(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, extra in (("plain", ""), ("trained", '[project.optional-dependencies]\ntrain = ["resvg-py"]\n')):
        (tree / "plugins" / name).mkdir(parents=True)
        (tree / "plugins" / name / "pyproject.toml").write_text(f"[project]\n{extra}")
    asked: list[str] = []
    monkeypatch.setattr(environment, "_pip", lambda *arguments: asked.extend(arguments))
    environment._install_host("test")
    assert f"{tree}/plugins/plain" in asked
    assert f"{tree}/plugins/trained[train]" in asked
    asked.clear()
    environment._install_host("run")
    assert f"{tree}/plugins/trained" in asked


def test_an_environment_that_was_moved_or_never_made_is_not_used(tree: Path) -> None:
    assert environment._venv_version() is None
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tree / ".venv"], check=True)
    assert environment._venv_version() is None  # no pip in it
    (tree / ".venv").rename(tree / "moved")
    assert environment._venv_version() is None


def test_the_script_runs_without_any_package() -> None:
    script = Path(environment.__file__)
    done = subprocess.run([sys.executable, "-I", "-S", script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
