"""From a request to its caller: the host's own credentials first, then the chosen providers in order; fails closed.

A provider that raises, runs out of time or answers nonsense is unavailable, never "not mine": otherwise a broken
directory would let the next provider decide. Who an identity is in this host is `resolve`'s business.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal

from structlog.typing import FilteringBoundLogger

from invoke_host.api import (
    ANONYMOUS,
    Actor,
    Authenticated,
    AuthOutcome,
    AuthProvider,
    Identity,
    NotAuthenticated,
    Rejected,
    RequestView,
    ServiceUnavailable,
    StartupError,
    Unavailable,
)
from invoke_host.identity.credentials import CHALLENGE, STRANGER, Caller, Credentials, StaleCookieError
from invoke_host.identity.none import SYSTEM_ACTOR, SYSTEM_IDENTITY
from invoke_host.identity.promptly import within

#: Longest time one provider may take to judge a request.
PROVIDER_TIMEOUT_S = 5.0
#: Longest time one provider may take to open or close.
LIFECYCLE_TIMEOUT_S = 30.0

Resolve = Callable[[Identity], Awaitable[Actor]]


async def only_system(identity: Identity) -> Actor:
    """The resolver of a host without user accounts: knows the local administrator of single-user mode, nobody else."""
    if identity == SYSTEM_IDENTITY:
        return SYSTEM_ACTOR
    raise NotAuthenticated("this host keeps no user accounts")


class Authenticator:
    """The provider chain. `failures` counts, by provider, how often one could not answer.

    `credentials` judges sessions and API tokens, which come before all providers; None in single-user mode.
    """

    def __init__(
        self,
        providers: Sequence[AuthProvider],
        *,
        log: FilteringBoundLogger,
        on_unavailable: Literal["stop", "next"] = "stop",
        timeout_s: float = PROVIDER_TIMEOUT_S,
        resolve: Resolve = only_system,
        credentials: Credentials | None = None,
    ) -> None:
        self.providers = tuple(providers)
        self.credentials = credentials
        self.failures: Counter[str] = Counter()
        self._log = log
        self._on_unavailable = on_unavailable
        self._timeout_s = timeout_s
        self._resolve = resolve

    @property
    def single_user(self) -> bool:
        """True when there is no login: the only provider is `none`."""
        return [provider.name for provider in self.providers] == ["none"]

    @property
    def judges_requests(self) -> bool:
        """True when a provider recognises callers by the request alone, without login: none, or a proxy's header."""
        return any(type(provider).from_request is not AuthProvider.from_request for provider in self.providers)

    def check_bind(self, host: str) -> None:
        """Raise StartupError if a provider refuses to serve on that address."""
        for provider in self.providers:
            if reason := provider.check_bind(host):
                raise StartupError(f"login provider {provider.name!r} refuses to serve on {host!r}: {reason}")

    async def open(self) -> None:
        """Open all providers in order. Raises StartupError naming the one that fails; those opened are closed again."""
        opened: list[AuthProvider] = []
        for provider in self.providers:
            try:
                async with asyncio.timeout(LIFECYCLE_TIMEOUT_S):
                    await provider.open()
            except Exception as error:
                await self._close(reversed(opened))
                raise StartupError(f"login provider {provider.name!r} could not be opened: {_say(error)}") from error
            opened.append(provider)

    async def close(self) -> None:
        """Close all providers in reverse order; a failure is logged and the others go on."""
        await self._close(reversed(self.providers))

    async def caller(self, view: RequestView) -> Caller:
        """Who is calling, and by what they were recognised; STRANGER when there is no credential.

        A stale cookie leaves the word to the providers: a proxy that vouches for the user needs no cookie.

        Raises:
            NotAuthenticated: there is a credential, and it is not good.
            ServiceUnavailable: as `actor`.
        """
        stale: StaleCookieError | None = None
        if self.credentials is not None:
            try:
                found = await self.credentials.caller(view)
            except StaleCookieError as error:
                stale = error
            else:
                if found is not None:
                    return found
        actor = await self.actor(view)
        if not actor.is_anonymous:
            return Caller(actor, "none" if actor.provider == "none" else "provider")
        if stale is not None:
            raise stale
        return STRANGER

    async def actor(self, view: RequestView) -> Actor:
        """Whom the providers recognise on the request itself; ANONYMOUS when none finds a credential of its own.

        Raises:
            NotAuthenticated: a provider found its credential and refused it.
            ServiceUnavailable: a provider could not answer, and the chain stops there or nobody after it answered.
        """
        unavailable: Unavailable | None = None
        for provider in self.providers:
            outcome = await self._ask(provider, view)
            if outcome is None:
                continue
            if isinstance(outcome, Authenticated):
                return await self._resolve(outcome.identity)
            if isinstance(outcome, Rejected):
                raise NotAuthenticated("the credential is not accepted", headers=CHALLENGE)
            unavailable = outcome
            if self._on_unavailable == "stop":
                break
        if unavailable is None:
            return ANONYMOUS
        raise ServiceUnavailable(
            "login can't be checked at the moment", retry_after_s=math.ceil(unavailable.retry_after_s or 5)
        )

    async def _ask(self, provider: AuthProvider, view: RequestView) -> AuthOutcome | None:
        try:
            outcome = await within(self._timeout_s, provider.from_request(view))
            if outcome is None or isinstance(outcome, (Rejected, Unavailable)):
                reason = None
            elif not isinstance(outcome, Authenticated):
                reason = f"answered {type(outcome).__name__}, want an AuthOutcome or None"
            elif outcome.identity.provider != provider.name:
                reason = f"answered with an identity of provider {outcome.identity.provider!r}"
            else:
                return outcome
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises, the chain must fail closed
            reason = _say(error)
        if reason is not None:
            self.failures[provider.name] += 1
            self._log.error("auth_provider_failed", provider=provider.name, reason=reason)
            return Unavailable("provider_error")
        return outcome

    async def _close(self, providers: Iterable[AuthProvider]) -> None:
        for provider in providers:
            try:
                async with asyncio.timeout(LIFECYCLE_TIMEOUT_S):
                    await provider.close()
            except Exception as error:  # noqa: BLE001 - one provider must not keep the others open
                self._log.error("auth_provider_close_failed", provider=provider.name, reason=_say(error))


def _say(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "took too long"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
