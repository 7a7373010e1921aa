"""The whole test file of a small plugin: what every plugin must keep, and what this one does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from invoke_hello import HelloConfig, HelloPlugin

from invoke_host.api import Event
from invoke_host.testing.contracts import ManifestContract
from invoke_host.testing.fakes import FakeHost


class TestManifest(ManifestContract):
    plugin = "hello"


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path, {"hello": HelloConfig(greeting="Good morning")})


@pytest.fixture
def plugin():
    return HelloPlugin()


def added(*names):
    return Event("images_changed", {"added": list(names), "deleted": [], "updated": []}, None, datetime.now(UTC), id=1)


async def test_everybody_who_is_logged_in_is_greeted_by_name(make_app, plugin, host):
    client = await make_app(plugin_routes={"hello": plugin.invoke_routes(host)})
    assert (await client.get("/x/hello/")).status == 401
    answer = await client.as_caller("alice").get("/x/hello/")
    assert answer.json() == {"text": "Good morning, Alice!", "pictures": 0}


async def test_new_pictures_are_counted_and_reported(plugin, host):
    await plugin.invoke_startup(host)
    await plugin.invoke_event(added("a.png", "b.png"))
    (task,) = plugin.invoke_background_tasks(host)
    await task.run()
    assert host.logged[-1] == {"event": "pictures_so_far", "pictures": 2, "log_level": "info"}
