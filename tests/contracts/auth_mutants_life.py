"""Broken login providers, by the test that must find each: what happens after the login."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

from invoke_host.api import Authenticated
from tests.contracts.honest_provider import REJECTED, HonestProvider


class WantsMoreThanTheHostKeeps(HonestProvider):
    async def refresh(self, identity):
        return await super().refresh(identity) if identity.display_name else REJECTED


class RefreshesAnybodys(HonestProvider):
    async def refresh(self, identity):
        return await super().refresh(replace(identity, provider=self.name))


class RefreshIsAlwaysGood(HonestProvider):
    async def refresh(self, identity):
        return Authenticated(identity) if identity.provider == self.name else REJECTED


class RefreshLooksForTheRowOnly(HonestProvider):
    async def refresh(self, identity):
        known = identity.provider == self.name and self.directory.row("subject", identity.subject)
        return Authenticated(identity) if known else REJECTED


class RemembersIdentities(HonestProvider):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.known = {}

    def identity(self, row):
        return self.known.setdefault(row.subject, super().identity(row))


class RemembersTheDead(HonestProvider):
    async def refresh(self, identity):
        known = identity.provider != self.name or self.directory.row("subject", identity.subject)
        return await super().refresh(identity) if known else Authenticated(identity)


class UnknownWhenDown(HonestProvider):
    async def find(self, column, key, deadline_s):
        with contextlib.suppress(OSError):
            return await super().find(column, key, deadline_s)


class RaisesWhenDown(HonestProvider):
    async def find(self, column, key, deadline_s):
        try:
            return await super().find(column, key, deadline_s)
        except OSError as error:
            raise RuntimeError("no directory") from error


class WaitsForEver(HonestProvider):
    async def find(self, column, key, deadline_s):
        return await super().find(column, key, 3600)


class WaitsAnewForEachPiece(HonestProvider):
    async def find(self, column, key, deadline_s):
        pieces = self.directory.pieces()
        with contextlib.suppress(StopAsyncIteration):
            while True:
                await asyncio.wait_for(anext(pieces), deadline_s)
        return self.directory.row(column, key)


class RejectsWhenDown(HonestProvider):
    async def refresh(self, identity):
        outcome = await super().refresh(identity)
        return outcome if isinstance(outcome, Authenticated) else REJECTED


class StaysDown(HonestProvider):
    broken = False

    async def find(self, column, key, deadline_s):
        if self.broken:
            raise ConnectionResetError
        try:
            return await super().find(column, key, deadline_s)
        except OSError:
            self.broken = True
            raise


class ClosesOnce(HonestProvider):
    async def close(self):
        assert self.pool is not None, "not open"
        self.pool.shutdown()
        self.pool = None


class ClosesWhatIsOpen(HonestProvider):
    async def close(self):
        assert self.pool is not None, "not open"
        self.pool.shutdown()


class KeepsItsThreads(HonestProvider):
    kept: ClassVar[list[ThreadPoolExecutor]] = []

    async def close(self):
        self.kept.append(self.pool)


class KeepsItsTasks(HonestProvider):
    kept: ClassVar[list[asyncio.Task]] = []

    async def open(self):
        await super().open()
        self.kept.append(asyncio.create_task(asyncio.Event().wait()))


class KeepsItsFiles(HonestProvider):
    kept: ClassVar[list] = []

    async def open(self):
        await super().open()
        self.kept.extend(open(__file__) for _ in range(3))  # noqa: PTH123, SIM115, ASYNC230 - what must not be


class SharesItsPool(HonestProvider):
    shared: ClassVar[ThreadPoolExecutor | None] = None

    async def open(self):
        if type(self).shared is None:
            type(self).shared = ThreadPoolExecutor(1)
        self.pool = self.shared

    async def close(self):
        await super().close()
        type(self).shared = None


#: Defect: the test that must find it.
KILLED_BY: dict[type[HonestProvider], str] = {
    WantsMoreThanTheHostKeeps: "test_a_good_identity_stays_good",
    RefreshesAnybodys: "test_an_identity_of_another_provider_is_rejected",
    RefreshIsAlwaysGood: "test_a_disabled_account_is_noticed",
    RefreshLooksForTheRowOnly: "test_a_disabled_account_is_noticed",
    RemembersTheDead: "test_a_deleted_account_is_noticed",
    RemembersIdentities: "test_a_lost_group_is_noticed",
    UnknownWhenDown: "test_a_backend_that_refuses_is_unavailable",
    RaisesWhenDown: "test_a_backend_that_refuses_is_unavailable",
    WaitsForEver: "test_a_silent_backend_is_unavailable_before_the_deadline",
    WaitsAnewForEachPiece: "test_a_slow_backend_is_unavailable_before_the_deadline",
    RejectsWhenDown: "test_a_backend_that_is_down_ends_no_session",
    StaysDown: "test_a_backend_that_comes_back_is_used_again",
    ClosesOnce: "test_closing_twice_is_harmless",
    ClosesWhatIsOpen: "test_closing_without_opening_is_harmless",
    KeepsItsThreads: "test_closing_releases_threads_and_files",
    KeepsItsTasks: "test_closing_releases_threads_and_files",
    KeepsItsFiles: "test_closing_releases_threads_and_files",
    SharesItsPool: "test_two_in_one_process_do_not_share_their_life",
}
