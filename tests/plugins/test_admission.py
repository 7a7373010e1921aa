"""Plugins' word in what is enqueued: in order, in time, and nothing is let in where one of them fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from invoke_host.api import (
    AdmissionRequest,
    Forbidden,
    JobAdmission,
    PluginError,
    Refusal,
    ServiceUnavailable,
    TooManyRequests,
)
from invoke_host.plugins import JobAdmissions, Offers
from invoke_host.plugins.loaded import Outcome
from invoke_host.testing.contracts.job_admission import ALICE

REQUEST = AdmissionRequest(ALICE, "default", 3, 7.5, frozenset({"toy"}))


class Saying(JobAdmission):
    """Answers what it is given, raises it, or waits for ever."""

    name = "saying"

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[AdmissionRequest] = []

    async def admit(self, request: AdmissionRequest) -> Refusal | None:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer == "silence":
            await asyncio.Event().wait()
        answer: Refusal | None = self.answer
        return answer


@pytest.fixture
def admissions(log):
    def make(**said: Any) -> tuple[JobAdmissions, dict[str, Saying]]:
        made = {name: Saying(answer) for name, answer in said.items()}
        outcomes = [Outcome(name, admission) for name, admission in made.items()]
        return JobAdmissions(outcomes, log.logger, timeout_s=0.05), made

    return make


def failures(log) -> list[dict[str, Any]]:
    return [entry for entry in log.entries if entry["event"] == "job_admission_failed"]


async def test_without_plugins_nobody_is_asked(admissions):
    asking, _ = admissions()
    assert not asking.asked
    await asking.admit(REQUEST)


async def test_what_nobody_objects_to_is_let_in_and_all_were_asked_the_same(admissions):
    asking, made = admissions(one=None, two=None)
    assert asking.asked
    await asking.admit(REQUEST)
    assert [each.asked for each in made.values()] == [[REQUEST], [REQUEST]]


async def test_the_first_refusal_counts_and_nobody_after_it_is_asked(admissions):
    asking, made = admissions(one=None, two=Refusal("No\n more  today.", 60), three=Refusal("never"))
    with pytest.raises(TooManyRequests) as caught:
        await asking.admit(REQUEST)
    assert (caught.value.detail, caught.value.headers) == ("No more today.", {"Retry-After": "60"})
    assert made["three"].asked == []


async def test_a_refusal_without_a_time_is_forbidden(admissions):
    asking, _ = admissions(one=Refusal("These words are not for us."))
    with pytest.raises(Forbidden, match="These words are not for us"):
        await asking.admit(REQUEST)


async def test_nobody_is_told_to_come_back_at_once(admissions):
    asking, _ = admissions(one=Refusal("later", 0))
    with pytest.raises(TooManyRequests) as caught:
        await asking.admit(REQUEST)
    assert caught.value.headers == {"Retry-After": "1"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ConnectionError("no route to host"), "ConnectionError: no route to host"),
        ("silence", "no answer within 0.05 s"),
        (True, "TypeError: answered bool, want Refusal or None"),
        (Refusal("  "), "ValueError: refused without a message"),
        (Refusal("x", 1.5), "TypeError: answered retry_after_s=1.5"),  # type: ignore[arg-type]
        (Refusal(None), "ValueError: refused without a message"),  # type: ignore[arg-type]
    ],
)
async def test_one_that_fails_keeps_everything_out_and_is_named(admissions, log, answer, reason):
    asking, made = admissions(broken=answer, fine=None)
    with pytest.raises(ServiceUnavailable, match="'broken' has a word in what is enqueued") as caught:
        await asking.admit(REQUEST)
    assert "no route" not in caught.value.detail, "the reason is for the log"
    (entry,) = failures(log)
    assert (entry["plugin"], entry["admission"]) == ("broken", "saying")
    assert entry["reason"].startswith(reason)
    assert made["fine"].asked == []


ADMISSION = """
class Never(JobAdmission):
    name = "never"
    {kind} admit(self, request): return Refusal("never")
@hookimpl
def invoke_admit_job(host): return [Never()]
"""


async def test_plugins_hand_them_out_in_the_order_of_the_configuration(distributions, load_plugins, host, log):
    for name in ("zoo", "acme"):
        distributions.add(name, ADMISSION.format(kind="async def"))
    found = Offers(load_plugins("zoo", "acme"), host).job_admissions()
    assert [outcome.plugin for outcome in found] == ["zoo", "acme"]
    with pytest.raises(Forbidden):
        await JobAdmissions(found, log.logger).admit(REQUEST)


def test_one_that_can_not_be_awaited_stops_the_start(distributions, load_plugins, host):
    distributions.add("acme", ADMISSION.format(kind="def"))
    with pytest.raises(PluginError, match="its method admit must be `async def`"):
        Offers(load_plugins("acme"), host).job_admissions()
