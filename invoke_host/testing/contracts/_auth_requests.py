"""Auth-provider contract, part 3: requests that carry who somebody is, or pretend to."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from multidict import CIMultiDict

from invoke_host.api import Authenticated, AuthProvider, RequestView
from invoke_host.testing.contracts._auth_base import AuthSuite
from invoke_host.testing.contracts._auth_hostile import BLANK, HOSTILE, near_names, shown
from invoke_host.web.endpoint import LowerCaseHeaders

#: What any browser sends.
ORDINARY = {"host": "pictures.example.org", "user-agent": "Mozilla/5.0", "accept": "*/*", "cookie": "theme=dark"}


class AuthRequests(AuthSuite):
    """What the host relies on when it shows every request to the provider."""

    async def test_a_request_without_its_credential_is_none(self, provider: AuthProvider) -> None:
        """Also for a provider that looks at no request: anything else would stop the chain for everybody."""
        for headers in ({}, ORDINARY):
            for peer in ("192.0.2.7", "127.0.0.1", "::1", None):
                view = RequestView("GET", "/api/v1/images/", headers, peer, secure=False)
                outcome = await self.log_in(provider, view)
                assert outcome is None, f"nothing on the request, and the answer was {outcome!r}"

    async def test_a_good_request_without_the_header_is_none(self, provider: AuthProvider) -> None:
        """The trusted proxy also hands on callers that it does not know."""
        header = self.credential_header()
        bare = {name: value for name, value in self.good_request().headers.items() if name != header}
        assert await self.log_in(provider, replace(self.good_request(), headers=bare)) is None

    async def test_a_blank_header_is_nobody(self, provider: AuthProvider) -> None:
        """Proxies send an empty header for somebody who is not logged in."""
        for value in BLANK:
            await self._refuses_header(provider, value)

    async def test_a_header_given_twice_is_nobody(self, provider: AuthProvider) -> None:
        """One of the two came from the caller, and nobody can tell which."""
        header = self.credential_header()
        good = self.good_request().headers[header]
        for pair in ((good, "mallory"), ("mallory", good), (good, good), ("", good), (good, "")):
            others = [(name, value) for name, value in self.good_request().headers.items() if name != header]
            headers = LowerCaseHeaders(CIMultiDict([*others, *((header, value) for value in pair)]))
            outcome = await self.log_in(provider, replace(self.good_request(), headers=headers))
            assert not isinstance(outcome, Authenticated), f"twice in the request, and the answer was {outcome!r}"

    async def test_a_huge_header_is_nobody(self, provider: AuthProvider) -> None:
        """Refused before anything is done with it."""
        header = self.credential_header()
        good = self.good_request().headers[header]
        for value in ("x" * 1025, "x" * 1024 * 1024, good * 2000, good + " " * 100_000 + good):
            await self._refuses_header(provider, value)

    async def test_a_hostile_header_is_never_somebody_else(self, provider: AuthProvider) -> None:
        """Whatever stands in it, the provider does not raise and does not take it for the good one."""
        good = self.good_request().headers[self.credential_header()]
        subject = (await self.authenticated(provider, self.good_request())).subject
        for value in HOSTILE + near_names(good):
            outcome = await self.log_in(provider, self._with(value))
            same = isinstance(outcome, Authenticated) and outcome.identity.subject == subject
            assert not same, f"{shown(value)} is taken for the good header"

    async def test_the_header_means_one_person_however_it_is_typed(self, provider: AuthProvider) -> None:
        """In other case it is the same subject or nobody; a second subject would be a second account."""
        header = self.credential_header()
        good = self.good_request().headers[header]
        subject = (await self.authenticated(provider, self.good_request())).subject
        for value in (good.upper(), good.title(), good.swapcase()):
            outcome = await self.log_in(provider, self._with(value))
            if isinstance(outcome, Authenticated):
                assert outcome.identity.subject == subject, f"{value!r} is another subject than {good!r}"

    async def test_the_credential_is_ignored_from_a_peer_that_is_not_trusted(self, provider: AuthProvider) -> None:
        """Anybody can send a header. Set `untrusted_peer = None` only for a credential that proves itself."""
        good = self.good_request()
        if self.untrusted_peer is None:
            self.lacks("trusted peers", "untrusted_peer")
        for peer in (self.untrusted_peer, None, "", "proxy.example.org", f"{good.peer},{self.untrusted_peer}"):
            outcome = await self.log_in(provider, replace(good, peer=peer))
            assert outcome is None, f"from the peer {peer!r}, and the answer was {outcome!r}"

    async def test_only_who_holds_the_connection_is_a_peer(self, provider: AuthProvider) -> None:
        """`client` and forwarding headers are what somebody said; they make nobody trusted."""
        good = self.good_request()
        if self.untrusted_peer is None or good.peer is None:
            self.lacks("trusted peers", "untrusted_peer")
        said = {"x-forwarded-for": good.peer, "x-real-ip": good.peer, "forwarded": f"for={good.peer}"}
        headers = MappingProxyType({**good.headers, **said})
        outcome = await self.log_in(
            provider, replace(good, headers=headers, peer=self.untrusted_peer, client=good.peer)
        )
        assert outcome is None, f"a stranger who names the trusted peer is believed: {outcome!r}"

    def _with(self, value: str) -> RequestView:
        good = self.good_request()
        return replace(good, headers=MappingProxyType({**good.headers, self.credential_header(): value}))

    async def _refuses_header(self, provider: AuthProvider, value: str) -> None:
        outcome = await self.log_in(provider, self._with(value))
        assert not isinstance(outcome, Authenticated), f"the header {shown(value)} authenticates"
