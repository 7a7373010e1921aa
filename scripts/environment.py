"""Make or refresh `.venv`: torch first, then the host and every plugin of this tree, all at the tested versions.

`python3 scripts/environment.py run` installs what serving and generating need, `... test` adds what the checks need.
A stamp in `.venv` remembers what was installed, so that the next call answers at once and needs no network. The script
runs on whatever Python `make` found, before anything is installed: standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
CONSTRAINTS = ROOT / "constraints.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
OLDEST_PYTHON = (3, 11)


class InstallError(Exception):
    """The environment could not be made; the message says what to do."""


def main() -> int:
    """Exit status 0 when `.venv` is ready, 1 with a message on stderr when it is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("purpose", choices=["run", "test"])
    parser.add_argument("--torch", choices=["", "cpu", "gpu"], default="", help="default: what is there, else cpu")
    arguments = parser.parse_args()
    try:
        ensure(arguments.purpose, arguments.torch)
    except InstallError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def ensure(purpose: str, torch: str) -> None:
    """Install what `purpose` needs unless the stamp says that exactly this is installed already."""
    if sys.version_info < OLDEST_PYTHON:
        raise InstallError(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11"
        )
    started = time.monotonic()
    fingerprint = _fingerprint()
    usable = _venv_version() == sys.version_info[:2]
    if usable and _torch_fits(torch) and _stamp(purpose).is_file() and _stamp(purpose).read_text() == fingerprint:
        return
    if not usable:
        _make_venv()
    for stamp in map(_stamp, ("run", "test")):
        stamp.unlink(missing_ok=True)  # a half-finished install must not look finished
    _say(f"Installing Invoke Host into {VENV.name} (the first time takes a few minutes)")
    _install_tools()
    _install_torch(torch)
    _install_host(purpose)
    for done in ("run",) if purpose == "run" else ("run", "test"):
        _stamp(done).write_text(fingerprint)
    _say(f"Installed in {time.monotonic() - started:.0f} s")


def _stamp(purpose: str) -> Path:
    return VENV / f".invoke-host-{purpose}"


def _projects() -> list[Path]:
    """The folders to install: the host first, then each plugin distribution of this tree."""
    return [ROOT, *sorted(file.parent for file in ROOT.glob("plugins/*/pyproject.toml"))]


def _fingerprint() -> str:
    """Changes when an installed set could change: requirements, versions, Python, or the place of this tree."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for file in (Path(__file__), CONSTRAINTS, *(project / "pyproject.toml" for project in _projects())):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _venv_version() -> tuple[int, ...] | None:
    """The Python of `.venv`, or None where there is none that runs (never made, moved, or its Python was removed)."""
    if not PYTHON.exists() or not (VENV / "pyvenv.cfg").is_file():
        return None
    probe = "import sys, pip; print(*sys.version_info[:2], sys.prefix, sep='\\n')"
    answer = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        return None
    major, minor, prefix = answer.stdout.splitlines()
    return (int(major), int(minor)) if Path(prefix).resolve() == VENV.resolve() else None


def _make_venv() -> None:
    if VENV.exists():
        _say(f"{VENV.name} does not fit Python {sys.version_info[0]}.{sys.version_info[1]} in {ROOT}: making it anew")
        shutil.rmtree(VENV)
    # from inside a virtual environment the interpreter behind it, so that the new one stands by itself
    base = getattr(sys, "_base_executable", sys.executable)
    made = subprocess.run([base, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        hint = "Debian and Ubuntu keep it in a package of its own: apt-get install python3-venv"
        raise InstallError(f"{base} -m venv failed:\n{made.stdout}{made.stderr}\n{hint}")


def _pinned(name: str) -> str:
    match = re.search(rf"(?mi)^{re.escape(name)}==(\S+)", CONSTRAINTS.read_text())
    if match is None:
        raise InstallError(f"{CONSTRAINTS.name} has no line {name}==...")
    return match.group(1)


def _install_tools() -> None:
    """The tested pip, and the build backend at its tested version so that no build downloads another one."""
    _say("[1/3] pip and the build backend")
    names = ["pip", "hatchling", "editables"]
    _pip("install", *(f"{name}=={_pinned(name)}" for name in names), "-c", str(CONSTRAINTS))


def _installed_torch() -> str | None:
    found = list(VENV.glob("lib/python*/site-packages/torch-*.dist-info"))
    return found[0].name.removeprefix("torch-").removesuffix(".dist-info") if found else None


def _torch_fits(choice: str) -> bool:
    """True when the pinned release is installed in the wanted build; without a wish, any build of it will do."""
    installed = _installed_torch()
    if installed is None or installed.partition("+")[0] != _pinned("torch"):
        return False
    is_cpu = installed.endswith("+cpu") or sys.platform == "darwin"
    return choice == "" or sys.platform == "darwin" or is_cpu == (choice == "cpu")


def _install_torch(choice: str) -> None:
    version = _pinned("torch")
    if _torch_fits(choice):
        return _say(f"[2/3] torch {_installed_torch()} is there")
    if choice == "gpu":
        _say(f"[2/3] torch {version} with CUDA (several GB)")
        # `===`: an available `+cpu` build would count as newer than the plain version
        return _pip("install", f"torch==={version}", "-c", str(CONSTRAINTS))
    _say(f"[2/3] torch {version}, CPU build (make TORCH=gpu installs the CUDA build)")
    if sys.platform == "darwin":
        return _pip("install", "--no-deps", f"torch=={version}")
    requirement = f"torch=={version}+cpu"
    # where pip is configured for a mirror that has the build, no other host is asked
    if _pip_quietly("install", "--no-deps", requirement):
        return None
    return _pip("install", "--no-deps", "--index-url", CPU_INDEX, requirement)


def _install_host(purpose: str) -> None:
    _say("[3/3] the host, its plugins" + (" and the checks" if purpose == "test" else ""))
    extras = "worker" if purpose == "run" else "worker,testing"
    arguments = ["-e", f"{ROOT}[{extras}]"]
    for plugin in _projects()[1:]:
        arguments += ["-e", f"{plugin}{_extras(plugin) if purpose == 'test' else ''}"]
    if purpose == "test":
        arguments += ["--group", f"{ROOT / 'pyproject.toml'}:dev"]
    _pip("install", "--no-build-isolation", "-c", str(CONSTRAINTS), *arguments)


def _extras(project: Path) -> str:
    """What pip appends to a plugin's folder to install all that the plugin's tests run: `[train]`, or nothing."""
    import tomllib  # an older Python must come as far as the message that names the version needed

    content = tomllib.loads((project / "pyproject.toml").read_text())
    names = content["project"].get("optional-dependencies", {})
    return f"[{','.join(names)}]" if names else ""


def _pip(*arguments: str) -> None:
    done = subprocess.run(_pip_command(*arguments), cwd=ROOT, check=False)
    if done.returncode != 0:
        raise InstallError(f"pip {' '.join(arguments)} failed; its own message is above")


def _pip_quietly(*arguments: str) -> bool:
    return subprocess.run(_pip_command(*arguments), cwd=ROOT, capture_output=True, check=False).returncode == 0


def _pip_command(*arguments: str) -> list[str]:
    quiet = [] if sys.stdout.isatty() else ["--quiet", "--quiet"]  # errors only
    options = ["--no-input", "--disable-pip-version-check", "--no-warn-script-location", *quiet]
    return [str(PYTHON), "-m", "pip", arguments[0], *options, *arguments[1:]]


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
