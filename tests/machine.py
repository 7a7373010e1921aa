"""How busy the machine is: limits in seconds are for a machine of one's own, and other people's work is no failure."""

from __future__ import annotations

import os
from pathlib import Path

_LOAD = Path("/proc/loadavg")


def busy() -> float:
    """How many programs there are for each processor, of the last minute or at this moment; at least one."""
    try:
        now = int(_LOAD.read_text().split()[3].partition("/")[0])
    except OSError:
        now = 0
    return max(1.0, max(os.getloadavg()[0], now) / (os.cpu_count() or 1))
