"""Slows down guessing, per account and per address, and locks nobody out.

A try is paid for before the password is looked at and refunded when it was right: a thousand guesses sent at once cost
as much as a thousand sent in turn. A device on which the account has logged in before has a key of its own instead of
those of the account and the address, so that an attack on either leaves its owner a way in.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_network

from sqlalchemy import Connection, Insert, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from invoke_host.api import BackgroundTask, TooManyRequests, fold_login
from invoke_host.clock import Clock
from invoke_host.config.schema import ThrottleConfig
from invoke_host.identity.login.backoff import FORGOTTEN_AFTER_S, Account, Address, Curve
from invoke_host.identity.login.tables import login_throttle
from invoke_host.storage import PreparedSelect, Storage, quick

#: Rows removed in one step of pruning.
STEP = 1000


@dataclass(frozen=True, slots=True)
class Ticket:
    """A try that is paid for: the keys that were charged, in their order."""

    keys: tuple[str, ...]


class Throttle:
    """The host's only one. Counters are in the database: a restart forgives nothing, several hosts count together."""

    def __init__(self, storage: Storage, clock: Clock, config: ThrottleConfig) -> None:
        self._storage = storage
        self._clock = clock
        self._account = Account(config.free_failures, config.longest_wait_s)
        self._address = Address(config.failures_per_address)

    async def check(self, keys: Sequence[str]) -> None:
        """Raise TooManyRequests, as `charge` would, without a write: under attack most tries end here."""
        now = self._clock.now().timestamp()
        _refuse(await self._storage.read(_longest_wait_s, keys, now))

    def charge(self, conn: Connection, keys: Sequence[str]) -> Ticket:
        """Count a failure in advance. Raises TooManyRequests while one of the keys has to wait."""
        now = self._clock.now().timestamp()
        ordered = tuple(sorted(keys))  # two tries never wait for each other in a circle
        rows = [conn.execute(_locked(conn.dialect.name), {"key_": key, "now": now}).one() for key in ordered]
        _refuse(max(_wait_s(*row, now=now) for row in rows))
        for key, (debt, updated_at, _) in zip(ordered, rows, strict=True):
            curve = self._curve(key)
            charged = curve.add(curve.left(debt, max(0.0, now - updated_at)))
            _store(conn, key, charged, now, now + curve.wait_s(charged))
        return Ticket(ordered)

    def succeeded(self, conn: Connection, ticket: Ticket) -> None:
        """The password was right: the account's (or device's) debt is forgotten, the address gets this try back."""
        for key in ticket.keys:
            if key.startswith("address:"):
                self._refund(conn, key)
            else:
                conn.execute(delete(login_throttle).where(login_throttle.c.key == key))

    def refund(self, conn: Connection, ticket: Ticket) -> None:
        """The password could not be looked at: as if it had not been tried."""
        for key in ticket.keys:
            self._refund(conn, key)

    def prune_task(self, interval_s: float = 3600.0) -> BackgroundTask:
        """Repeated work that removes what has been forgiven."""

        async def prune() -> None:
            while await self._storage.write(prune_step, self._clock.now().timestamp()) == STEP:
                pass

        return BackgroundTask("forget failed logins", prune, interval_s)

    def _refund(self, conn: Connection, key: str) -> None:
        row = conn.execute(_ROWS.where(login_throttle.c.key == key).with_for_update()).one_or_none()
        if row is None:
            return
        debt = max(0.0, row.debt - 1.0)
        _store(conn, key, debt, row.updated_at, row.updated_at + self._curve(key).wait_s(debt))

    def _curve(self, key: str) -> Curve:
        return self._address if key.startswith("address:") else self._account


def keys_of(name: str, address: str | None, device: str | None = None) -> tuple[str, ...]:
    """What a try of that name is charged to; `device` names the lane of the devices that the account is known on."""
    if device is not None:
        return (f"device:{device[:64]}:{name_hash(name)}",)
    return (f"account:{name_hash(name)}", address_key(address))


def name_hash(name: str) -> str:
    """32 hexadecimal digits that stand for a login name: names of strangers are not kept."""
    return hashlib.sha256(fold_login(name).encode(errors="surrogatepass")).hexdigest()[:32]


def address_key(address: str | None) -> str:
    """IPv4 addresses one by one, IPv6 by the /64 that one customer has; whatever is no address shares one key."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return "address:unknown"
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if isinstance(parsed, IPv4Address):
        return f"address:{parsed}"
    return f"address:{ip_network((parsed, 64), strict=False)}"


def prune_step(conn: Connection, now: float) -> int:
    """Remove some rows that mean nothing any more; how many."""
    old = (
        select(login_throttle.c.key)
        .where(login_throttle.c.updated_at < now - FORGOTTEN_AFTER_S, login_throttle.c.blocked_until < now)
        .order_by(login_throttle.c.updated_at)
        .limit(STEP)
    )
    return conn.execute(delete(login_throttle).where(login_throttle.c.key.in_(old))).rowcount


_ROWS = select(login_throttle.c.debt, login_throttle.c.updated_at, login_throttle.c.blocked_until)
_ROW = PreparedSelect(_ROWS.where(login_throttle.c.key == bindparam("key_")))


@quick
def _longest_wait_s(conn: Connection, keys: Sequence[str], now: float) -> float:
    rows = [row for key in keys if (row := _ROW.first(conn, {"key_": key})) is not None]
    return max((_wait_s(*row, now=now) for row in rows), default=0.0)


def _wait_s(debt: float, updated_at: float, blocked_until: float, *, now: float) -> float:
    # A clock that was set back would make a wait of a second last for hours: then there is none, the debt stays.
    return 0.0 if updated_at > now else max(0.0, blocked_until - now)


def _refuse(wait_s: float) -> None:
    if wait_s > 0:
        after = math.ceil(wait_s)
        raise TooManyRequests(f"Too many failed logins, try again in {after} s", retry_after_s=after)


@lru_cache(2)
def _locked(dialect: str) -> Insert:
    """Make the row if there is none, lock it, and hand out what it says."""
    row = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(login_throttle).values(
        key=bindparam("key_"), debt=0.0, updated_at=bindparam("now"), blocked_until=0.0
    )
    same = row.on_conflict_do_update(index_elements=[login_throttle.c.key], set_={"debt": login_throttle.c.debt})
    return same.returning(login_throttle.c.debt, login_throttle.c.updated_at, login_throttle.c.blocked_until)


def _store(conn: Connection, key: str, debt: float, updated_at: float, blocked_until: float) -> None:
    values = {"debt": debt, "updated_at": updated_at, "blocked_until": blocked_until}
    conn.execute(update(login_throttle).where(login_throttle.c.key == key).values(values))
