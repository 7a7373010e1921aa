"""Greets whoever asks and counts new pictures: one small use of each kind of hook."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from pydantic import Field

from invoke_host.api import (
    LOGGED_IN,
    BackgroundTask,
    Event,
    HostView,
    PluginConfig,
    PluginManifest,
    Route,
    actor_of,
    hookimpl,
    json_response,
)


class HelloConfig(PluginConfig):
    """The table `[plugins.hello]`."""

    greeting: str = Field("Hello", min_length=1)
    report_every_s: float = Field(600, gt=0)


class HelloPlugin:
    """The host makes one object of this class for itself, so that two hosts in one process share no counter."""

    manifest = PluginManifest(
        name="hello",
        api=">=1.0,<2",
        provides=frozenset({"extension"}),
        config=HelloConfig,
        description="Greets and counts",
    )

    def __init__(self) -> None:
        self.pictures = 0

    @hookimpl
    def invoke_routes(self, host: HostView) -> Iterable[Route]:
        """`GET /x/hello/`, for everybody who is logged in."""
        greeting = host.options(HelloConfig).greeting

        async def greet(request: web.Request) -> web.StreamResponse:
            name = actor_of(request).display_name
            return json_response({"text": f"{greeting}, {name}!", "pictures": self.pictures})

        return [Route("GET", "/", greet, LOGGED_IN, summary="Be greeted", tag="hello")]

    @hookimpl
    def invoke_background_tasks(self, host: HostView) -> Iterable[BackgroundTask]:
        """A line in the log now and then."""

        async def report() -> None:
            host.log.info("pictures_so_far", pictures=self.pictures)

        return [BackgroundTask("report", report, host.options(HelloConfig).report_every_s)]

    @hookimpl
    async def invoke_startup(self, host: HostView) -> None:
        """The host is up, but not yet reachable."""
        host.log.info("hello_started")

    @hookimpl
    async def invoke_event(self, event: Event) -> None:
        """Count what was added; other events are not ours."""
        if event.kind == "images_changed":
            self.pictures += len(event.payload["added"])
