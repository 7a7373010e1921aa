"""File permissions that count, also for the tests of a container where everything runs as root."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """`with unprivileged():` this thread may read only what the modes of files allow. Linux, if run as root."""
    return _unprivileged


@contextmanager
def _unprivileged() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    before = _capabilities("capget", (ctypes.c_uint32 * 6)())
    without = (ctypes.c_uint32 * 6)(*before)
    without[0] &= ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)  # the first word is what is in effect now
    _capabilities("capset", without)
    try:
        yield
    finally:
        _capabilities("capset", before)


def _capabilities(call: str, data: ctypes.Array[ctypes.c_uint32]) -> ctypes.Array[ctypes.c_uint32]:
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)  # 0 = the calling thread
    if getattr(ctypes.CDLL(None, use_errno=True), call)(header, data):
        raise OSError(ctypes.get_errno(), call)
    return data
