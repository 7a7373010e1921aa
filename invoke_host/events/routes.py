"""`GET /api/v1/events`: the caller's events as a server-sent stream."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp_sse import EventSourceResponse, sse_response
from pydantic import BaseModel, Field

from invoke_host.events.hub import EventHub
from invoke_host.web import LOGGED_IN, Route, actor_of, caller_of, query_of, web

HUB: Final = web.AppKey("event_hub", EventHub)

#: What a browser waits before it connects again after a cut.
RETRY_MS = 2000

#: A client that takes nothing for so long is cut off; it may come back and resume.
SEND_TIMEOUT_S = 60.0

#: An id that no event has, for texts that are no id: the client then gets `resync`.
_UNKNOWN = -1


class EventsQuery(BaseModel):
    """Query of the event stream."""

    last_event_id: str | None = Field(
        None,
        max_length=64,
        description="Resume after this event, for clients that can't set the Last-Event-ID header; the header wins.",
    )


async def stream(request: web.Request) -> web.StreamResponse:
    """Send what the caller may see until the client leaves, the caller's credential ends or the host stops."""
    hub = request.app[HUB]
    text = request.headers.get("Last-Event-ID") or query_of(request, EventsQuery).last_event_id
    session = caller_of(request).session
    good_until = None if session is None else float(session.expires_at)
    with await hub.subscribe(actor_of(request), parse_event_id(text), good_until=good_until) as events:
        try:
            async with sse_response(request, ping_interval=hub.keepalive_s, send_timeout=SEND_TIMEOUT_S) as response:
                # Its keep-alive task is what notices that the client has left while there is nothing to send.
                left = asyncio.create_task(response.wait())
                left.add_done_callback(lambda _: events.close())
                # Sent at once, so that proxies and `fetch` see the answer begin before anything happens.
                await response.write(f"retry: {RETRY_MS}\n\n".encode())
                async for chunk in events.chunks():
                    await _send(request, response, chunk)
        except (ConnectionResetError, TimeoutError):
            pass  # the client has left, or takes nothing any more; there is nobody to tell
    return response


async def _send(request: web.Request, response: EventSourceResponse, chunk: bytes) -> None:
    """As `response.send`, for what is encoded already."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await response.write(chunk)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # it never drains, so that closing it would never end
        raise


def parse_event_id(text: str | None) -> int | None:
    """The event to resume after: None = live only; what is no id at all counts as an id that is not known."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else _UNKNOWN


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/api/v1/events",
        stream,
        LOGGED_IN,
        summary="Stream of events (server-sent); resumes with Last-Event-ID",
        tag="events",
        query=EventsQuery,
        media="text/event-stream",
        stream=True,
    ),
)
