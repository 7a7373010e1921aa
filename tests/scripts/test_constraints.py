"""constraints.txt holds every package that an install of this tree pulls in, at the version that is tested here."""

from __future__ import annotations

from scripts.constraints import ROOT, closure, declared


def test_every_package_that_is_pulled_in_is_pinned_at_the_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert closure(*declared()) == pinned


def test_no_cuda_package_is_pinned_because_the_cpu_build_has_none() -> None:
    assert "nvidia" not in (ROOT / "constraints.txt").read_text()
