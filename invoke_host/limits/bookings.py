"""How the end of an item changes what was booked for it.

| what happens to it | its image | its device time |
|---|---|---|
| completed | stays | what was measured |
| failed, given up, canceled while it waited | given back | given back |
| canceled while it ran | given back | what it took until then, at most what was expected |
| given back to the line, taken up again after a crash | stays | stays |
"""

from __future__ import annotations

from invoke_host.limits.usage import Booking

#: In these an item counts as an image of its owner.
COUNTED = frozenset({"pending", "in_progress", "completed"})


def settled(
    user_id: str, created_at: str, booked_us: int, old: str, new: str, *, spent_us: int = 0
) -> tuple[Booking | None, int]:
    """The change to book when an item goes from one status to another, and its `booked_us` from then on.

    `spent_us` is the measured device time of a completed item; of one canceled while it ran, what it took, at most the
    estimate. None: nothing changes.
    """
    images = (new in COUNTED) - (old in COUNTED)
    if new == "completed" or (new == "canceled" and old == "in_progress"):
        after_us = spent_us
    else:
        after_us = booked_us if new in COUNTED else 0
    if old not in COUNTED or (images == 0 and after_us == booked_us):
        return None, booked_us
    return Booking(user_id, created_at, images, after_us - booked_us), after_us


def kept(user_id: str, created_at: str, booked_us: int, status: str) -> Booking:
    """What `usage.forget` is told when the row of an item in this (final) status is removed."""
    return Booking(user_id, created_at, int(status in COUNTED), booked_us)
