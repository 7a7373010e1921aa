"""Errors that nobody foresaw: the hub and its relay log them, show them in their health, and go on."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection, func, select, update
from structlog.testing import capture_logs

from invoke_host.api import Event
from invoke_host.events.hub import EventHub
from invoke_host.events.relay import Relay
from invoke_host.events.tables import outbox as outbox_table
from invoke_host.storage import Storage
from tests.events.conftest import ALICE, append_all
from tests.events.test_hub import eventually, take


def spoil(conn: Connection, payload: str) -> None:
    """Make the newest event one that can't be read, or can again."""
    newest = select(func.max(outbox_table.c.id)).scalar_subquery()
    conn.execute(update(outbox_table).where(outbox_table.c.id == newest).values(payload=payload))


async def test_an_unforeseen_error_is_logged_with_an_id_shows_in_health_and_does_not_end_the_hub(
    hub: EventHub, storage: Storage
) -> None:
    assert (await hub.health()).status == "ok"
    with await hub.subscribe(ALICE) as subscription:
        with capture_logs() as logs:
            await storage.write(append_and_spoil)
            await eventually(lambda: any("error_id" in line for line in logs))
        health = await hub.health()
        assert health.status == "degraded"
        assert any(line.get("error_id", "-") in health.detail for line in logs)

        await storage.write(spoil, '{"number": 1}')

        assert [event.payload for event in await take(subscription, 1)] == [{"number": 1}]
    await hub._dispatch_new()
    await eventually(lambda: not hub._trouble)
    assert (await hub.health()).status == "ok"


def append_and_spoil(conn: Connection) -> None:
    append_all(conn, 1, "alice", "images_changed", 1)
    spoil(conn, "{not JSON")


async def test_the_relay_survives_an_unforeseen_error_and_loses_no_event(storage: Storage) -> None:
    heard: list[int] = []

    async def listening(event: Event) -> None:
        heard.append(event.payload["number"])

    relay = Relay(storage, structlog.get_logger(), again_s=0.01)
    relay.listen(listening)
    relay.start(0)
    try:
        await storage.write(append_and_spoil)
        with capture_logs() as logs:
            relay.advance(1)
            await eventually(lambda: any("error_id" in line for line in logs))
        assert relay.alive
        assert "telling plugins of events failed" in relay.trouble
        await storage.write(spoil, '{"number": 1}')

        await eventually(lambda: heard == [1] and not relay.trouble)
    finally:
        await relay.stop()


async def test_a_hub_whose_tasks_have_ended_has_failed(hub: EventHub) -> None:
    await hub._relay.stop()

    health = await hub.health()

    assert (health.status, health.detail) == ("failed", "events are not sent any more; restart the host")
