"""Write constraints.txt from this environment: every package that the host, its plugins and the checks pull in.

`make constraints` runs it after an upgrade was tested. It walks the declared requirements and not what happens to
to be installed, so that a package tried out by hand never becomes a promise.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import tomli
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
#: Needed before anything of ours is installed: scripts/environment.py asks for these by name.
TOOLS = ("pip", "hatchling", "editables")
HEADER = """\
# The versions that Invoke Host is tested with: Python {python}, every package of `make run` and `make test`.
# Written by `make constraints`. torch stands without its build label: 2.13.0+cpu, +cu130 and the plain one all fit.
"""


def declared() -> tuple[set[str], list[Requirement]]:
    """The names of our own distributions, and what their pyproject files ask for, extras and groups included."""
    ours: set[str] = set()
    lines = [*TOOLS]
    for file in (ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))):
        content = tomli.loads(file.read_text())
        project = content["project"]
        ours.add(canonicalize_name(project["name"]))
        lines += content["build-system"]["requires"]
        lines += project.get("dependencies", [])
        for part in (project.get("optional-dependencies", {}), content.get("dependency-groups", {})):
            lines += [line for group in part.values() for line in group]
    return ours, [Requirement(line) for line in lines]


def closure(ours: set[str], wanted: list[Requirement]) -> dict[str, str]:
    """Name to installed version of everything reachable from `wanted`; exits where a package is not installed."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in ours or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            sys.exit(f"{requirement} is not installed here: run `make test` first")
        versions[found.metadata["Name"].lower()] = found.version.partition("+")[0]
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for line in found.requires or ():
                child = Requirement(line)
                if child.marker is None or child.marker.evaluate({"extra": extra}):
                    child.marker = None
                    wanted.append(child)
    return versions


def main() -> None:
    """Replace constraints.txt."""
    versions = closure(*declared())
    lines = [f"{name}=={versions[name]}" for name in sorted(versions)]
    python = ".".join(map(str, sys.version_info[:2]))
    (ROOT / "constraints.txt").write_text(HEADER.format(python=python) + "\n".join(lines) + "\n")
    print(f"constraints.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
