"""`python -m invoke_host.pictures.decoder PARENT_PID MAX_PIXELS CPU_S`: started by the host only.

A job is a line of JSON on standard input, its answer a line on standard output, in order, one at a time. What libraries
print goes to standard error, and so to the host's log.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path

import orjson

from invoke_host.lifeline import die_with_parent
from invoke_host.pictures.decoder.decode import Refused, decode
from invoke_host.pictures.decoder.limits import confine, limit_cpu
from invoke_host.pictures.values import DecodeJob


def main() -> None:
    """Serve until the host closes the pipe or dies."""
    parent_pid, max_pixels, cpu_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    # Ctrl-C and a service manager's SIGTERM reach the whole process group; the host decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(parent_pid)
    os.umask(0o077)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    confine(max_pixels)
    for line in sys.stdin.buffer:
        limit_cpu(cpu_s)
        answers.write(orjson.dumps(_answer(DecodeJob.from_line(line)), option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()


def _answer(job: DecodeJob) -> dict[str, object]:
    try:
        width, height = decode(job)
    except Refused as error:
        if error.__cause__ is not None:
            _note(error.__cause__)
        return {"refused": error.reason, "message": str(error)}
    return {"width": width, "height": height}


def _note(cause: BaseException) -> None:
    """One line for the operator, as anybody may send damaged files: what a library said of it, and where."""
    *_, place = traceback.extract_tb(cause.__traceback__)
    said = " ".join(str(cause).split())[:200]
    print(f"{type(cause).__name__} at {Path(place.filename).name}:{place.lineno}: {said}", file=sys.stderr)


if __name__ == "__main__":
    main()
