"""Rows of the failure table about running plugins: startup, shutdown and events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from invoke_host.api import Event, PluginError, StartupError
from invoke_host.plugins import hooks

TRACE = """
REACHED = asyncio.Event()
@hookimpl
async def invoke_startup(host):
    host.root.joinpath("trace").open("a").write("+{name} ")
    {start}
@hookimpl
async def invoke_shutdown(host):
    host.root.joinpath("trace").open("a").write("-{name} ")
    {stop}
@hookimpl
async def invoke_event(host, event):
    host.root.joinpath("trace").open("a").write(f"{name}:{{event.kind}} ")
    {event}
"""

EVENT = Event("images_changed", {"added": ["x.png"]}, None, datetime(2026, 1, 1, tzinfo=UTC), id=1)
HANG = "await asyncio.Event().wait()"
RAISE = "raise OSError('{name} is broken')"


@pytest.fixture
def add(distributions):
    def make(name: str, start: str = "pass", stop: str = "pass", event: str = "pass") -> None:
        parts = {"start": start.format(name=name), "stop": stop.format(name=name), "event": event.format(name=name)}
        distributions.add(name, TRACE.format(name=name, **parts))

    return make


@pytest.fixture
def trace(host):
    return lambda: (host.root / "trace").read_text().split()


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr("invoke_host.plugins.registry.TIMEOUTS_S", dict.fromkeys(hooks.TIMEOUTS_S, 0.01))


def test_the_timeouts_are_those_that_the_reference_promises():
    assert hooks.TIMEOUTS_S == {"invoke_startup": 30.0, "invoke_shutdown": 10.0, "invoke_event": 5.0}


async def test_plugins_start_in_toml_order_and_shut_down_in_reverse(add, load_plugins, host, trace):
    add("b")
    add("a")
    registry = load_plugins("b", "a")
    await registry.startup(host)
    await registry.shutdown(host)
    assert trace() == ["+b", "+a", "-a", "-b"]


async def test_shutdown_twice_is_harmless(add, load_plugins, host, trace):
    add("a")
    registry = load_plugins("a")
    await registry.startup(host)
    await registry.shutdown(host)
    await registry.shutdown(host)
    assert trace() == ["+a", "-a"]


@pytest.mark.parametrize(("failure", "reason"), [(RAISE, "OSError: bad is broken"), (HANG, "no answer within")])
@pytest.mark.usefixtures("short")
async def test_startup_that_raises_or_exceeds_its_timeout_shuts_down_the_started_ones_in_reverse(
    add, load_plugins, host, trace, failure, reason
):
    add("one")
    add("two")
    add("bad", start=failure)
    add("never")
    with pytest.raises(StartupError, match=reason) as raised:
        await load_plugins("one", "two", "bad", "never").startup(host)
    assert isinstance(raised.value, PluginError)
    assert raised.value.plugin == "bad"
    assert trace() == ["+one", "+two", "+bad", "-two", "-one"]


async def test_a_start_that_is_interrupted_shuts_down_the_started_ones(add, load_plugins, host, trace):
    add("one")
    add("slow", start="REACHED.set()\n    " + HANG)
    registry = load_plugins("one", "slow")
    starting = asyncio.create_task(registry.startup(host))
    await asyncio.wait_for(registry.plugins[-1].object.REACHED.wait(), 5)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert trace() == ["+one", "+slow", "-one"]


@pytest.mark.parametrize("failure", [RAISE, HANG])
@pytest.mark.usefixtures("short")
async def test_shutdown_that_raises_or_hangs_is_logged_and_the_others_go_on(
    add, load_plugins, host, trace, log, failure
):
    add("one")
    add("bad", stop=failure)
    registry = load_plugins("one", "bad")
    await registry.startup(host)
    failures = await registry.shutdown(host)
    assert trace() == ["+one", "+bad", "-bad", "-one"]
    assert [each.plugin for each in failures] == ["bad"]
    assert log.events("hook_failed")[0]["plugin"] == "bad"


@pytest.mark.parametrize("failure", [RAISE, HANG])
@pytest.mark.usefixtures("short")
async def test_an_event_subscriber_that_raises_or_hangs_is_logged_and_the_others_hear_it(
    add, load_plugins, host, trace, log, failure
):
    add("bad", event=failure)
    add("one")
    registry = load_plugins("bad", "one")
    await registry.startup(host)
    await registry.broadcast_event(EVENT, host)
    assert trace()[2:] == ["bad:images_changed", "one:images_changed"]
    assert log.events("hook_failed")[0]["hook"] == "invoke_event"


async def test_events_reach_plugins_only_between_their_startup_and_their_shutdown(add, load_plugins, host, trace):
    add("one")
    registry = load_plugins("one")
    await registry.broadcast_event(EVENT, host)
    await registry.startup(host)
    await registry.broadcast_event(EVENT, host)
    await registry.shutdown(host)
    await registry.broadcast_event(EVENT, host)
    assert trace() == ["+one", "one:images_changed", "-one"]
