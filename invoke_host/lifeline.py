"""A process that the host started never outlives it: the kernel's parent-death signal, beside the end of its pipe."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill this process when the host dies (Linux; elsewhere the pipe alone does it).

    The signal is SIGKILL because it must also end a process that is stopped or deep inside a library's call.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the request above
        os._exit(0)
