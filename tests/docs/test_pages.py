"""The documentation holds together: it builds without a warning, links lead somewhere, decisions have their parts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
LINK = re.compile(r"\]\((?!https?://|#|mailto:)(?P<target>[^)#\s]+)")


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    pages = {page for page in pages if page.parts[0] != "examples"}
    missing = [page for page in pages if not (tmp_path / _address(page)).is_file()]
    assert not missing


def _address(page: Path) -> Path:
    return page.with_suffix(".html") if page.stem == "index" else page.with_suffix("") / "index.html"


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda page: page.name)
def test_links_of_the_pages_beside_the_code_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text())]
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda page: page.name)
def test_a_decision_has_its_four_parts(decision: Path) -> None:
    text = decision.read_text()
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+", decision.stem)
    assert text.startswith("# ")
    for part in ("Status", "Context", "Decision", "Rejected"):
        assert re.search(rf"(?m)^(## {part}\b|\*\*{part}\b|{part}:)", text), f"{decision.name} has no {part}"


def test_decision_numbers_are_used_once() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))
