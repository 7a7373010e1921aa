"""What `invoke-host queue status` tells: one look at the queue, and a short one at the progress of what runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from invoke_host.cli.client import HostClient
from invoke_host.cli.following import Batch, listening
from invoke_host.cli.queue_words import line_order, plain, starts, whose

#: Progress passes by on the event stream and is kept nowhere; a step takes about so long on a slow device.
_LISTEN_S = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """The queue at one moment. `shares` are the finished parts of running items, as far as they were heard of."""

    status: Mapping[str, Any]
    running: Sequence[Mapping[str, Any]]
    upcoming: Mapping[str, Any] | None
    shares: Mapping[int, float]
    me: str
    at: datetime

    @property
    def own_paused(self) -> bool:
        """Whether the caller has paused their own items."""
        return bool(self.status["queue"].get("user_paused"))

    def as_json(self) -> dict[str, Any]:
        """`queue` and `processor` as the host gives them, `running` items with `progress` (0 … 1), `next` of yours."""
        running = [{**row, "progress": self.shares.get(row["item_id"])} for row in self.running]
        return {**self.status, "running": running, "next": self.upcoming}


async def look(client: HostClient) -> Look:
    """Ask the host."""
    me = await client.whoami()
    status = await client.status()
    running = await client.newest(status="in_progress") if status["queue"]["in_progress"] else []
    return Look(
        status=status,
        running=sorted(running, key=lambda row: line_order(row, me)),
        upcoming=await client.next_of_mine() if status["queue"]["user_pending"] else None,
        shares=await _shares(client, [row["item_id"] for row in running if row.get("user_id") == me]),
        me=me,
        at=client.host_time,
    )


def lines(found: Look) -> list[str]:
    """The same for people."""
    counts, processor = found.status["queue"], found.status["processor"]
    own, total = (counts[f"{of}pending"] + counts[f"{of}in_progress"] for of in ("user_", ""))
    told = [f"queue {plain(counts['queue_id'])}: {own}/{total} (yours/all that runs or waits)"]
    told += [_running(row, found) for row in found.running]
    if counts["pending"]:
        told.append(f"waiting: {counts['user_pending']:,} of yours, {counts['pending']:,} in all")
    if found.upcoming is not None and found.upcoming["position"] is not None:
        about = starts(found.upcoming, found.at)
        place = f"next of yours: item {found.upcoming['item_id']}, position {found.upcoming['position']}"
        told.append(f"{place}, starts {about}" if about else place)
    done = ", ".join(f"{counts[each]:,} {each}" for each in ("completed", "failed", "canceled"))
    told.append(f"finished: {done}")
    if not processor["is_started"]:
        told.append("paused: nothing of this queue is started until an administrator resumes it")
    if found.own_paused:
        told.append("paused by you: nothing of yours is started until `invoke-host queue resume --mine`")
    return told


def _running(row: Mapping[str, Any], found: Look) -> str:
    share = found.shares.get(row["item_id"])
    device = f" on {row['device']}" if row.get("device") else ""
    done = "" if share is None else f", {share:.0%} done"
    return f"running: item {row['item_id']} ({whose(row, found.me)}){device}{done}"


async def _shares(client: HostClient, item_ids: Sequence[int]) -> dict[int, float]:
    """How far these items are, as far as that is said within a moment."""
    batch, heard = Batch(item_ids), set[int]()
    if not item_ids:
        return {}
    with suppress(TimeoutError):
        async with asyncio.timeout(_LISTEN_S), listening(client) as events:
            while len(heard) < len(item_ids):
                event = await events.get()
                if batch.take(event):
                    heard.add(event.payload["item_id"])
    return {item_id: 1.0 if batch.items[item_id].finished else batch.items[item_id].share for item_id in heard}
