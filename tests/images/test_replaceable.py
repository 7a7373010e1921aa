"""A small picture that is replaced while it is about to be sent."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from invoke_host.api import Gone
from invoke_host.blobs.files import Attached
from invoke_host.images import replaceable

Found = tuple[Path, Attached]


def picture(folder: Path, name: str, *, there: bool = True) -> Found:
    if there:
        (folder / name).write_bytes(name.encode())
    return folder / name, Attached(name, hashlib.sha256(name.encode()).hexdigest(), "it")


async def answered(found: list[Found]) -> tuple[int, bytes]:
    """What a client gets when these are found, one after the other."""
    left = iter(found)

    async def find() -> Found:
        return next(left)

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return await replaceable.send(request, find)
        except Gone:
            raise web.HTTPGone from None

    app = web.Application()
    app.router.add_get("/", handler)
    async with TestClient(TestServer(app)) as client, client.get("/") as response:
        return response.status, await response.read()


async def test_the_new_picture_is_sent_when_the_old_one_goes_meanwhile(tmp_path: Path) -> None:
    old, new = picture(tmp_path, "old", there=False), picture(tmp_path, "new")
    assert await answered([old, new]) == (200, b"new")


async def test_a_picture_that_is_lost_is_gone(tmp_path: Path) -> None:
    lost = picture(tmp_path, "lost", there=False)
    status, _ = await answered([lost, lost])
    assert status == 410
