"""Catches code that blocks the event loop: while it does, nobody else is served."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: A person notices a pause of this length in what they watch.
LIMIT_S = 0.05

_BEAT_S = 0.005


@dataclass(slots=True)
class LoopWatchdog:
    """`blocked` tells of each pause over the limit: its length in seconds, and where the loop's thread stood."""

    limit_s: float = LIMIT_S
    blocked: list[tuple[float, str]] = field(default_factory=list)

    def report(self) -> str:
        """All pauses, for people."""
        return "\n".join(
            f"the event loop stood still for {pause_s * 1000:.0f} ms:\n{at}" for pause_s, at in self.blocked
        )


@asynccontextmanager
async def watched_loop(limit_s: float = LIMIT_S) -> AsyncIterator[LoopWatchdog]:
    """Watch the running loop; the block ends with AssertionError if it stood still for longer than `limit_s`.

    Time in which the machine gave the thread no processor does not count (where the kernel tells it), so that a busy
    machine is not a slow program.
    """
    watchdog = LoopWatchdog(limit_s)
    thread_id = threading.get_ident()
    starved = _starvation_meter()
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    last = [time.monotonic(), starved()]
    place = [""]

    def look() -> None:
        while not stop.wait(limit_s / 5):
            if time.monotonic() - last[0] > limit_s * 0.8 and not place[0]:
                frame = sys._current_frames().get(thread_id)  # noqa: SLF001 - the documented way to see another thread
                place[0] = "".join(traceback.format_stack(frame)[-6:]) if frame else ""

    def beat() -> None:
        now, waited = time.monotonic(), starved()
        pause_s = (now - last[0] - _BEAT_S) - (waited - last[1])
        if pause_s > limit_s:
            watchdog.blocked.append((pause_s, place[0] or "(place not seen)"))
        last[:] = now, waited
        place[0] = ""
        handle[0] = loop.call_later(_BEAT_S, beat)

    handle = [loop.call_later(_BEAT_S, beat)]
    watcher = threading.Thread(target=look, daemon=True, name="loop watchdog")
    watcher.start()
    try:
        yield watchdog
        await asyncio.sleep(2 * _BEAT_S)  # one more beat, which sees a pause that is just over
    finally:
        handle[0].cancel()
        stop.set()
        watcher.join()
    assert not watchdog.blocked, watchdog.report()


def _starvation_meter() -> Callable[[], float]:
    """Tells the seconds this thread was ready to run and had no processor; always 0 where the kernel does not say."""
    path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")

    def starved_s() -> float:
        try:
            return int(path.read_text().split()[1]) / 1e9
        except OSError:
            return 0.0

    return starved_s
