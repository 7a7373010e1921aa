"""A user of a host that may die or be in trouble at any moment: does what users do, and notes what it is told."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from random import Random

from PIL import Image

from tests.machine import busy

from .host import GONE, QUEUE, RunningHost
from .oracle import FINISHED, Enqueued, Oracle

#: Others can work within so many seconds after a start, and after a trouble has passed, if the machine is theirs.
WORKS_AGAIN_S = 5.0


class NotNowError(Exception):
    """The host says that it can't just now: 503 or 507."""


class Client:
    """Does what users do and notes what it is told."""

    def __init__(self, random: Random, oracle: Oracle) -> None:
        self.random = random
        self.oracle = oracle
        self.number = 0
        self.troubled = False

    async def use(self, host: RunningHost) -> None:
        """Enqueue, cancel, look, delete, until it is done or the host dies."""
        try:
            await self.perhaps(self.repeat_unanswered, host)
            for _ in range(self.random.randint(2, 4)):
                await self.perhaps(self.enqueue, host)
                await self.perhaps(self.random.choice([self.cancel, self.look, self.look, self.delete]), host)
            await self.wait(host, self.random.uniform(0.0, 0.4))
            await self.perhaps(self.cancel, host)
            await self.perhaps(self.delete, host)
        except TimeoutError as error:
            raise AssertionError(f"the host hangs:\n{host.root.log.read_text()[-4000:]}") from error
        except GONE:
            await host.dies()

    async def perhaps(self, action: Callable[[RunningHost], Awaitable[None]], host: RunningHost) -> None:
        """Do it; while there is trouble, the host may refuse."""
        try:
            await action(host)
        except NotNowError:
            await self.wait(host, 0.1)

    async def ask(self, host: RunningHost, method: str, path: str, body: object = None, **headers: str) -> tuple:
        status, answer = await host.ask(method, path, body, **headers)
        if self.troubled and status in (503, 507):
            raise NotNowError
        return status, answer

    async def check_it_works(self, host: RunningHost) -> None:
        """A new request of anybody is accepted, made and can be fetched at once, whatever was before."""
        self.troubled = False
        began, within_s = time.monotonic(), WORKS_AGAIN_S * busy()
        while True:
            self.number += 1
            key, seed = f"key-{self.number}", self.random.randrange(1000)
            request = Enqueued(f"picture {self.number}", seed, 1, prepend=True)
            self.oracle.requests[key] = request
            try:
                status, _ = await self.send(host, key, request)
            except GONE:
                await host.dies()
                return
            if status in (200, 201):
                break
            assert time.monotonic() - began < within_s, f"still {status}:\n{host.log_text()[-4000:]}"
            await asyncio.sleep(0.2)
        while True:
            try:
                status, item = await host.ask("GET", f"{QUEUE}/i/{(request.item_ids or [0])[0]}")
            except GONE:
                await host.dies()
                return
            if status == 200 and item["status"] in FINISHED:
                assert item["status"] == "completed", item
                return
            late = time.monotonic() - began
            assert late < within_s, f"{late:.1f} s: {status} {item}:\n{host.log_text()[-4000:]}"
            await asyncio.sleep(0.05)

    async def enqueue(self, host: RunningHost) -> None:
        self.number += 1
        key, count = f"key-{self.number}", self.random.randint(1, 3)
        request = Enqueued(f"picture {self.number}", self.random.randrange(1000), count)
        self.oracle.requests[key] = request
        await self.must_send(host, key, request)

    async def must_send(self, host: RunningHost, key: str, request: Enqueued) -> None:
        status, answer = await self.send(host, key, request)
        if self.troubled and status in (503, 507):
            raise NotNowError
        assert status in (200, 201), (status, answer)

    async def send(self, host: RunningHost, key: str, request: Enqueued) -> tuple[int, object]:
        body = {"positive_prompt": request.prompt, "seed": request.seed, "count": request.count, "steps": 2}
        if request.prepend:
            body["prepend"] = True
        status, answer = await host.ask("POST", f"{QUEUE}/generate", body, **{"Idempotency-Key": key})
        if status in (200, 201):
            assert answer["enqueued"] == request.count
            if request.item_ids is not None:
                assert answer["item_ids"] == request.item_ids
            request.item_ids = answer["item_ids"]
        return status, answer

    async def repeat_unanswered(self, host: RunningHost) -> None:
        """As a client does that got no answer; and now and then one that got it long ago."""
        for key, request in self.oracle.requests.items():
            if request.item_ids is None or self.random.random() < 0.02:
                await self.must_send(host, key, request)

    async def cancel(self, host: RunningHost) -> None:
        known = [item for request in self.oracle.requests.values() for item in request.item_ids or []][-6:]
        if not known:
            return
        item_id = self.random.choice(known)
        status, answer = await self.ask(host, "PUT", f"{QUEUE}/i/{item_id}/cancel")
        assert status == 200, answer
        if answer["status"] == "canceled":
            assert answer["image_names"] == []
            self.oracle.canceled.add(item_id)

    async def look(self, host: RunningHost) -> None:
        """What is listed can be fetched whole."""
        status, page = await self.ask(host, "GET", "/api/v1/images/?limit=5")
        assert status == 200, page
        for image in page["items"][:2]:
            status, content = await host.fetch(image["image_url"])
            if self.troubled and status == 503:
                raise NotNowError
            assert status == 200, (status, content[:300])
            Image.open(io.BytesIO(content)).load()

    async def delete(self, host: RunningHost) -> None:
        """Delete the newest picture; then take it back, or for good, or leave it in the trash."""
        status, page = await self.ask(host, "GET", "/api/v1/images/?limit=1")
        assert status == 200, page
        for image in page["items"]:
            name = image["image_name"]
            self.oracle.ask(name, "trash")
            status, answer = await self.ask(host, "DELETE", f"/api/v1/images/i/{name}")
            assert (status, answer["deleted_images"]) == (200, [name])
            self.oracle.answer(name, "trash")
            await self.random.choice([self.purge, self.purge, self.restore, self.leave])(host, name)

    async def purge(self, host: RunningHost, name: str) -> None:
        self.oracle.ask(name, "gone")
        status, answer = await self.ask(host, "POST", "/api/v1/images/trash/purge", {"image_names": [name]})
        assert (status, answer["purged_images"]) == (200, [name])
        self.oracle.answer(name, "gone")

    async def restore(self, host: RunningHost, name: str) -> None:
        self.oracle.ask(name, "live")
        status, answer = await self.ask(host, "POST", "/api/v1/images/trash/restore", {"image_names": [name]})
        assert (status, answer["restored_images"]) == (200, [name])
        self.oracle.answer(name, "live")

    async def leave(self, host: RunningHost, name: str) -> None:
        """It stays there for the next life of the host."""

    async def wait(self, host: RunningHost, seconds: float) -> None:
        """Let the host work for a while, or until it is dead."""
        await asyncio.wait([asyncio.ensure_future(host.process.wait())], timeout=seconds)
