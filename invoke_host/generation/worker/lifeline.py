"""A worker never outlives its host. Two ropes: the kernel's parent-death signal here, the socket's end in `channel`."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill this process when the host dies (Linux; elsewhere the socket alone does it).

    The signal is SIGKILL because it must also end a worker that is stopped or deep inside a CUDA call.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the request above
        os._exit(0)
