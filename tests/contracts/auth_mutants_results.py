"""Broken login providers, by the test that must find each: good logins and what shows of them."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from invoke_host.testing.fakes import FakeHost
from tests.contracts.honest_provider import HonestProvider


class NamesAnother(HonestProvider):
    def identity(self, row):
        return replace(super().identity(row), provider="none")


class HandsOutNewSubjects(HonestProvider):
    count = itertools.count()

    def identity(self, row):
        return replace(super().identity(row), subject=f"s-{next(self.count)}")


class SubjectIsTheDisplayName(HonestProvider):
    def identity(self, row):
        return replace(super().identity(row), subject=row.display_name)


class HandsOutASet(HonestProvider):
    def identity(self, row):
        return replace(super().identity(row), groups={row.team})


class HandsOutADict(HonestProvider):
    def identity(self, row):
        return replace(super().identity(row), claims={"team": row.team})


class MixesUpPeople(HonestProvider):
    async def find(self, column, key, deadline_s):
        self.wanted = key
        await super().find(column, key, deadline_s)
        return self.directory.row(column, self.wanted)


class LeavesGroupsBehind(HonestProvider):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.groups = set()

    def identity(self, row):
        self.groups.add(row.team)
        return replace(super().identity(row), groups=frozenset(self.groups))


class LogsThePassword(HonestProvider):
    async def from_password(self, name, password, context):
        logging.getLogger("acme").debug("login of %s with %s", name, password.reveal())
        return await super().from_password(name, password, context)


class TellsTheHostsLog(HonestProvider):
    async def from_password(self, name, password, context):
        FakeHost(Path(), {}).log.info("login", password=password.reveal())
        return await super().from_password(name, password, context)


class PrintsThePassword(HonestProvider):
    async def from_password(self, name, password, context):
        print("bind", password.reveal().encode("utf-8", "surrogatepass").hex())
        return await super().from_password(name, password, context)


class RemembersThePassword(HonestProvider):
    last = ""

    async def from_password(self, name, password, context):
        self.last = password.reveal()
        return await super().from_password(name, password, context)

    def identity(self, row):
        return replace(super().identity(row), claims=MappingProxyType({"bind": self.last}))


class HashesOnTheLoop(HonestProvider):
    async def derive(self, password, salt):
        return self.derived(password, salt)


#: Defect: the test that must find it.
KILLED_BY: dict[type[HonestProvider], str] = {
    NamesAnother: "test_good_credentials_are_authenticated_under_the_providers_own_name",
    HandsOutNewSubjects: "test_the_subject_is_the_same_at_every_login",
    SubjectIsTheDisplayName: "test_the_subject_outlives_a_new_display_name",
    HandsOutASet: "test_a_result_can_not_be_changed",
    HandsOutADict: "test_a_result_can_not_be_changed",
    MixesUpPeople: "test_twenty_people_at_once_never_mix",
    LeavesGroupsBehind: "test_twenty_people_at_once_never_mix",
    LogsThePassword: "test_no_secret_shows",
    TellsTheHostsLog: "test_no_secret_shows",
    PrintsThePassword: "test_no_secret_shows",
    RemembersThePassword: "test_no_secret_shows",
    HashesOnTheLoop: "test_the_event_loop_is_never_blocked",
}
