"""kill -9, standing still, full disk, locked database, at seeded places: nothing acknowledged is lost or made twice.

Seeded rounds on whole hosts with real HTTP, real SQLite and real files; only the picture is painted, not denoised.
INVOKE_HOST_FAULT_ROUNDS sets how many rounds (36; 200 under `make soak`), INVOKE_HOST_FAULT_SEED where they begin. A
failing round keeps its root folder and says how to play it again. Each fault must have struck at least once.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from .host import HostRoot, install_painter
from .rounds import FAULTS, Round, lane

ROUNDS = int(os.environ.get("INVOKE_HOST_FAULT_ROUNDS", "36"))
SOAK_ROUNDS = int(os.environ.get("INVOKE_HOST_FAULT_ROUNDS", "200"))
SEED = int(os.environ.get("INVOKE_HOST_FAULT_SEED", "1"))
REPLAY = os.environ.get("INVOKE_HOST_FAULT_REPLAY", "")

#: Hosts that run beside each other, each on its own root: the machine has two cores, and a host waits much.
LANES = 2

#: With fewer rounds not every fault gets its turn.
ENOUGH_ROUNDS = 36


@pytest.fixture
def site(tmp_path: Path) -> Path:
    install_painter(tmp_path / "site")
    return tmp_path / "site"


async def play(tmp_path: Path, site: Path, rounds: int, seed: int) -> None:
    """That many rounds in lanes beside each other; raises what the first broken one raised."""
    print(f"seed {seed}, {rounds} rounds")
    lanes: list[Any] = []
    for number in range(LANES):
        root = HostRoot(tmp_path / f"root-{number}", site)
        lanes.append(lane(root, seed * 1000 + number, range(number, rounds, LANES), FAULTS[number::LANES]))
    outcomes = await asyncio.gather(*lanes, return_exceptions=True)  # each lane ends its own hosts
    fired: set[str] = set()
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        fired |= outcome
    if rounds >= ENOUGH_ROUNDS:
        never = set(FAULTS) - fired
        assert not never, f"seed {seed}: these never struck: {sorted(never)}"


@pytest.mark.timeout(600)
async def test_whatever_strikes_nothing_is_lost_and_nothing_is_stored_twice(tmp_path: Path, site: Path) -> None:
    await play(tmp_path, site, ROUNDS, SEED)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_the_same_two_hundred_times(tmp_path: Path, site: Path) -> None:
    await play(tmp_path, site, SOAK_ROUNDS, SEED + 1)


@pytest.mark.soak
@pytest.mark.skipif(not REPLAY, reason="INVOKE_HOST_FAULT_REPLAY says which round to replay")
async def test_replay(tmp_path: Path, site: Path) -> None:
    seed, number, armed, trouble = REPLAY.split()
    plan = Round("" if armed == "-" else armed, "" if trouble == "-" else trouble)
    await lane(HostRoot(tmp_path / "root", site), int(seed), [int(number)], only=plan)
