"""What the decoder may use of the machine, whatever a picture makes of the libraries."""

from __future__ import annotations

import os
import resource
import time
from contextlib import suppress

#: Python, the libraries and what decoding needs beside the pixels.
_BASE_BYTES = 768 * 1024 * 1024
#: Up to four copies of four bytes each are alive at once: the source, turned, cropped, and premultiplied for scaling.
_BYTES_PER_PIXEL = 16


def confine(max_pixels: int) -> None:
    """Limits for the life of this process: memory, size of files, number of open files; no core, and low priority."""
    memory_bytes = _BASE_BYTES + _BYTES_PER_PIXEL * max_pixels
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 5 * max_pixels + 32 * 1024 * 1024)  # pixels that don't compress, and their texts
    _limit(resource.RLIMIT_NOFILE, 64)
    _limit(resource.RLIMIT_CORE, 0)
    with suppress(OSError):
        os.nice(5)


def limit_cpu(seconds: float) -> None:
    """From now on so much processor time; then the kernel ends the process (SIGXCPU)."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
