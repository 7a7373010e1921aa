"""Broken login providers, by the test that must find each: names and passwords."""

from __future__ import annotations

import fnmatch
from dataclasses import replace

from invoke_host.api import Authenticated, Rejected
from tests.contracts.auth_bench import PASSWORD, HonestProxy
from tests.contracts.honest_provider import BLANK, REJECTED, HonestProvider


class NoneForAWrongPassword(HonestProvider):
    async def from_password(self, name, password, context):
        outcome = await super().from_password(name, password, context)
        return None if isinstance(outcome, Rejected) else outcome


class IgnoresThePassword(HonestProvider):
    async def matches(self, row, password):
        return True


class RejectsTheUnknown(HonestProvider):
    async def from_password(self, name, password, context):
        return await super().from_password(name, password, context) or REJECTED


class RaisesOnTheUnknown(HonestProvider):
    async def from_password(self, name, password, context):
        outcome = await super().from_password(name, password, context)
        if outcome is None:
            raise KeyError(name)
        return outcome


class AnswersWithoutPasswords(HonestProxy):
    async def from_password(self, name, password, context):
        return REJECTED


class TakesABlankForAnonymous(HonestProvider):
    async def matches(self, row, password):
        return not password.strip(BLANK) or await super().matches(row, password)


class TakesASpaceForAnonymous(HonestProvider):
    async def matches(self, row, password):
        return password == "\u00a0" or await super().matches(row, password)


class RaisesOnNul(HonestProvider):
    async def matches(self, row, password):
        if "\0" in password:
            raise ValueError("embedded null byte")
        return await super().matches(row, password)


class RaisesOnHalfCharacters(HonestProvider):
    def derived(self, password, salt):
        password.encode()
        return super().derived(password, salt)


class TakesAStarForAnything(HonestProvider):
    async def matches(self, row, password):
        return fnmatch.fnmatchcase(PASSWORD, password) or await super().matches(row, password)


class ComparesTheStart(HonestProvider):
    async def matches(self, row, password):
        return await super().matches(row, password[: len(PASSWORD)])


class EndsThePasswordAtNul(HonestProvider):
    async def matches(self, row, password):
        return await super().matches(row, password.partition("\0")[0])


class AsksForAnyName(HonestProvider):
    def plausible(self, value):
        return True


class BelievesHugeNames(HonestProvider):
    def key(self, name):
        return "alice" if len(name) > 1000 else super().key(name)

    def plausible(self, value):
        return True


class LooksUpByPattern(HonestProvider):
    def key(self, name):
        return "alice" if fnmatch.fnmatchcase("alice", name.replace("%", "*")) else super().key(name)


class EndsTheNameAtNul(HonestProvider):
    def plausible(self, value):
        return super().plausible(value.replace("\0", ""))

    def key(self, name):
        return super().key(name.partition("\0")[0])


class SubjectIsWhatWasTyped(HonestProvider):
    async def from_password(self, name, password, context):
        outcome = await super().from_password(name, password, context)
        if isinstance(outcome, Authenticated):
            return Authenticated(replace(outcome.identity, subject=name))
        return outcome


#: Defect: the test that must find it.
KILLED_BY: dict[type[HonestProvider], str] = {
    NoneForAWrongPassword: "test_a_wrong_password_is_rejected",
    IgnoresThePassword: "test_a_wrong_password_is_rejected",
    RejectsTheUnknown: "test_an_unknown_name_is_none",
    RaisesOnTheUnknown: "test_an_unknown_name_is_none",
    AnswersWithoutPasswords: "test_a_provider_without_passwords_knows_no_name",
    TakesABlankForAnonymous: "test_no_blank_password_authenticates",
    TakesASpaceForAnonymous: "test_no_blank_password_authenticates",
    RaisesOnNul: "test_no_blank_password_authenticates",
    RaisesOnHalfCharacters: "test_no_hostile_password_authenticates",
    TakesAStarForAnything: "test_no_hostile_password_authenticates",
    ComparesTheStart: "test_no_near_miss_of_the_password_authenticates",
    EndsThePasswordAtNul: "test_no_near_miss_of_the_password_authenticates",
    AsksForAnyName: "test_no_hostile_name_authenticates",
    BelievesHugeNames: "test_no_hostile_name_authenticates",
    LooksUpByPattern: "test_no_near_miss_of_the_name_authenticates",
    EndsTheNameAtNul: "test_no_near_miss_of_the_name_authenticates",
    SubjectIsWhatWasTyped: "test_a_name_means_one_person_however_it_is_typed",
}
