"""Broken login providers, by the test that must find each: requests that carry who somebody is."""

from __future__ import annotations

from dataclasses import replace

from invoke_host.api import Authenticated, Identity
from tests.contracts.honest_provider import REJECTED, HonestProvider


class RejectsWhatIsNotItsOwn(HonestProvider):
    async def from_request(self, request):
        return await super().from_request(request) or REJECTED


class LetsGuestsIn(HonestProvider):
    async def from_request(self, request):
        if self.trusts(request) and "x-user" not in request.headers:
            return Authenticated(Identity(self.name, "guest"))
        return await super().from_request(request)


class BlankIsAGuest(HonestProvider):
    async def from_request(self, request):
        if self.trusts(request) and not request.headers.get("x-user", "guest").strip():
            return Authenticated(Identity(self.name, "guest"))
        return await super().from_request(request)


class TakesTheLastOfTwo(HonestProvider):
    async def from_request(self, request):
        headers = {name: value.rpartition(", ")[2] for name, value in request.headers.items()}
        return await super().from_request(replace(request, headers=headers))


class TakesTheFirstOfTwo(HonestProvider):
    async def from_request(self, request):
        headers = {name: value.partition(",")[0] for name, value in request.headers.items()}
        return await super().from_request(replace(request, headers=headers))


class CutsTheHeader(HonestProvider):
    async def from_request(self, request):
        headers = {name: value[:256].partition("alice")[1] or value for name, value in request.headers.items()}
        return await super().from_request(replace(request, headers=headers))


class CleansTheHeader(HonestProvider):
    async def from_request(self, request):
        headers = {name: "".join(filter(str.isalpha, value)) or value for name, value in request.headers.items()}
        return await super().from_request(replace(request, headers=headers))


class SubjectIsTheHeader(HonestProvider):
    async def from_request(self, request):
        outcome = await super().from_request(request)
        if isinstance(outcome, Authenticated):
            return Authenticated(replace(outcome.identity, subject=request.headers["x-user"]))
        return outcome


class BelievesAnybody(HonestProvider):
    def trusts(self, request):
        return True


class BelievesThePeerThatIsUnknown(HonestProvider):
    def trusts(self, request):
        return not request.peer or super().trusts(request)


class RejectsStrangers(HonestProvider):
    async def from_request(self, request):
        if "x-user" in request.headers and not self.trusts(request):
            return REJECTED
        return await super().from_request(request)


class BelievesTheClient(HonestProvider):
    def trusts(self, request):
        return super().trusts(replace(request, peer=request.client or request.peer))


class BelievesForwarding(HonestProvider):
    def trusts(self, request):
        return super().trusts(replace(request, peer=request.headers.get("x-forwarded-for", request.peer)))


#: Defect: the test that must find it.
KILLED_BY: dict[type[HonestProvider], str] = {
    RejectsWhatIsNotItsOwn: "test_a_request_without_its_credential_is_none",
    LetsGuestsIn: "test_a_good_request_without_the_header_is_none",
    BlankIsAGuest: "test_a_blank_header_is_nobody",
    TakesTheLastOfTwo: "test_a_header_given_twice_is_nobody",
    TakesTheFirstOfTwo: "test_a_header_given_twice_is_nobody",
    CutsTheHeader: "test_a_huge_header_is_nobody",
    CleansTheHeader: "test_a_hostile_header_is_never_somebody_else",
    SubjectIsTheHeader: "test_the_header_means_one_person_however_it_is_typed",
    BelievesAnybody: "test_the_credential_is_ignored_from_a_peer_that_is_not_trusted",
    BelievesThePeerThatIsUnknown: "test_the_credential_is_ignored_from_a_peer_that_is_not_trusted",
    RejectsStrangers: "test_the_credential_is_ignored_from_a_peer_that_is_not_trusted",
    BelievesTheClient: "test_only_who_holds_the_connection_is_a_peer",
    BelievesForwarding: "test_only_who_holds_the_connection_is_a_peer",
}
