"""From the outbox to the clients: reads new events after each commit and hands them to every stream that may see them.

Other processes write to the same outbox, so the hub also looks once a second. Where several writers commit at the same
time (PostgreSQL), ids are given out before commit and may become visible out of order: the hub then waits at the gap
for a moment (`gaps`), and events stay in the order of their ids.

Where callers can lose their rights (`recheck`), every event is sent only to streams whose callers were checked after
the event was made. What it hangs on who sees a board is asked for at that moment as well (`sight`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from invoke_host import ids
from invoke_host.api import Actor, BackgroundTask, Event, Health, StorageError, UserId
from invoke_host.clock import Clock
from invoke_host.events import store
from invoke_host.events.audience import reach, unknown
from invoke_host.events.gaps import Gaps
from invoke_host.events.outgoing import Parcel
from invoke_host.events.presence import Presence
from invoke_host.events.relay import Listener, Relay
from invoke_host.events.revalidate import Recheck, Revalidator
from invoke_host.events.sight import Lookout, Seen, Sight
from invoke_host.events.subscription import Subscription
from invoke_host.storage import Storage, quick

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

#: How often to look for events of other processes.
POLL_S = 1.0

#: Events read at once, and the most that a returning client is sent; one that missed more gets `resync`.
BATCH = 500
MAX_REPLAY = 1000

#: The shortest time between two looks: what is committed meanwhile is read, judged and sent together.
LEAST_S = 0.02

#: How soon to look again while an event waits behind a gap.
GAP_POLL_S = 0.05


class EventHub:
    """The event streams of one process. All methods belong to the event loop."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        poll_s: float = POLL_S,
        keepalive_s: float = 15.0,
        concurrent_writers: bool | None = None,
        recheck: Recheck | None = None,
        sight: Sight | None = None,
    ) -> None:
        """Without `sight` nobody sees a board: what goes to those who see one reaches only those who get it anyway."""
        self.keepalive_s = keepalive_s
        self._storage = storage
        self._clock = clock
        self._log = log
        self._poll_s = poll_s
        several = storage.backend.capabilities.concurrent_writers if concurrent_writers is None else concurrent_writers
        self._gaps = Gaps(clock) if several else None
        self._position = 0
        self._subscriptions: set[Subscription] = set()
        #: Who listens now.
        self.presence = Presence()
        self._relay = Relay(storage, log)
        self._rights = (
            None if recheck is None else Revalidator(recheck, self._subscriptions, self._start_over, clock, log)
        )
        self._lookout = Lookout(sight, self._subscriptions, self._start_over, log)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self._trouble = ""

    async def start(self) -> None:
        """Begin at the newest event; what is older reaches only clients that resume."""
        self._position = (await self._storage.read(_span)).last
        self._storage.on_commit(self._wake.set)
        self._relay.start(self._position)
        if self._rights is not None:
            self._storage.on_commit(self._rights.wake)
            self._rights.start()
        self._lookout.start()
        self._task = asyncio.create_task(self._run(), name="event hub")

    async def stop(self) -> None:
        """End all streams. Call it before the web server waits for its handlers; harmless when called twice."""
        self._stopped = True
        for subscription in list(self._subscriptions):
            subscription.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._rights is not None:
            await self._rights.stop()
        await self._lookout.stop()
        await self._relay.stop()

    def listen(self, listener: Listener) -> None:
        """Also await `listener` with each kept event, in order, whoever may see it (the plugins' `invoke_event`).

        Streams never wait for it. An exception is logged and the next event follows.
        """
        self._relay.listen(listener)

    def emit(self, kind: str, payload: Mapping[str, Any], audience: str | None) -> None:
        """Send a passing event: no id, not kept, dropped for clients that are behind.

        Raises ValueError for a kind that is no single word, TypeError for a payload that can't be JSON.
        """
        if not kind.isprintable() or " " in kind or not kind:
            raise ValueError(f"the kind of an event is one word, not {kind[:64]!r}")
        user = None if audience is None else UserId(audience)
        self._fan_out(Event(kind=kind, payload=payload, audience=user, created_at=self._clock.now()))

    def emit_state(self, kind: str, key: str, states: Callable[[Actor], Iterable[Mapping[str, Any]]]) -> None:
        """Send passing events that say how things are now for each stream's caller, where the stream was not told yet.

        `key` is what tells the states of one caller apart. Hand out the same mapping for callers who are told the same:
        it is then encoded once.
        """
        now = self._clock.now()
        parcels: dict[int, Parcel] = {}  # the mappings live as long as the parcels
        for subscription in list(self._subscriptions):
            for state in states(subscription.actor):
                place: Hashable = (kind, state[key])
                if subscription.told.get(place) == state:
                    continue
                parcel = parcels.get(id(state))
                if parcel is None:
                    parcel = parcels[id(state)] = Parcel(Event(kind=kind, payload=state, audience=None, created_at=now))
                if subscription.offer(parcel):
                    subscription.told[place] = state

    async def subscribe(
        self, actor: Actor, last_event_id: int | None = None, *, good_until: float | None = None
    ) -> Subscription:
        """A stream for this caller. With `last_event_id`, it begins with what came after that event.

        If that can't be told any more (the id is unknown, or what followed is pruned or too much), it begins with one
        `resync` instead. Close it when the client is gone. With `recheck`, it ends at `good_until` (seconds since the
        epoch), when the caller's credential does.
        """
        subscription = Subscription(actor, self._left, after=last_event_id or 0, good_until=good_until)
        if self._stopped:
            subscription.close()
            return subscription
        # Registered first, so that nothing falls between the read below and the live events, and with the position of
        # this instant, so that nothing is in both.
        self._subscriptions.add(subscription)
        self.presence.joined(actor.id)
        if self._rights is not None:
            self._rights.wake()  # what changed since the caller was let in was committed before anybody looked
        position = self._position
        if last_event_id is None or last_event_id == position:
            return subscription
        try:
            missed = await self._storage.read(_missed, last_event_id, position)
            seen = await self._lookout.look(missed or (), [subscription])
        except BaseException:
            subscription.close()
            raise
        if missed is None:
            subscription.resync(self._position, self._clock.now())
        else:
            subscription.preload(missed, seen.by(subscription.actor))
        return subscription

    @property
    def streams(self) -> int:
        """How many clients listen now."""
        return len(self._subscriptions)

    async def health(self) -> Health:
        """Degraded while events can't be read, until they can again; failed when nothing reads them any more."""
        checked = self._rights is None or self._rights.alive
        checked = checked and self._lookout.alive
        if self._task is None or self._task.done() or not self._relay.alive or not checked:
            return Health("events", "failed", "events are not sent any more; restart the host")
        trouble = self._trouble or self._relay.trouble or self._lookout.trouble
        return Health("events", "degraded" if trouble else "ok", trouble)

    def prune_task(self, keep: int, interval_s: float = 60.0) -> BackgroundTask:
        """Repeated work that keeps the newest `keep` events, in short transactions."""

        async def prune() -> None:
            removed = store.PRUNE_STEP
            while removed == store.PRUNE_STEP:
                removed = await self._storage.write(store.prune, keep)

        return BackgroundTask("prune events", prune, interval_s)

    async def _run(self) -> None:
        while True:
            try:
                await self._dispatch_new()
                self._trouble = ""
            except StorageError as error:
                self._trouble = f"events can't be read: {error}"
                self._log.warning("events can't be read, trying again", error=str(error))
            except Exception:  # noqa: BLE001 - whatever it is, a host that sends no more events is worse
                error_id = ids.error_id()
                self._trouble = f"sending events failed (error {error_id}, see the server's log)"
                self._log.exception("sending events failed, trying again", error_id=error_id)
            if self._subscriptions:
                await asyncio.sleep(LEAST_S)
            waiting = self._gaps is not None and self._gaps.pending
            with suppress(TimeoutError):
                async with asyncio.timeout(GAP_POLL_S if waiting else self._poll_s):
                    await self._wake.wait()

    async def _dispatch_new(self) -> None:
        self._wake.clear()
        while True:
            events = await self._storage.read(_new, self._position, BATCH)
            if events and self._rights is not None:
                await self._rights.check(events)
            ready = events if self._gaps is None else self._gaps.in_order(self._position, events)
            seen = await self._lookout.look(ready, self._subscriptions)
            for event in ready:
                self._position = event.id or self._position
                self._fan_out(event, seen)
            if ready:
                self._relay.advance(self._position)
            if len(ready) < BATCH:
                break
        if self._gaps is not None:
            await self._look_for_latecomers(self._gaps)

    async def _look_for_latecomers(self, gaps: Gaps) -> None:
        missing = gaps.missing()
        if not missing:
            return
        late = await self._storage.read(store.read_ids, missing)
        for event in late:
            gaps.found(event)
            self._relay.late(event)
        if late:
            # Their ids lie before what clients have seen, so a stream can't carry them any more.
            for subscription in self._subscriptions:
                self._start_over(subscription)

    def _start_over(self, subscription: Subscription) -> None:
        subscription.resync(self._position, self._clock.now())

    def _left(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.discard(subscription)
            self.presence.left(subscription.actor.id)

    def _fan_out(self, event: Event, seen: Seen | None = None) -> None:
        parcel, only = Parcel(event), reach(event)
        for subscription in self._subscriptions:
            actor = subscription.actor
            if only is not None and actor.id != only and not actor.is_admin:
                continue
            subscription.offer(parcel, unknown if seen is None else seen.by(actor))


_span = quick(store.span)
_new = quick(store.read_after)


def _missed(conn: Connection, last_event_id: int, position: int) -> list[Event] | None:
    """What came after that event, up to `position`; None if that is not known, or too much."""
    held = store.span(conn)
    if not max(held.first - 1, 0) <= last_event_id <= held.last:
        return None
    events = store.read_after(conn, last_event_id, MAX_REPLAY + 1, up_to=position)
    return events if len(events) <= MAX_REPLAY else None
