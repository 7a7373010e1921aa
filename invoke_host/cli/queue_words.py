"""Items of the queue as a person at a terminal reads them: tables, times, whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

#: What `list` and `show` call the columns and in which order; a column that is empty in all rows is left out.
COLUMNS = ("item", "whose", "status", "position", "starts", "device", "batch", "created", "pictures", "error")


def columns_of(
    rows: Sequence[Mapping[str, Any]], me: str | None, now: datetime
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Headings and cells of a table of items."""
    cells = [_cells(row, me, now) for row in rows]
    kept = [i for i in range(len(COLUMNS)) if any(row[i] for row in cells)]
    return [COLUMNS[i] for i in kept], [tuple(row[i] for i in kept) for row in cells]


def whose(row: Mapping[str, Any], me: str | None) -> str:
    """Whose item it is, as far as the caller may know; `me` is None where all are the caller's."""
    if me is None or row.get("user_id") == me:
        return "mine"
    return plain(str(row.get("user_display_name") or row.get("user_email") or "another's"))


def starts(row: Mapping[str, Any], now: datetime) -> str:
    """When a waiting item is expected to begin, such as `in 3 min`; empty if nobody can tell."""
    at = row.get("estimated_start_at")
    return "" if not at or row.get("status") != "pending" else within((_moment(str(at)) - now).total_seconds())


def within(seconds: float) -> str:
    """A time ahead, as exactly as an estimate deserves."""
    if seconds < 1.5:
        return "now"
    for limit, unit, name in ((90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h")):
        if seconds < limit:
            return f"in {seconds / unit:.0f} {name}"
    return f"in {seconds / 86400:.0f} days"


def plain(text: str) -> str:
    """The text on one line, without what a terminal would obey; names and messages come from others."""
    return "".join(each if each.isprintable() else " " for each in text)


def counted(count: int, noun: str = "item") -> str:
    """`1 item`, `2 items`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def line_order(row: Mapping[str, Any], me: str | None) -> tuple[bool, bool, float, int]:
    """Sorts own items before others', running ones before waiting ones, those by position."""
    position = row.get("position")
    waits = row["status"] == "pending"
    return (whose(row, me) != "mine", waits, float("inf") if position is None else position, row["item_id"])


def _cells(row: Mapping[str, Any], me: str | None, now: datetime) -> tuple[str, ...]:
    position = row.get("position")
    batch = str(row.get("batch_id") or "")
    return (
        str(row["item_id"]),
        whose(row, me),
        str(row["status"]),
        "" if position is None else str(position),
        starts(row, now),
        str(row.get("device") or ""),
        "" if batch == "redacted" else batch,
        str(row.get("created_at") or "").partition(".")[0],
        ", ".join(map(str, row.get("image_names") or ())),
        plain(str(row.get("error_message") or "")),
    )


def _moment(text: str) -> datetime:
    """A time of the API: `2026-11-23 06:00:00.000`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def facts(row: Mapping[str, Any], me: str | None, now: datetime) -> list[tuple[str, str]]:
    """Names and values of what is known of an item; what is unknown or empty is left out."""
    request = row.get("request") or {}
    position = row.get("position")
    size = f"{request['width']} × {request['height']}" if request else ""
    found: Sequence[tuple[str, Any]] = (
        ("item", row["item_id"]),
        ("whose", whose(row, me)),
        ("status", row["status"]),
        ("position", position if position != 1 else "1 (next)"),
        ("starts", starts(row, now)),
        ("prompt", request.get("positive_prompt")),
        ("not", request.get("negative_prompt")),
        ("model", request.get("model")),
        ("size", size),
        ("steps", request.get("steps")),
        ("CFG scale", request.get("cfg_scale")),
        ("scheduler", request.get("scheduler")),
        ("seed", request.get("seed")),
        ("priority", row.get("priority") or None),
        ("destination", row.get("destination")),
        ("batch", None if row.get("batch_id") == "redacted" else row.get("batch_id")),
        ("device", row.get("device")),
        ("attempt", row.get("attempt") if (row.get("attempt") or 0) > 1 else None),
        ("retry of", row.get("retried_from_item_id")),
        ("created", row.get("created_at")),
        ("started", row.get("started_at")),
        ("completed", row.get("completed_at")),
        ("pictures", ", ".join(row.get("image_names") or ())),
        ("error", row.get("error_message")),
    )
    return [(name, plain(str(value))) for name, value in found if value not in (None, "")]
