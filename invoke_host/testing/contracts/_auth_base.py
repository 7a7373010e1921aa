"""What the parts of the auth-provider suite share: what a test class sets, how a provider is asked, and named skips."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ClassVar, NoReturn

import pytest
import pytest_asyncio

from invoke_host.api import Authenticated, AuthOutcome, AuthProvider, Identity, LoginContext, RequestView, Secret

#: What somebody logs in with: name and password, or a request that carries who they are.
Credential = tuple[str, str] | RequestView
MakeProvider = Callable[[], AuthProvider]
#: As `HostView.write`: runs a unit of work in a transaction that is committed unless the unit raises.
Write = Callable[..., Awaitable[Any]]

#: What a provider may take beyond the deadline that it was given, in seconds: a scheduler's whim, not another wait.
SLACK_S = 0.5


class AuthSuite:
    """What a test class of a provider sets. A hook that is not overridden skips its tests, and the skip names it."""

    #: Name and password of somebody who may log in; None for a provider that has no passwords. The password must be a
    #: word that no log would contain by chance.
    good: ClassVar[tuple[str, str] | None] = None
    #: A name that nobody has.
    unknown: ClassVar[str] = "nobody-of-that-name@example.org"
    #: The lower-case name of the header that says who calls; None where a request tells it in another way.
    header: ClassVar[str | None] = None
    #: An address whose requests are believed nothing; None if the credential proves itself, whoever sends it.
    untrusted_peer: ClassVar[str | None] = "203.0.113.9"
    #: Words besides the password of `good` that must never show: the password to a directory, a token.
    secrets: ClassVar[tuple[str, ...]] = ()
    #: The time a login may take, in seconds; the provider is told.
    deadline_s: ClassVar[float] = 1.0

    @pytest.fixture
    def make_provider(self) -> MakeProvider | None:
        """Override this or `provider`: each call returns a new provider, not open, on one and the same backend."""
        return None

    @pytest_asyncio.fixture
    async def provider(self, make_provider: MakeProvider | None) -> AsyncIterator[AuthProvider]:
        """Override this or `make_provider`: a provider that is open, and knows `good` and who is in `good_request`."""
        if make_provider is None:
            raise NotImplementedError("override the fixture `make_provider` or `provider`")
        provider = make_provider()
        await provider.open()
        yield provider
        await provider.close()

    @pytest_asyncio.fixture
    async def full_cost_provider(self, provider: AuthProvider) -> AuthProvider:
        """Override this if `provider` hashes more cheaply than in operation: the same at an operator's cost."""
        return provider

    @pytest.fixture
    def write(self) -> Write | None:
        """Override this for a provider with `accounts`: `write(unit)` of the storage in which it keeps them."""
        return None

    def good_request(self) -> RequestView:
        """A request that carries a good credential of this provider, from a peer that it trusts."""
        self.lacks("login by request", "good_request")

    async def many(self, count: int) -> Sequence[Credential]:
        """Make that many people, each in a group of their own where there are groups; needless with `accounts`."""
        self.lacks("people made by tests", "many")

    async def disable(self, login: str) -> None:
        """Disable the account at the backend, behind the provider's back."""
        self.lacks("disabled accounts", "disable")

    async def delete(self, login: str) -> None:
        """Delete the account at the backend."""
        self.lacks("deleted accounts", "delete")

    async def leave_group(self, login: str) -> str:
        """Take the account out of one of its groups at the backend; the group's name as the provider tells it."""
        self.lacks("groups", "leave_group")

    async def rename_display(self, login: str) -> None:
        """Give the account another display name at the backend."""
        self.lacks("display names that change", "rename_display")

    async def backend_down(self) -> None:
        """From now on the backend refuses connections, and those that were open break."""
        self.lacks("a backend that can fail", "backend_down")

    async def backend_silent(self) -> None:
        """From now on the backend takes connections and never says anything."""
        self.lacks("a backend that can fall silent", "backend_silent")

    async def backend_slow(self) -> None:
        """From now on the backend's answers trickle, so that none is complete in time."""
        self.lacks("a backend that can be slow", "backend_slow")

    async def backend_up(self) -> None:
        """The backend works as in the beginning."""
        self.lacks("a backend that comes back", "backend_up")

    def lacks(self, capability: str, hook: str) -> NoReturn:
        """Skip the test by the name of what is missing."""
        pytest.skip(f"{type(self).__name__} does not declare the capability {capability!r}: it overrides no `{hook}`")

    def overrides(self, hook: str) -> bool:
        """Whether the test class has its own version of a hook."""
        return getattr(type(self), hook) is not getattr(AuthSuite, hook)

    def name_and_password(self) -> tuple[str, str]:
        """`good`, or a skip for a provider that has no passwords."""
        if self.good is None:
            self.lacks("login by password", "good")
        return self.good

    def credential_header(self) -> str:
        """`header`, or a skip for a provider that no header tells who calls."""
        self.good_request()
        if self.header is None:
            self.lacks("a header that says who calls", "header")
        return self.header

    def credentials(self) -> list[Credential]:
        """All kinds of good credentials that the test class has."""
        found: list[Credential] = [] if self.good is None else [self.good]
        if self.overrides("good_request"):
            found.append(self.good_request())
        assert found, "set `good = (name, password)` or override `good_request()`"
        return found

    async def log_in(self, provider: AuthProvider, credential: Credential) -> AuthOutcome | None:
        """Ask the provider, as the host does; raising and missing the deadline fail the test."""
        if isinstance(credential, RequestView):
            return await self.promptly(provider.from_request(credential))
        name, password = credential
        context = LoginContext(peer="192.0.2.7", deadline_s=self.deadline_s)
        return await self.promptly(provider.from_password(name, Secret(password), context))

    async def authenticated(self, provider: AuthProvider, credential: Credential) -> Identity:
        """Who the provider says it is; fails unless it authenticates."""
        outcome = await self.log_in(provider, credential)
        assert isinstance(outcome, Authenticated), f"good credentials, and the answer was {outcome!r}"
        return outcome.identity

    async def refreshed(self, provider: AuthProvider, identity: Identity) -> AuthOutcome:
        """Ask about an identity as the host keeps it: provider, subject and login, no more."""
        outcome = await self.promptly(provider.refresh(Identity(identity.provider, identity.subject, identity.login)))
        assert outcome is not None, "refresh answers None; it must decide"
        return outcome

    async def promptly(self, answer: Awaitable[AuthOutcome | None]) -> AuthOutcome | None:
        """The answer, which must come before the deadline and must not be an exception."""
        try:
            async with asyncio.timeout(self.deadline_s + SLACK_S) as limit:
                return await answer
        except Exception as error:  # noqa: BLE001 - whatever it raises breaks the contract
            # Without the error's text and chain: they could hold the password, and this stands in public build logs.
            said = f"no answer in {self.deadline_s:g} s" if limit.expired() else f"it raised {type(error).__name__}"
            where = f", at {_place(error)}" if not limit.expired() else ""
        raise AssertionError(said + where)


def typed(identity: Identity, credential: Credential) -> str:
    """The name to use for somebody at the backend: the one that was typed, else the one that the provider told."""
    return identity.login or identity.subject if isinstance(credential, RequestView) else credential[0]


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
