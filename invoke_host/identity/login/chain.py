"""Asks the providers in order whether a name and a password belong together; fails closed.

A provider that raises, runs out of time or answers nonsense is unavailable, never "I do not know this name": otherwise
a broken directory would let the next provider decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from structlog.typing import FilteringBoundLogger

from invoke_host.api import Authenticated, AuthOutcome, AuthProvider, LoginContext, Rejected, Secret, Unavailable
from invoke_host.identity.outages import Outages
from invoke_host.identity.promptly import within


class PasswordChain:
    """The providers of this host, for logins with a password. `timeout_s` is for all of them together."""

    def __init__(
        self,
        providers: Sequence[AuthProvider],
        *,
        log: FilteringBoundLogger,
        on_unavailable: Literal["stop", "next"],
        timeout_s: float,
        outages: Outages | None = None,
    ) -> None:
        self._providers = tuple(providers)
        self._outages = outages
        self._log = log
        self._on_unavailable = on_unavailable
        self._timeout_s = timeout_s

    async def ask(self, name: str, password: Secret, peer: str | None) -> AuthOutcome | None:
        """The first opinion that counts. None: nobody knows the name, and everybody could be asked."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        unavailable: Unavailable | None = None
        for provider in self._providers:
            left_s = deadline - loop.time()
            outcome = await self._judgement(provider, name, password, LoginContext(peer, max(0.0, left_s)))
            if self._outages is not None:
                self._outages.heard(provider.name, outcome)
            if outcome is None:
                continue
            if not isinstance(outcome, Unavailable):
                return outcome
            unavailable = outcome
            if self._on_unavailable == "stop":
                break
        return unavailable

    async def _judgement(
        self, provider: AuthProvider, name: str, password: Secret, context: LoginContext
    ) -> AuthOutcome | None:
        try:
            outcome = await within(context.deadline_s, provider.from_password(name, password, context))
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises, the chain must fail closed
            # Its class only: the text is the plugin's, and may quote what somebody typed.
            reason = "took too long" if isinstance(error, TimeoutError) else f"raised {type(error).__name__}"
        else:
            if outcome is None or isinstance(outcome, (Rejected, Unavailable)):
                return outcome
            if not isinstance(outcome, Authenticated):
                reason = f"answered {type(outcome).__name__}, want an AuthOutcome or None"
            elif outcome.identity.provider != provider.name:
                reason = f"answered with an identity of provider {outcome.identity.provider!r}"
            else:
                return outcome
        self._log.error("auth_provider_failed", provider=provider.name, reason=reason)
        return Unavailable("provider_error")
