"""How many of the images that a user asks for may be enqueued now, and what to say when it is not all.

Called inside the transaction that enqueues, while it holds the line: what is read here can't be spent by another
request before this one has booked. An item is accepted while less than the limit is used, so one item may go beyond
a quota of device time, and the first items that fit are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from invoke_host.api import TooManyRequests
from invoke_host.limits import effective, usage
from invoke_host.limits.effective import Source
from invoke_host.limits.names import LIMITS, Limit, Window, shown
from invoke_host.limits.usage import Used
from invoke_host.limits.windows import as_text, end_of, epoch

#: What a client is told to wait when a cap is reached; a place becomes free with each image.
RETRY_AFTER_S = 10

_RUNNING = LIMITS["max_running"]  # asked at the claim (`running`), not here


@dataclass(frozen=True, slots=True)
class LimitedBy:
    """Which limit let only some images in; `resets_at` None: a cap, places become free as images are made."""

    limit: str
    value: float
    resets_at: str | None


@dataclass(frozen=True, slots=True)
class Fit:
    """How many of the items fit, the first ones. `limited_by` if not all; `refusal` to raise if none."""

    count: int
    limited_by: LimitedBy | None = None
    refusal: TooManyRequests | None = None


@dataclass(frozen=True, slots=True)
class _Bound:
    """One limit that binds, with what is used of it. `source` None: the limit of a group together."""

    limit: Limit
    value: float
    used: float
    source: Source
    together: bool


def fitting(
    conn: Connection,
    user_id: str,
    works: Sequence[int],
    *,
    pending: Callable[[], int],
    group_pending: Callable[[str], int],
    now: str,
) -> Fit:
    """How many of these items (their expected device times in microseconds) the user may enqueue.

    `pending()` of the user's items wait already, `group_pending(group_id)` of all members of a group; asked only where
    a cap needs it.
    """
    bound = effective.of(conn, user_id)
    if bound.unlimited or not works:
        return Fit(len(works))
    worst: tuple[int, float, _Bound] | None = None
    for each in _bounds(conn, user_id, bound, pending, group_pending, now):
        count = _count(each, works)
        resets = math.inf if each.limit.window is None else end_of(each.limit.window, now)
        # Of several that let the same number in, the one that lasts longest: who comes back then is not refused again.
        rank = (count, 0.0 if each.limit.window is None else -resets)
        if count < len(works) and (worst is None or rank < worst[:2]):
            worst = (*rank, each)
    if worst is None:
        return Fit(len(works))
    count, _, tightest = worst
    window = tightest.limit.window
    resets_at = None if window is None else as_text(end_of(window, now))
    return Fit(
        count,
        LimitedBy(tightest.limit.name, shown(tightest.value) or 0, resets_at),
        _refusal(tightest, now) if count == 0 else None,
    )


def _bounds(
    conn: Connection,
    user_id: str,
    bound: effective.Effective,
    pending: Callable[[], int],
    group_pending: Callable[[str], int],
    now: str,
) -> Iterator[_Bound]:
    used: Mapping[Window, Used] = {}
    for name, found in bound.each.items():
        limit = LIMITS[name]
        if found.value is None or limit is _RUNNING:
            continue
        if limit.window is not None and not used:
            used = usage.of_user(conn, user_id, now, month=_by_month(bound.each))
        waiting = pending() if limit.window is None else 0
        yield _Bound(limit, found.value, _spent(limit, used, waiting), found.source, together=False)
    of_groups: dict[str, Mapping[Window, Used]] = {}
    for rule in bound.together:
        limit, group_id = LIMITS[rule.name], rule.group_id
        if limit is _RUNNING:
            continue
        if limit.window is not None and group_id not in of_groups:
            names = [each.name for each in bound.together if each.group_id == group_id]
            of_groups[group_id] = usage.of_group(conn, group_id, now, month=_by_month(names))
        waiting = group_pending(group_id) if limit.window is None else 0
        spent = _spent(limit, of_groups.get(group_id, {}), waiting)
        yield _Bound(limit, rule.value, spent, Source("group", group_id, rule.group), together=True)


def _by_month(names: Iterable[str]) -> bool:
    return any(LIMITS[name].window == "month" for name in names)


def _spent(limit: Limit, used: Mapping[Window, Used], pending: int) -> float:
    return pending if limit.window is None or limit.unit is None else used[limit.window].of(limit.unit)


def _count(bound: _Bound, works: Sequence[int]) -> int:
    """How many of the items this limit lets in."""
    if bound.limit.unit != "engine_s":
        return max(0, min(len(works), math.ceil(bound.value - bound.used)))
    used_us, most_us = round(bound.used * 1e6), bound.value * 1e6
    for count, work in enumerate(works):
        if used_us >= most_us:
            return count
        used_us += work
    return len(works)


def _refusal(bound: _Bound, now: str) -> TooManyRequests:
    limit = bound.limit
    holder = _holder(bound)
    if limit.window is None:
        return TooManyRequests(
            f"{holder} is {bound.value:g} ({limit.text}), and {bound.used:g} wait. "
            "A place becomes free with each image that is made or canceled.",
            retry_after_s=RETRY_AFTER_S,
        )
    end = end_of(limit.window, now)
    return TooManyRequests(
        f"{holder} is {bound.value:g} ({limit.text}), and {_amount(bound)} used. "
        f"The next {limit.window} begins at {as_text(end)[:16]} UTC.",
        retry_after_s=max(1, math.ceil(end - epoch(now))),
    )


def _holder(bound: _Bound) -> str:
    name, source = bound.limit.name, bound.source
    if bound.together:
        return f"The limit {name} of the group {source.name!r} together"
    if source.kind == "group":
        return f"Your limit {name} as a member of the group {source.name!r}"
    return f"Everybody's limit {name}" if source.kind == "everyone" else f"Your limit {name}"


def _amount(bound: _Bound) -> str:
    if bound.limit.unit == "engine_s":
        return f"{bound.used:.1f} s are"
    return "1 is" if bound.used == 1 else f"{bound.used:g} are"
