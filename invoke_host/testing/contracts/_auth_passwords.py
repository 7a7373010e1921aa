"""Auth-provider contract, part 1: names and passwords."""

from __future__ import annotations

import pytest

from invoke_host.api import Authenticated, AuthProvider, Rejected, fold_login
from invoke_host.testing.contracts._auth_base import AuthSuite
from invoke_host.testing.contracts._auth_hostile import BLANK, HOSTILE, near_names, near_passwords, shown

WRONG = "wr0ng-Pa55word-of-the-suite"


class AuthPasswords(AuthSuite):
    """What a login by password relies on. The host refuses some of these texts before; no provider may count on it."""

    async def test_a_wrong_password_is_rejected(self, provider: AuthProvider) -> None:
        """Not None: the next provider must not be asked about somebody whom this one knows."""
        name, _ = self.name_and_password()
        outcome = await self.log_in(provider, (name, WRONG))
        assert isinstance(outcome, Rejected), f"a wrong password, and the answer was {outcome!r}"

    async def test_an_unknown_name_is_none(self, provider: AuthProvider) -> None:
        """Not Rejected: that would keep the chain from asking the provider that knows the name."""
        _, password = self.name_and_password()
        for tried in (password, WRONG):
            outcome = await self.log_in(provider, (self.unknown, tried))
            assert outcome is None, f"an unknown name, and the answer was {outcome!r}"

    async def test_a_provider_without_passwords_knows_no_name(self, provider: AuthProvider) -> None:
        """It leaves the answer to the others of the chain."""
        if self.good is not None:
            pytest.skip(f"{type(self).__name__} sets `good`: the capability 'login by request alone' is not declared")
        for name in ("alice", "", self.unknown, *HOSTILE):
            assert await self.log_in(provider, (name, WRONG)) is None

    async def test_no_blank_password_authenticates(self, provider: AuthProvider) -> None:
        """A directory takes a bind without password for an anonymous one, which succeeds."""
        name, _ = self.name_and_password()
        await self._refuses(provider, [(name, password) for password in BLANK])

    async def test_no_hostile_password_authenticates(self, provider: AuthProvider) -> None:
        """Nor does any make the provider raise, or keep it busy."""
        name, _ = self.name_and_password()
        await self._refuses(provider, [(name, password) for password in HOSTILE])

    async def test_no_near_miss_of_the_password_authenticates(self, provider: AuthProvider) -> None:
        """Cut short, longer, in other case, with a NUL behind which a C library would not look."""
        name, password = self.name_and_password()
        await self._refuses(provider, [(name, near) for near in near_passwords(password)])

    async def test_no_hostile_name_authenticates(self, provider: AuthProvider) -> None:
        """With the right password of somebody else, or with a hostile one."""
        _, password = self.name_and_password()
        await self._refuses(provider, [(name, password) for name in BLANK + HOSTILE])
        await self._refuses(provider, [(text, text) for text in BLANK + HOSTILE])

    async def test_no_near_miss_of_the_name_authenticates(self, provider: AuthProvider) -> None:
        """Not by wildcard, filter, NUL or quote, even with the right password."""
        name, password = self.name_and_password()
        near = [each for each in near_names(name) if fold_login(each) != fold_login(name)]
        await self._refuses(provider, [(each, password) for each in near])

    async def test_a_name_means_one_person_however_it_is_typed(self, provider: AuthProvider) -> None:
        """In other case it is the same subject or nobody; a second subject would be a second account."""
        name, password = self.name_and_password()
        subject = (await self.authenticated(provider, (name, password))).subject
        for other in (name.upper(), name.title(), name.swapcase(), f" {name} "):
            outcome = await self.log_in(provider, (other, password))
            if isinstance(outcome, Authenticated):
                assert outcome.identity.subject == subject, f"{other!r} is another subject than {name!r}"

    async def _refuses(self, provider: AuthProvider, tries: list[tuple[str, str]]) -> None:
        """None and Rejected are refusals; Unavailable would tell the host that the backend is broken."""
        for name, password in tries:
            tried = f"name {shown(name)}, password {shown(password)}"
            try:
                outcome = await self.log_in(provider, (name, password))
            except AssertionError as error:
                raise AssertionError(f"{tried}: {error}") from None
            assert outcome is None or isinstance(outcome, Rejected), f"{tried}: the answer was {outcome!r}"
