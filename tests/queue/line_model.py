"""The line in plain Python: what the scheduler must do, without SQL, indexes or counters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from invoke_host.queue.store.lanes import CREDIT_US


@dataclass
class ModelItem:
    """An item that waits or runs."""

    id: int
    user: str
    queue: str
    priority: int
    estimated_us: int = 0
    charged_us: int = 0
    started: datetime | None = None
    deaths: int = 0


@dataclass
class ModelLane:
    """A user's clock and what is theirs in the line."""

    vtime_us: int = 0
    since: int = 0
    paused: bool = False
    waiting: list[ModelItem] = field(default_factory=list)
    running: list[ModelItem] = field(default_factory=list)


@dataclass
class LineModel:
    """All lanes; who is next, and what each event does to the clocks."""

    lanes: dict[str, ModelLane] = field(default_factory=dict)
    floor_us: int = 0
    paused: set[str] = field(default_factory=set)
    #: Deactivated users whose items were left in the line.
    gone: set[str] = field(default_factory=set)
    weights: dict[str, float] = field(default_factory=dict)
    caps: dict[str, int] = field(default_factory=dict)
    #: A cap on all members together, and who they are.
    together: int | None = None
    members: frozenset[str] = frozenset()

    def lane(self, user: str) -> ModelLane:
        return self.lanes.setdefault(user, ModelLane())

    def begins_at(self) -> int:
        """The clock of a lane that begins to wait: that of the line, or of who is next, if that one is behind."""
        found = self.next()
        behind = self.floor_us if found is None else self.lane(found.user).vtime_us
        return min(self.floor_us, max(behind, self.floor_us - CREDIT_US))

    def wait(self, items: list[ModelItem], refund_us: int = 0, begin_us: int | None = None) -> None:
        """These, of one user, wait from now on."""
        begin_us = self.floor_us if begin_us is None else begin_us
        lane = self.lane(items[0].user)
        lane.vtime_us += refund_us
        if not lane.waiting:
            lane.vtime_us = max(lane.vtime_us, begin_us)
            lane.since = min(item.id for item in items)
        lane.waiting += items

    def next(self, *, fifo: bool = False, caps: bool = True) -> ModelItem | None:
        """The best item of the lane that is furthest behind, of those that may be served; `fifo`: of them all."""
        best: list[tuple[int, int, ModelItem]] = []
        for user, lane in self.lanes.items():
            items = [item for item in lane.waiting if item.queue not in self.paused]
            if items and not lane.paused and user not in self.gone and (not caps or self._within_caps(user)):
                item = min(items, key=lambda item: (-item.priority, item.id))
                best.append((-item.priority, item.id, item) if fifo else (lane.vtime_us, lane.since, item))
        return min(best, key=lambda each: each[:2])[2] if best else None

    def begin(self, item: ModelItem, estimated_us: int, charged_us: int, now: datetime) -> None:
        """It is claimed."""
        lane = self.lane(item.user)
        start = max(lane.vtime_us, self.floor_us - CREDIT_US)
        self.floor_us = max(self.floor_us, start)
        item.estimated_us = estimated_us
        item.charged_us = charged_us
        item.started = now
        lane.vtime_us = start + item.charged_us
        lane.waiting.remove(item)
        lane.running.append(item)

    def end(self, item: ModelItem, real_us: int) -> None:
        """It ran and is done with; this is what it took."""
        lane = self.lane(item.user)
        lane.running.remove(item)
        lane.vtime_us += round(item.charged_us * real_us / item.estimated_us) - item.charged_us

    def stop(self, item: ModelItem, now: datetime) -> None:
        """It ran and came to nothing."""
        assert item.started is not None
        elapsed_us = round((now - item.started).total_seconds() * 1e6)
        self.end(item, min(item.estimated_us, elapsed_us))

    def give_back(self, items: list[ModelItem]) -> None:
        """These ran and wait again; it was not their fault."""
        for user in {item.user for item in items}:
            own = [item for item in items if item.user == user]
            lane = self.lane(user)
            lane.running = [item for item in lane.running if item not in own]
            self.wait(own, refund_us=-sum(item.charged_us for item in own))

    def drop(self, item: ModelItem) -> None:
        """It waited and waits no more."""
        self.lane(item.user).waiting.remove(item)

    def pause_own(self, user: str, paused: bool) -> None:
        lane = self.lane(user)
        if lane.paused and not paused:
            lane.vtime_us = max(lane.vtime_us, self.begins_at())
            lane.since = min((item.id for item in lane.waiting), default=lane.since)
        lane.paused = paused

    def _within_caps(self, user: str) -> bool:
        if len(self.lane(user).running) >= self.caps.get(user, 1000):
            return False
        together = sum(len(lane.running) for name, lane in self.lanes.items() if name in self.members)
        return self.together is None or user not in self.members or together < self.together
