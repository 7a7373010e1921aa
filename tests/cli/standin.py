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

#: Who asks, for the stand-in.
ME = "me"

#: A step of a stream: an event (kind, payload, id), a change of the host's, or the end of the connection.
CUT = "cut"
Step = tuple[str, Any, int] | Callable[[], None] | str

#: Answers of routes that the stand-in only notes.
ANSWERS: dict[tuple[str, str], Any] = {
    ("PUT", "/cancel_all_except_current"): {"canceled": 3},
    ("PUT", "/cancel_by_batch_ids"): {"canceled": 3},
    ("PUT", "/cancel_by_destination"): {"canceled": 3},
    ("PUT", "/delete_all_except_current"): {"deleted": 3},
    ("DELETE", "/d/{name}"): {"deleted": 3},
    ("PUT", "/prune"): {"deleted": 3},
    ("PUT", "/clear"): {"deleted": 3},
    ("PUT", "/processor/pause"): {"is_started": False, "is_processing": True},
    ("PUT", "/processor/resume"): {"is_started": True, "is_processing": True},
    ("PUT", "/own/pause"): {"user_paused": True},
    ("PUT", "/own/resume"): {"user_paused": False},
}


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
        self.paused: dict[str, bool] = {"queue": False, "mine": False}
        self.limited_by: dict[str, Any] | None = None
        self.most_listed = 1000  # in one answer, however many are asked for
        self.after: list[str | None] = []  # Last-Event-ID of each stream
        self.scripts: list[list[Step]] = []  # what the first stream does once it is read beside, what the second …
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
        app.router.add_get("/api/v1/auth/me", _me)
        app.router.add_get(f"{QUEUE}/list_all", self._noted(self._list_all))
        app.router.add_get(f"{QUEUE}/line", self._noted(self._line))
        app.router.add_get(f"{QUEUE}/status", self._noted(self._status))
        app.router.add_get(f"{QUEUE}/i/{{id}}", self._noted(self._item))
        app.router.add_delete(f"{QUEUE}/i/{{id}}", self._noted(self._delete))
        app.router.add_put(f"{QUEUE}/retry_items_by_id", self._noted(self._retry))
        app.router.add_post(f"{QUEUE}/items_by_ids", self._noted(self._items_by_ids))
        app.router.add_put(f"{QUEUE}/i/{{id}}/cancel", self._noted(self._cancel))
        for (method, path), answer in ANSWERS.items():
            app.router.add_route(method, QUEUE + path, self._noted(_always(answer)))
        app.router.add_get("/api/v1/events", self._events)
        app.router.add_get("/api/v1/images/i/{name}/full", _full)
        app.router.add_get("/api/v1/images/i/{name}/metadata", _metadata)
        return app

    def _noted(self, handler: Callable[[web.Request, Any], Awaitable[Any]]) -> Any:
        async def noted(request: web.Request) -> web.Response:
            body = await request.json() if request.can_read_body else None
            query = f"?{request.query_string}" if request.query_string else ""
            self.requests.append((request.method, request.path.removeprefix(QUEUE) + query, body))
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
        prompts = [each for group in body.get("data", ()) for one in group for each in one["items"]]
        requested = body["count"] * max(1, len(prompts))
        count = min(requested, self.accepts)
        first = len(self.items) + 1
        ids = list(range(first, first + count))
        self.items |= {item_id: item(item_id) for item_id in ids}
        self._enqueued.set()
        answer = {"enqueued": count, "requested": requested, "batch": {"batch_id": "b-1"}, "item_ids": ids}
        return answer | {"limited_by": self.limited_by}

    async def _list_all(self, request: web.Request, body: Any) -> Any:
        asked = request.query
        before = int(asked.get("before", 2**63))
        found = [
            row
            for item_id, row in sorted(self.items.items())
            if item_id < before
            and ("mine" not in asked or row["user_id"] == ME)
            and all(row[key] == asked[key] for key in ("status", "batch_id") if key in asked)
        ]
        if asked.get("status") != "pending":  # which is the first half of the question what is unfinished
            self._loop.call_soon(self._asked.set)
        return found[-min(int(asked["limit"]), self.most_listed) :]

    async def _line(self, request: web.Request, body: Any) -> Any:
        assert request.query["mine"] == "true"
        own = [row for row in self.items.values() if row["status"] == "pending" and row["user_id"] == ME]
        return sorted(own, key=lambda row: row["position"] or 0)[: int(request.query["limit"])]

    async def _status(self, request: web.Request, body: Any) -> Any:
        rows = list(self.items.values())
        counts = {
            each: sum(row["status"] == each for row in rows)
            for each in ("pending", "in_progress", "completed", "failed", "canceled")
        }
        own = {
            f"user_{each}": sum(row["status"] == each and row["user_id"] == ME for row in rows)
            for each in ("pending", "in_progress")
        }
        processor = {"is_started": not self.paused["queue"], "is_processing": bool(counts["in_progress"])}
        queue = {"queue_id": "default", **counts, **own, "user_paused": self.paused["mine"]}
        return {"queue": queue, "processor": processor}

    async def _item(self, request: web.Request, body: Any) -> Any:
        return self.items[int(request.match_info["id"])]

    async def _delete(self, request: web.Request, body: Any) -> Any:
        del self.items[int(request.match_info["id"])]

    async def _retry(self, request: web.Request, body: Any) -> Any:
        again = [each for each in body if self.items[each]["status"] in ("failed", "canceled")]
        return {"retried_item_ids": again, "new_item_ids": [1000 + each for each in again]}

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

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self.stream == "refused":
            return web.Response(status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        self.after.append(request.headers.get("Last-Event-ID"))
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n: ping\n\n")
        if self.scripts:
            await self._play(response, request, self.scripts.pop(0))
            return response
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

    async def _play(self, response: web.StreamResponse, request: web.Request, script: list[Step]) -> None:
        await self._either(self._asked)
        for step in script:
            if callable(step):
                step()
            elif step == CUT:
                assert request.transport is not None
                request.transport.abort()
                return
            else:
                await _send(response, *step)
        await self._over.wait()

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
    row |= {"user_id": ME, "position": None, "estimated_start_at": None}
    return row | {"image_names": [], "error_message": None, "device": None} | changes


def done(item_id: int) -> dict[str, Any]:
    """What changes when an item is completed."""
    return {"status": "completed", "image_names": [f"image-{item_id}.png"]}


async def _send(response: web.StreamResponse, kind: str, payload: Any, id_: int = 1) -> None:
    await response.write(f"id: {id_}\r\nevent: {kind}\r\ndata: {json.dumps(payload)}\r\n\r\n".encode())


def _always(answer: Any) -> Callable[[web.Request, Any], Awaitable[Any]]:
    async def handler(request: web.Request, body: Any) -> Any:
        return answer

    return handler


async def _me(request: web.Request) -> web.Response:
    return web.json_response({"user_id": ME})


async def _version(request: web.Request) -> web.Response:
    return web.json_response({"version": "0.1.0"})


async def _full(request: web.Request) -> web.Response:
    return web.Response(body=PNG + request.match_info["name"].encode(), content_type="image/png")


async def _metadata(request: web.Request) -> web.Response:
    return web.json_response({"seed": 42})
