"""One question to a provider that may hang, raise, or talk nonsense: all of that is Unavailable, and ends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from structlog.typing import FilteringBoundLogger

from invoke_host.api import Authenticated, AuthOutcome, AuthProvider, Identity, Rejected, Unavailable

#: What one answer may take.
ANSWER_S = 30.0
#: Questions that a provider may leave unfinished, even after they were canceled, before it gets no more of them.
MOST_STUCK = 4


class Asker:
    """Asks one provider whether identities are still good."""

    def __init__(self, provider: AuthProvider, log: FilteringBoundLogger, *, answer_s: float = ANSWER_S) -> None:
        self._provider = provider
        self._log = log
        self._answer_s = answer_s
        self._open: set[asyncio.Task[AuthOutcome]] = set()

    async def ask(self, identity: Identity) -> AuthOutcome:
        """What the provider says; Unavailable if that can't be used."""
        if len(self._open) >= MOST_STUCK:
            return self._failed("does not end what it was asked")
        task = asyncio.create_task(self._refresh(identity))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            await asyncio.wait({task}, timeout=self._answer_s)
        finally:
            task.cancel()  # its end is not waited for: it may swallow this
        if not task.done():
            return self._failed("took too long")
        if task.cancelled():
            return self._failed("was canceled")
        if (error := task.exception()) is not None:
            return self._failed(f"raised {type(error).__name__}")  # the text is the plugin's, and may quote anything
        return self._judged(identity, task.result())

    async def _refresh(self, identity: Identity) -> AuthOutcome:
        return await self._provider.refresh(identity)

    def _judged(self, identity: Identity, outcome: AuthOutcome) -> AuthOutcome:
        if isinstance(outcome, Authenticated):
            known = outcome.identity
            if (known.provider, known.subject) != (identity.provider, identity.subject):
                return self._failed("answered about somebody else")
        elif not isinstance(outcome, (Rejected, Unavailable)):
            return self._failed("answered no AuthOutcome")
        return outcome

    def _failed(self, reason: str) -> Unavailable:
        self._log.error("auth_provider_failed", provider=self._provider.name, reason=reason)
        return Unavailable("provider_error")


async def all_of(*work: Coroutine[Any, Any, None]) -> None:
    """Run them at the same time; when one raises, so does this, and the others are canceled."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
