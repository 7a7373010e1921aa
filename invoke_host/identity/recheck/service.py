"""The re-check of everybody who is here, on a schedule: a login proves who somebody was at that moment only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from sqlalchemy import ColumnElement
from structlog.typing import FilteringBoundLogger

from invoke_host.api import (
    Authenticated,
    AuthOutcome,
    AuthProvider,
    BackgroundTask,
    Conflict,
    Health,
    HealthCheck,
    Identity,
    Rejected,
    StorageConflict,
    Unavailable,
)
from invoke_host.audit.record import HOST
from invoke_host.clock import Clock, timestamp
from invoke_host.config.schema import AuthConfig
from invoke_host.identity.groups import told
from invoke_host.identity.outages import Outages
from invoke_host.identity.recheck import store
from invoke_host.identity.recheck.asking import Asker, all_of
from invoke_host.identity.recheck.store import Due
from invoke_host.identity.users.service import UserService
from invoke_host.identity.users.values import NotLinked, UserDisabled
from invoke_host.ownership import Owned
from invoke_host.storage import Storage

#: Identities that are read at once.
AT_ONCE = 50
#: Questions to a provider at one time: a directory has more to do than to answer this.
TOGETHER = 2
#: After so many without an answer, one after another, a provider is left alone until the next round.
SILENT_AFTER = 3
#: How often it is looked who is due, at most and as a part of the interval.
EVERY_S = 60.0
_EVERY_PART = 15


@dataclass(slots=True)
class _Round:
    """What came of asking one provider about everybody who was due.

    `late` are those whom the last round got no answer about: asked last, so that they keep nobody waiting.
    """

    late: set[str]
    asked: set[str] = field(default_factory=set)
    good: list[str] = field(default_factory=list)
    unanswered: set[str] = field(default_factory=set)
    still_due: set[str] = field(default_factory=set)
    in_a_row: int = 0

    @property
    def silent(self) -> bool:
        return self.in_a_row >= SILENT_AFTER

    @property
    def answered(self) -> bool:
        return len(self.asked) > len(self.unanswered)


class Recheck:
    """Asks the providers that keep their accounts elsewhere. Belongs to the event loop."""

    def __init__(
        self,
        storage: Storage,
        users: UserService,
        providers: Sequence[AuthProvider],
        clock: Clock,
        log: FilteringBoundLogger,
        *,
        config: AuthConfig,
        owned: Sequence[Owned],
        outages: Outages,
        working: ColumnElement[bool] | None = None,
    ) -> None:
        """`working`: a condition on the row of `users`, whether somebody has work to lose."""
        self._storage = storage
        self._users = users
        self._names = [each.name for each in providers]
        # What keeps its accounts in this database changes together with them.
        elsewhere = [each for each in providers if each.accounts is None and each.name != "none"]
        self._askers = {each.name: Asker(each, log) for each in elsewhere}
        self._clock = clock
        self._log = log
        self._interval = timedelta(minutes=config.recheck_minutes)
        self._grace = timedelta(minutes=config.grace_minutes)
        self._every = min(timedelta(seconds=EVERY_S), self._interval / _EVERY_PART)
        self._owned = owned
        self._working = working
        self._outages = outages
        self._unanswered: dict[str, set[str]] = {}
        self._tidy = False

    def task(self) -> BackgroundTask:
        """The schedule."""
        return BackgroundTask("logins-recheck", self.run, self._every.total_seconds(), timeout_s=86_400.0)

    def checks(self) -> list[HealthCheck]:
        """One for each provider that is asked."""
        return [HealthCheck(f"auth:{name}", partial(self._health, name)) for name in self._askers]

    async def run(self) -> None:
        """Ask about everybody who is due, each provider by itself."""
        if not self._tidy:
            await self._storage.write(told.forget_others, self._names, HOST, now=self._now())
            self._tidy = True
        await all_of(*(self._round(name) for name in self._askers))

    async def _round(self, name: str) -> None:
        this = _Round(self._unanswered.get(name, set()))
        # A round early: whoever is due within it would else be asked after their time.
        before = self._ago(self._interval - self._every)
        while not this.silent:
            most = AT_ONCE + len(this.still_due | this.late)
            found = await self._storage.read(store.due, name, before, most, self._working, now=self._now())
            if not (new := [one for one in found if one.subject not in this.asked]):
                break
            line = iter([one for one in new if one.subject not in this.late] or new)
            await all_of(*(self._work_off(line, this) for _ in range(TOGETHER)))
            if this.good:
                await self._storage.write(store.vouched, name, this.good, now=self._now())
                this.good.clear()
        self._unanswered[name] = this.unanswered
        if this.unanswered:
            await self._end_overdue(name, this)

    async def _work_off(self, line: Iterator[Due], this: _Round) -> None:
        for one in line:
            if this.silent:
                return
            outcome = await self._askers[one.provider].ask(Identity(one.provider, one.subject, one.login))
            this.asked.add(one.subject)
            if isinstance(outcome, Unavailable):
                this.unanswered.add(one.subject)
                this.still_due.add(one.subject)
                this.in_a_row += 1
                # Some people's broken entries are no outage, unless nobody else is asked about.
                if not this.answered or (this.silent and one.subject not in this.late):
                    self._outages.heard(one.provider, outcome)
            else:
                this.in_a_row = 0
                self._outages.heard(one.provider, outcome)
                if not await self._follow(one, outcome, this):
                    this.still_due.add(one.subject)

    async def _follow(self, one: Due, outcome: AuthOutcome, this: _Round) -> bool:
        """Do as the provider says; False if that could not be done."""
        try:
            if isinstance(outcome, Rejected):
                if await self._storage.write(store.block, one, outcome.code, self._owned, now=self._now()):
                    self._log.info("auth_revoked", provider=one.provider, user_id=one.user_id, code=outcome.code)
            elif isinstance(outcome, Authenticated):
                await self._users.resolve(outcome.identity, auto_create=False, origin=HOST)
                this.good.append(one.subject)
        except (NotLinked, UserDisabled):
            return False  # unlinked or deactivated while the provider was asked
        except (Conflict, StorageConflict) as error:
            self._log.error("auth_recheck_failed", provider=one.provider, user_id=one.user_id, reason=str(error))
            return False
        return True

    async def _end_overdue(self, name: str, this: _Round) -> None:
        self._log.warning("auth_recheck_unavailable", provider=name, unanswered=len(this.unanswered))
        before = self._ago(self._interval + self._grace)
        if ended := await self._storage.write(store.end_overdue, name, before, now=self._now()):
            self._log.warning("auth_grace_over", provider=name, sessions_ended=ended)

    async def _health(self, name: str) -> Health:
        since = self._outages.since(name)
        if since is None:
            return Health(f"auth:{name}", "ok", "")
        left = round((self._interval + self._grace).total_seconds() / 60)
        text = f"no answer since {timestamp(since)} UTC; a session ends {left} minutes after its last good check"
        return Health(f"auth:{name}", "degraded", text)

    def _ago(self, span: timedelta) -> str:
        return timestamp(self._clock.now() - span)

    def _now(self) -> str:
        return timestamp(self._clock.now())
