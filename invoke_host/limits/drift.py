"""Promise P10: the windows equal the sum of what is stored. For `doctor` and tests; it reads everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, select

from invoke_host.limits.tables import usage_windows
from invoke_host.limits.usage import Booking
from invoke_host.limits.windows import as_text, day_of, minute_of

_Key = tuple[str, str, int]


def drift(conn: Connection, booked: Iterable[Booking]) -> list[str]:
    """Where windows differ from the sum over `booked` (of all items that there are) and over what is gone.

    Minutes that are not there are not asked about: they were forgotten, and their days have the same bookings.
    """
    windows = conn.execute(select(usage_windows)).all()
    minutes = {(row.user_id, row.starts_at) for row in windows if row.unit == "minute"}
    real: dict[_Key, list[int]] = defaultdict(lambda: [0, 0])
    for each in booked:
        minute = minute_of(each.created_at)
        keys: list[_Key] = [(each.user_id, "day", day_of(each.created_at))]
        keys += [(each.user_id, "minute", minute)] * ((each.user_id, minute) in minutes)
        for key in keys:
            real[key][0] += each.images
            real[key][1] += each.engine_us
    kept: dict[_Key, tuple[int, int]] = {}
    found: list[str] = []
    for row in windows:
        key = (row.user_id, row.unit, row.starts_at)
        kept[key] = (row.images, row.engine_us)
        real[key][0] += row.gone_images
        real[key][1] += row.gone_us
        if row.images < 0 or row.engine_us < 0:
            found.append(f"the usage of {row.user_id} in the {row.unit} {as_text(row.starts_at)} is below zero")
    for key in sorted(real):
        user, unit, start = key
        images, engine_us = real[key]
        if (images, engine_us) != (counted := kept.get(key, (0, 0))):
            found.append(
                f"the usage of {user} in the {unit} {as_text(start)} says {counted[0]} images and {counted[1]} us, "
                f"there are {images} and {engine_us}"
            )
    return found
