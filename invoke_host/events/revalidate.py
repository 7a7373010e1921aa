"""Open streams outlive the request that began them: asks again and again whether their callers may still listen.

Asked are all callers at once, in one read: after commits of this process, and twice a second for what other processes
changed. Before events are sent, those who would get one are asked about as well, so that nobody gets an event that was
made after their rights ended. What can't be answered ends the streams after a few tries: who can't be checked gets
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from invoke_host.api import Actor, Event
from invoke_host.clock import Clock
from invoke_host.events.audience import reach
from invoke_host.events.subscription import Subscription

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

#: How often to ask without a commit: another process may have changed users, sessions or tokens.
POLL_S = 0.5

#: The shortest time between two questions of the background, however many commits there are; longer where many listen.
LEAST_S = 0.05

#: The next question waits for so many times what the last one took, but not over POLL_S.
_SHARE = 20

#: Longest time to wait for an answer.
TIMEOUT_S = 5.0

#: So many failures in a row end all streams.
MOST_FAILURES = 3

#: The callers as they are now, in the same order; None for those whose credential or account is good no more.
Recheck: TypeAlias = Callable[[Sequence[Actor]], Awaitable[Sequence[Actor | None]]]


class Revalidator:
    """Keeps the actors of `subscriptions` true. All methods belong to the event loop.

    `changed` is called with a stream whose caller's rights are not what they were, after its actor was replaced.
    """

    def __init__(
        self,
        recheck: Recheck,
        subscriptions: Collection[Subscription],
        changed: Callable[[Subscription], None],
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        poll_s: float = POLL_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._recheck = recheck
        self._subscriptions = subscriptions
        self._changed = changed
        self._clock = clock
        self._log = log
        self._poll_s = poll_s
        self._timeout_s = timeout_s
        self._failures = 0
        self._turn = asyncio.Lock()  # answers are applied in the order of their reads
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.create_task(self._run(), name="event stream rights")

    async def stop(self) -> None:
        """Ask no more; harmless when called twice."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @property
    def alive(self) -> bool:
        """False when nothing asks any more."""
        return self._task is not None and not self._task.done()

    def wake(self) -> None:
        """Something was committed, or somebody began to listen: ask soon. Costs nothing while nobody listens."""
        if self._subscriptions:
            self._wake.set()

    async def check(self, events: Sequence[Event] | None = None) -> None:
        """Ask now, and apply the answer before this returns. Without streams nothing is read.

        With `events`, about those only whom one of them may reach by what is known of them: who has gained rights is
        told to read everything afresh when that is found out. Raises what the question raises; with the third failure
        in a row it has ended all streams.
        """
        if not self._subscriptions:
            return
        async with self._turn:
            self._end_expired()
            asked = list(self._subscriptions if events is None else self._concerned(events))
            if not asked:
                return
            actors = list(dict.fromkeys(subscription.actor for subscription in asked))
            try:
                async with asyncio.timeout(self._timeout_s):
                    answers = await self._recheck(actors)
                now = dict(zip(actors, answers, strict=True))
            except Exception:
                self._failed()
                raise
            self._failures = 0
            for subscription in asked:
                self._apply(subscription, now[subscription.actor])

    def _concerned(self, events: Sequence[Event]) -> Collection[Subscription]:
        reached = {reach(event) for event in events}
        if None in reached:
            return self._subscriptions
        return [each for each in self._subscriptions if each.actor.is_admin or each.actor.id in reached]

    def _end_expired(self) -> None:
        now = self._clock.now().timestamp()
        for subscription in list(self._subscriptions):
            if subscription.good_until is not None and subscription.good_until <= now:
                subscription.close()

    def _apply(self, subscription: Subscription, actor: Actor | None) -> None:
        if actor is None or actor.is_anonymous:
            subscription.close()
            return
        before, subscription.actor = subscription.actor, actor
        if (before.is_admin, before.groups, before.token_scopes) != (actor.is_admin, actor.groups, actor.token_scopes):
            self._changed(subscription)

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            streams = list(self._subscriptions)
            for subscription in streams:
                subscription.close()
            if streams:
                self._log.error("event streams were ended: their callers can't be checked", streams=len(streams))

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s if self._subscriptions else None):
                    await self._wake.wait()
            self._wake.clear()
            began = self._clock.monotonic()
            try:
                await self.check()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is asked again, and streams end if it stays
                self._log.warning("callers of event streams can't be checked, trying again", error=str(error))
                await asyncio.sleep(self._poll_s)
            else:
                await asyncio.sleep(min(self._poll_s, max(LEAST_S, _SHARE * (self._clock.monotonic() - began))))
