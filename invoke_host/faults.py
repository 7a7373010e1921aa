"""Failpoints: named places where a test can make this process die, stall or fail, to prove a durability promise.

`INVOKE_HOST_FAILPOINT="save.after_rename:kill9@3"` kills the process the third time `save.after_rename` is passed.
Actions: `kill9`, `raise` (OSError), `nospace` (OSError ENOSPC), `stop` (SIGSTOP). Several are separated by commas.
Without the variable a failpoint costs one dictionary look-up.
"""

from __future__ import annotations

import errno
import os
import signal

FAILPOINT_NAMES: frozenset[str] = frozenset(
    {
        "enqueue.before_commit",
        "enqueue.after_commit",
        "claim.after_commit",
        "worker.step",
        "worker.before_encode",
        "worker.half_written",
        "save.before_fsync",
        "save.before_rename",
        "save.after_rename",
        "save.before_commit",
        "save.after_commit",
        "cancel.after_commit",
        "delete.after_commit",
        "purge.before_commit",
        "purge.after_commit",
        "purge.before_tombstones",
        "migrate.mid",
        "pictures.decode",
        "upload.before_intent",
        "upload.before_commit",
        "upload.after_commit",
        "download.half_written",
    }
)


def _armed() -> dict[str, tuple[str, int]]:
    armed: dict[str, tuple[str, int]] = {}
    for part in filter(None, os.environ.get("INVOKE_HOST_FAILPOINT", "").split(",")):
        name, _, rest = part.strip().partition(":")
        action, _, count = rest.partition("@")
        if name not in FAILPOINT_NAMES:
            raise ValueError(f"INVOKE_HOST_FAILPOINT: unknown failpoint {name!r}; known: {sorted(FAILPOINT_NAMES)}")
        armed[name] = (action or "kill9", int(count or 1))
    return armed


_ARMED = _armed()
_PASSED: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Mark a place where a crash must lose nothing; does nothing unless the environment arms it."""
    if not _ARMED or name not in _ARMED:
        return
    action, at = _ARMED[name]
    _PASSED[name] = _PASSED.get(name, 0) + 1
    if _PASSED[name] != at:
        return
    if action == "kill9":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "nospace":
        raise OSError(errno.ENOSPC, f"no space left on device (failpoint {name})")
    else:
        raise OSError(errno.EIO, f"input/output error (failpoint {name})")
