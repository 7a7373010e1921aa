"""What can be done with limits; each change is one transaction with its line in the audit log, and acts at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from invoke_host.api import FieldProblem, InvalidInput, NotFound
from invoke_host.audit.record import Origin, Target, append
from invoke_host.clock import Clock, timestamp
from invoke_host.limits import reports, store
from invoke_host.limits.names import LIMITS, Scope
from invoke_host.limits.reports import Line, UserLine, UserReport
from invoke_host.limits.store import AllRules, Rules
from invoke_host.limits.values import Change, Subject, problems_of, unknown
from invoke_host.storage import Storage


class LimitService:
    """Limits for administrators, and everybody's own usage."""

    def __init__(self, storage: Storage, clock: Clock, line: Line) -> None:
        self._storage = storage
        self._clock = clock
        self._line = line

    async def everything(self) -> AllRules:
        """What is set for anybody."""
        return await self._storage.read(store.everything)

    async def of(self, subject: Subject) -> Rules:
        """What is set for this one. Raises NotFound."""
        return await self._storage.read(store.of_subject, subject)

    async def change(self, subject: Subject, change: Change, origin: Origin) -> Rules:
        """Set what the change names; the rest stays. Returns what is set then.

        Raises:
            InvalidInput: a name or a value is wrong; with all that is.
            NotFound: there is no such group or user.
        """
        _check(subject, change)
        now = timestamp(self._clock.now())

        def unit(conn: Connection) -> Rules:
            before = store.of_subject(conn, subject)
            store.change(conn, subject, change, now=now)
            after = store.of_subject(conn, subject)
            if details := _difference(before, after):
                append(conn, origin, "limits.change", _target(after), details=details, now=now)
            return after

        return await self._storage.write(unit)

    async def remove(self, subject: Subject, scope: Scope, names: Sequence[str], origin: Origin) -> Rules:
        """Go back to what holds without these limits.

        Raises NotFound: one of them is not set, or there is no such one; then none is taken back.
        """
        for name in names:
            if name not in LIMITS:
                raise NotFound(unknown(name).capitalize())
        now = timestamp(self._clock.now())

        def unit(conn: Connection) -> Rules:
            before = store.of_subject(conn, subject)
            for name in dict.fromkeys(names):
                if not store.remove(conn, subject, scope, name):
                    raise NotFound(f"{name} ({scope}) is not set for {before.name or 'everyone'}.")
            after = store.of_subject(conn, subject)
            append(conn, origin, "limits.change", _target(after), details=_difference(before, after), now=now)
            return after

        return await self._storage.write(unit)

    async def usage(self, user_id: str) -> UserReport:
        """What a user has used and may use. Raises NotFound."""
        return await self._storage.read(reports.of_user, user_id, self._line, timestamp(self._clock.now()))

    async def usage_page(self, *, search: str, after: str, limit: int) -> list[UserLine]:
        """What all users have used today and this month, those behind the address `after`."""
        now = timestamp(self._clock.now())
        return await self._storage.read(reports.of_all, self._line, now, search=search, after=after, limit=limit)


def _check(subject: Subject, change: Change) -> None:
    found = [
        FieldProblem(("body", scope, name), problem, "limit")
        for scope, values in change.by_scope
        for name, problem in problems_of(values, scope)
    ]
    if change.together and subject.kind != "group":
        found.append(FieldProblem(("body", "together"), "only groups have limits together", "limit"))
    if found:
        raise InvalidInput(found)


def _difference(before: Rules, after: Rules) -> Mapping[str, Mapping[str, float | str | None]]:
    """By `scope.name`, what was and what is; `unset` where nothing was said."""
    found: dict[str, Mapping[str, float | str | None]] = {}
    scopes: tuple[Scope, ...] = ("each", "together")
    for scope in scopes:
        old, new = before.of(scope), after.of(scope)
        for name in (*new, *(name for name in old if name not in new)):
            was, now = old.get(name, "unset"), new.get(name, "unset")
            if was != now:
                found[f"{scope}.{name}"] = {"before": was, "after": now}
    return found


def _target(rules: Rules) -> Target:
    return Target(rules.subject.kind, rules.subject.id or None, rules.name or None)
