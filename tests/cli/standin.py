"""A small HTTP server with the host's routes, whose items end as a test wants: fail, vanish, fall silent, break off."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

PNG = b"\x89PNG\r\n\x1a\n not really"

QUEUE = "/api/v1/queue/default"


class StandInHost:
    """Serves on a thread of its own; the attributes say how it behaves, and may be set while it runs."""

    def __init__(self) -> None:
        self.url = ""
        self.items: dict[int, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.keys: list[str | None] = []
        self.authorizations: set[str | None] = set()
        self.accepts = 1000  # items that the queue has room for
        self.stream = "live"  # or "refused", "breaks", "silent", "resync"
        self.outcome: Callable[[int], dict[str, Any]] = lambda item_id: done(item_id)
        self.finish_at = "stream"  # or "asked": items end when somebody asks for them
        self.refusal: tuple[int, Any] | None = None  # answer to every request on the queue
        self.ready = True
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._enqueued = asyncio.Event()
        self._asked = asyncio.Event()
        self._over = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        runner = web.AppRunner(self._app(), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._started.set()
        await self._over.wait()
        await runner.cleanup()

    def _app(self) -> web.Application:
        @web.middleware
        async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path not in ("/readyz", "/api/v1/app/version"):  # asked before anybody logs in
                self.authorizations.add(request.headers.get("Authorization"))
            return await handler(request)

        app = web.Application(middlewares=[note])
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/api/v1/app/version", _version)
        app.router.add_post(f"{QUEUE}/generate", self._noted(self._generate))
        app.router.add_get(f"{QUEUE}/item_ids", self._noted(self._item_ids))
        app.router.add_post(f"{QUEUE}/items_by_ids", self._noted(self._items_by_ids))
        app.router.add_put(f"{QUEUE}/i/{{id}}/cancel", self._noted(self._cancel))
        app.router.add_put(f"{QUEUE}/cancel_all_except_current", self._noted(self._cancel_all))
        app.router.add_put(f"{QUEUE}/cancel_by_batch_ids", self._noted(self._cancel_all))
        app.router.add_get("/api/v1/events", self._events)
        app.router.add_get("/api/v1/images/i/{name}/full", _full)
        app.router.add_get("/api/v1/images/i/{name}/metadata", _metadata)
        return app

    def _noted(self, handler: Callable[[web.Request, Any], Awaitable[Any]]) -> Any:
        async def noted(request: web.Request) -> web.Response:
            body = await request.json() if request.can_read_body else None
            self.requests.append((request.method, request.path.removeprefix(QUEUE), body))
            if self.refusal is not None:
                status, detail = self.refusal
                text = detail if isinstance(detail, str) else json.dumps(detail)
                return web.Response(status=status, text=text, content_type="application/problem+json")
            return web.json_response(await handler(request, body))

        return noted

    async def _readyz(self, request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if self.ready else 503)

    async def _generate(self, request: web.Request, body: Any) -> Any:
        self.keys.append(request.headers.get("Idempotency-Key"))
        count = min(body["count"], self.accepts)
        first = len(self.items) + 1
        ids = list(range(first, first + count))
        self.items |= {item_id: item(item_id) for item_id in ids}
        self._enqueued.set()
        return {"enqueued": count, "requested": body["count"], "batch": {"batch_id": "b-1"}, "item_ids": ids}

    async def _item_ids(self, request: web.Request, body: Any) -> Any:
        return {"item_ids": sorted(self.items, reverse=True), "total_count": len(self.items)}

    async def _items_by_ids(self, request: web.Request, body: Any) -> Any:
        asked = [each for each in body["item_ids"] if each in self.items]
        self._loop.call_soon(self._asked.set)  # after this answer: news comes over the stream
        if self.finish_at == "asked":
            for item_id in asked:
                self._finish(item_id)
        return [self.items[each] for each in asked if each in self.items]

    async def _cancel(self, request: web.Request, body: Any) -> Any:
        row = self.items[int(request.match_info["id"])]
        if row["status"] in ("pending", "in_progress"):
            row["status"] = "canceled"
        return row

    async def _cancel_all(self, request: web.Request, body: Any) -> Any:
        return {"canceled": 3}

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.stream == "refused":
            return web.Response(status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n: ping\n\n")
        await self._either(self._enqueued)
        self._enqueued.clear()
        if self.stream == "breaks":
            await response.write(b"event: queue_item_sta")
            assert request.transport is not None
            request.transport.abort()
        if self.stream == "live":
            await self._send_all(response)
        if self.stream == "resync":
            self.finish_at = "asked"
            await _send(response, "resync", {})
        await self._over.wait()
        return response

    async def _either(self, event: asyncio.Event) -> None:
        """Wait for the event or for the end."""
        waits = [asyncio.ensure_future(each.wait()) for each in (event, self._over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    async def _send_all(self, response: web.StreamResponse) -> None:
        await self._either(self._asked)
        await _send(response, "queue_item_status_changed", {"item_id": 999_999, "status": "failed"})
        for item_id in list(self.items):
            for step in (1, 2):
                await _send(response, "progress", {"item_id": item_id, "step": step, "steps": 2, "message": "busy"})
            self._finish(item_id)
            if item_id in self.items:
                await _send(response, "queue_item_status_changed", self.items[item_id])

    def _finish(self, item_id: int) -> None:
        outcome = self.outcome(item_id)
        if outcome:
            self.items[item_id] |= outcome
        else:
            del self.items[item_id]


def item(item_id: int, **changes: Any) -> dict[str, Any]:
    """A queue item as the host shows it."""
    row = {"item_id": item_id, "batch_id": "b-1", "status": "pending", "created_at": "2026-11-23 06:00:00.000"}
    return row | {"image_names": [], "error_message": None, "device": None} | changes


def done(item_id: int) -> dict[str, Any]:
    """What changes when an item is completed."""
    return {"status": "completed", "image_names": [f"image-{item_id}.png"]}


async def _send(response: web.StreamResponse, kind: str, payload: Any) -> None:
    await response.write(f"id: 1\r\nevent: {kind}\r\ndata: {json.dumps(payload)}\r\n\r\n".encode())


async def _version(request: web.Request) -> web.Response:
    return web.json_response({"version": "0.1.0"})


async def _full(request: web.Request) -> web.Response:
    return web.Response(body=PNG + request.match_info["name"].encode(), content_type="image/png")


async def _metadata(request: web.Request) -> web.Response:
    return web.json_response({"seed": 42})
