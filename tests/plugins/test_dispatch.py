"""The dispatcher by itself: gather, first and broadcast, with the three cases in which pluggy's own calls go wrong."""

from __future__ import annotations

import asyncio

import pytest

from invoke_host.api import HookFailed
from invoke_host.plugins.dispatch import Dispatcher
from invoke_host.plugins.loaded import Implementation

HOOK = "invoke_probe"


def nothing(plugin):
    return {"host": plugin}


@pytest.fixture
def make(log):
    def dispatcher(**functions) -> Dispatcher:
        found = [Implementation(name, HOOK, function, frozenset({"host"})) for name, function in functions.items()]
        return Dispatcher({HOOK: found}, log.logger)

    return dispatcher


async def abstain(host):
    await asyncio.sleep(0)


async def answer(host):
    return f"answer of {host}"


async def fail(host):
    raise ConnectionError("no route to host\nsecond line")


async def hang(host):
    await asyncio.Event().wait()


async def test_first_passes_by_a_plugin_that_abstains_asynchronously(make):
    outcome = await make(shy=abstain, bold=answer, late=fail).first(HOOK, nothing, timeout_s=5)
    assert (outcome.plugin, outcome.value) == ("bold", "answer of bold")


async def test_first_is_none_when_all_abstain(make):
    assert await make(shy=abstain, silent=abstain).first(HOOK, nothing, timeout_s=5) is None


@pytest.mark.parametrize(
    ("culprit", "reason"), [(fail, "ConnectionError: no route to host"), (hang, "no answer within")]
)
async def test_first_fails_closed_when_a_plugin_before_the_answer_fails(make, culprit, reason):
    with pytest.raises(HookFailed, match=reason) as raised:
        await make(broken=culprit, bold=answer).first(HOOK, nothing, timeout_s=0.01)
    assert (raised.value.plugin, raised.value.hook) == ("broken", HOOK)
    assert raised.value.__cause__ is not None


async def test_gather_keeps_none_and_the_right_names(make):
    outcomes = await make(shy=abstain, bold=answer).gather(HOOK, nothing, timeout_s=5)
    assert [(each.plugin, each.value) for each in outcomes] == [("shy", None), ("bold", "answer of bold")]


async def test_gather_stops_at_a_failure_without_starting_later_plugins(make):
    called = []

    async def later(host):
        called.append(host)

    with pytest.raises(HookFailed, match="plugin 'broken' failed"):
        await make(broken=fail, later=later).gather(HOOK, nothing, timeout_s=5)
    assert called == []


async def test_broadcast_reaches_everybody_and_logs_failures_with_plugin_names(make, log):
    heard = []

    async def listen(host):
        heard.append(host)

    failures = await make(broken=fail, silent=hang, good=listen).broadcast(HOOK, nothing, timeout_s=0.01)
    assert heard == ["good"]
    assert [each.plugin for each in failures] == ["broken", "silent"]
    assert [(entry["plugin"], entry["hook"]) for entry in log.events("hook_failed")] == [
        ("broken", HOOK),
        ("silent", HOOK),
    ]


async def test_a_plugin_that_swallows_its_cancellation_does_not_hold_up_the_host(make, monkeypatch):
    monkeypatch.setattr("invoke_host.plugins.bounded.CANCEL_GRACE_S", 0.01)
    release = asyncio.Event()

    async def stubborn(host):
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    failures = await make(stubborn=stubborn).broadcast(HOOK, nothing, timeout_s=0.01)
    assert [each.plugin for each in failures] == ["stubborn"]
    release.set()


async def test_canceling_the_caller_cancels_the_plugin_too(make):
    ended = asyncio.Event()
    started = asyncio.Event()

    async def long(host):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    call = asyncio.create_task(make(long=long).gather(HOOK, nothing, timeout_s=60))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended.is_set()
