"""Asking plugins whether images may be enqueued: in order, in time, and closed where one of them fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from structlog.typing import FilteringBoundLogger

from invoke_host.api import (
    AdmissionRequest,
    Forbidden,
    InvokeHostError,
    JobAdmission,
    Refusal,
    ServiceUnavailable,
    TooManyRequests,
)
from invoke_host.plugins.bounded import bounded, say
from invoke_host.plugins.loaded import Outcome

#: Longest time for one plugin's word; a person waits for the answer.
ADMIT_TIMEOUT_S = 2.0

#: Longest message of a plugin that goes into an answer.
_LONGEST = 1000


class JobAdmissions:
    """The `JobAdmission`s of all plugins as one question."""

    def __init__(
        self,
        admissions: Iterable[Outcome[JobAdmission]],
        log: FilteringBoundLogger,
        *,
        timeout_s: float = ADMIT_TIMEOUT_S,
    ) -> None:
        self._admissions = tuple(admissions)
        self._log = log
        self._timeout_s = timeout_s

    @property
    def asked(self) -> bool:
        """False if no plugin has a word here, so that nobody needs to prepare the question."""
        return bool(self._admissions)

    async def admit(self, request: AdmissionRequest) -> None:
        """Return if nobody objects.

        Raises:
            TooManyRequests, Forbidden: a plugin refuses; the text is its own.
            ServiceUnavailable: a plugin failed or took too long, and nobody may decide in its place.
        """
        for each in self._admissions:
            try:
                answer = await bounded(each.value.admit(request), self._timeout_s)
                if answer is not None:
                    _check(answer)
            except Exception as error:
                self._log.error(
                    "job_admission_failed", plugin=each.plugin, admission=each.value.name, reason=say(error)
                )
                raise ServiceUnavailable(
                    f"The plugin {each.plugin!r} has a word in what is enqueued and could not be asked, so nothing "
                    "was enqueued. Try again later; the log of the host says why it failed."
                ) from error
            if answer is not None:
                self._log.info("job_refused", user_id=request.actor.id, **_facts(each, answer))
                raise _refused(answer)


def _refused(refusal: Refusal) -> InvokeHostError:
    message = " ".join(refusal.message.split())[:_LONGEST]
    if refusal.retry_after_s is None:
        return Forbidden(message)
    return TooManyRequests(message, retry_after_s=max(1, refusal.retry_after_s))


def _facts(outcome: Outcome[JobAdmission], refusal: Refusal) -> Mapping[str, Any]:
    return MappingProxyType(
        {"plugin": outcome.plugin, "admission": outcome.value.name, "retry_after_s": refusal.retry_after_s}
    )


def _check(answer: object) -> None:
    if not isinstance(answer, Refusal):
        raise TypeError(f"answered {type(answer).__name__}, want Refusal or None")
    if not isinstance(answer.message, str) or not answer.message.strip():
        raise ValueError("refused without a message")
    wait_s = answer.retry_after_s
    if wait_s is not None and (not isinstance(wait_s, int) or isinstance(wait_s, bool)):
        raise TypeError(f"answered retry_after_s={wait_s!r}, want whole seconds or None")
