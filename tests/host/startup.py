"""Starts hosts that can't start, and reads what they say."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .process import NO_DEVICES, PATIENCE_S, command, environment


def refused(root: Path, *arguments: str, extra: dict[str, str] | None = None, through: tuple[str, ...] = ()) -> str:
    """What a host that can't start says on standard error beside its log. Exit code 2, and never a traceback."""
    ended = subprocess.run(
        [*through, *command(root, *arguments)],
        env=environment({**NO_DEVICES, **(extra or {})}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert not (root / "run" / "host.json").exists() or "already runs" in ended.stderr
    told = "\n".join(line for line in ended.stderr.splitlines() if not line.startswith('{"timestamp"'))
    assert told.startswith("error: ")
    return told.removeprefix("error: ")
