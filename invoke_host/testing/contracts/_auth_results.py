"""Auth-provider contract, part 2: what comes out of a good login, and what must never come out."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import cast
from urllib.parse import quote

import pytest

from invoke_host.api import AuthProvider, Identity, Secret
from invoke_host.testing.contracts._auth_base import AuthSuite, Credential, Write, typed
from invoke_host.testing.contracts._auth_hostile import HOSTILE
from invoke_host.testing.contracts._auth_passwords import WRONG
from invoke_host.testing.contracts._auth_people import make_people
from invoke_host.testing.loop import watched_loop

PEOPLE = 20
ROUNDS = 3
#: What the host's table of identities holds.
SUBJECT_LENGTH = 255


class AuthResults(AuthSuite):
    """What the host relies on when somebody is authenticated."""

    async def test_good_credentials_are_authenticated_under_the_providers_own_name(
        self, provider: AuthProvider
    ) -> None:
        """And with a subject that the host can store; an identity of another provider is not believed."""
        for credential in self.credentials():
            identity = await self.authenticated(provider, credential)
            assert identity.provider == provider.name
            assert identity.subject.strip(), "the subject is blank"
            assert len(identity.subject) <= SUBJECT_LENGTH, f"the subject has over {SUBJECT_LENGTH} characters"

    async def test_the_subject_is_the_same_at_every_login(self, provider: AuthProvider) -> None:
        """It is the key of the account in this host."""
        for credential in self.credentials():
            first, second = [await self.authenticated(provider, credential) for _ in range(2)]
            assert first.subject == second.subject

    async def test_the_subject_outlives_a_new_display_name(self, provider: AuthProvider) -> None:
        """Names change, accounts stay."""
        for credential in self.credentials():
            before = await self.authenticated(provider, credential)
            await self.rename_display(typed(before, credential))
            after = await self.authenticated(provider, credential)
            assert after.subject == before.subject
            assert after.display_name != before.display_name, "the new display name does not show"

    async def test_a_result_can_not_be_changed(self, provider: AuthProvider) -> None:
        """It is kept and passed on: what changes it later would change who somebody is."""
        for credential in self.credentials():
            identity = await self.authenticated(provider, credential)
            assert type(identity) is Identity
            assert isinstance(identity.groups, frozenset), f"groups is a {type(identity.groups).__name__}"
            claims: Mapping[str, str] = identity.claims
            assert not isinstance(claims, MutableMapping), f"claims is a {type(claims).__name__}"
            if isinstance(claims, MappingProxyType):
                continue
            with pytest.raises(TypeError):
                cast("MutableMapping[str, str]", claims)["added"] = "later"

    async def test_twenty_people_at_once_never_mix(self, provider: AuthProvider, write: Write | None) -> None:
        """Each gets their own subject and groups, whoever else logs in meanwhile."""
        people = await self._people(provider, write)
        alone = [await self.authenticated(provider, credential) for credential in people]
        assert len({identity.subject for identity in alone}) == len(people), "two people have one subject"
        crowd = [(index, people[index]) for _ in range(ROUNDS) for index in range(len(people))]
        crowd.sort(key=lambda each: each[0] * 7 % 11)  # neighbors in time are strangers, and somebody comes twice
        together = await asyncio.gather(*(self.authenticated(provider, credential) for _, credential in crowd))
        for (index, _), identity in zip(crowd, together, strict=True):
            assert identity == alone[index], "logged in together with others, somebody is not who they are alone"

    async def test_no_secret_shows(
        self, provider: AuthProvider, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Neither in logs of any level nor on the terminal, nor where the provider or its answer is printed."""
        said = [repr(provider), str(provider)]
        with caplog.at_level("DEBUG"):
            for credential in [*self.credentials(), *self._failing()]:
                outcome = await self.log_in(provider, credential)
                said += [repr(outcome), str(outcome)]
            if self.overrides("backend_down"):
                await self.backend_down()
                said += [repr(await self.log_in(provider, credential)) for credential in self.credentials()]
        said += [caplog.text, *(repr(record.__dict__) for record in caplog.records), *capfd.readouterr()]
        text = "\n".join(said)
        for secret in (*self.secrets, WRONG, *([] if self.good is None else [self.good[1]])):
            for form in _forms(secret):
                assert form not in text, "a password or another secret shows in a log, a repr or an answer"

    async def test_the_event_loop_is_never_blocked(
        self, provider: AuthProvider, full_cost_provider: AuthProvider
    ) -> None:
        """Nobody waits while somebody logs in: not for a hash, a lookup, or a text that takes long to judge."""
        async with watched_loop():
            # First, because a login at full cost may make the stored hash an expensive one.
            for name, password in () if self.good is None else (self.good,):
                for text in HOSTILE:
                    await self.log_in(provider, (name, text))
                    await self.log_in(provider, (text, password))
            for credential in [*self.credentials(), *self._failing()]:
                await self.log_in(full_cost_provider, credential)
            for credential in self.credentials():
                await self.refreshed(full_cost_provider, await self.authenticated(full_cost_provider, credential))

    def _failing(self) -> list[tuple[str, str]]:
        return [] if self.good is None else [(self.good[0], WRONG), (self.unknown, WRONG)]

    async def _people(self, provider: AuthProvider, write: Write | None) -> list[Credential]:
        accounts = provider.accounts
        if accounts is not None and write is not None and not self.overrides("many"):
            return list(await make_people(accounts, write, PEOPLE))
        return list(await self.many(PEOPLE))


def _forms(secret: str) -> set[str]:
    """The secret as it is, and in what any reader turns back into it."""
    data = Secret(secret).reveal().encode()
    return {secret, quote(secret), data.hex(), base64.b64encode(data).decode().rstrip("=")}
