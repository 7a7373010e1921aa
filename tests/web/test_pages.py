"""The pages that come with the host, in a real browser that reaches nothing but this machine."""

from __future__ import annotations

import asyncio
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp_sse import sse_response
from PIL import Image

import invoke_host.web
from invoke_host.api import LOGGED_IN, PUBLIC, Route, json_response
from invoke_host.web import web
from invoke_host.web.settings import WebSettings

from .browser import Page

NASTY = "<img src=x onerror=\"document.title='owned'\"><script>alert(1)</script> a red apple"


def board(name: str) -> dict[str, Any]:
    return {
        "board_id": "b",
        "board_name": name,
        "user_id": "system",
        "owner_username": NASTY,
        "board_visibility": "private",
        "archived": False,
        "cover_image_name": None,
        "image_count": 2,
        "asset_count": 0,
        "permissions": ["view", "add", "edit", "curate", "share", "delete", "transfer"],
    }


class FakeHost:
    """What the start page asks of the host; `say` sends an event to it, `asked` holds what it posted."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.asked: list[Any] = []
        self.refuse: list[dict[str, Any]] = []
        self._events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        file = io.BytesIO()
        Image.new("RGB", (64, 64), "teal").save(file, "PNG")
        self._png = file.getvalue()

    def say(self, kind: str, **payload: Any) -> None:
        self._events.put_nowait((kind, payload))

    def image(self, name: str) -> dict[str, Any]:
        place = f"api/v1/images/i/{name}"
        return {
            "image_name": name,
            "image_url": f"{place}/full",
            "thumbnail_url": f"{place}/thumbnail",
            "width": 64,
            "height": 64,
            "created_at": "2026-11-23 05:50:55.123",
            "is_intermediate": False,
            "starred": False,
        }

    async def mode(self, request: web.Request) -> web.Response:
        return json_response({"setup_required": False, "multiuser_enabled": False})

    async def list(self, request: web.Request) -> web.Response:
        return json_response({"items": [self.image(name) for name in self.names], "next_cursor": None})

    async def boards(self, request: web.Request) -> web.Response:
        return json_response([board(NASTY)])

    async def one(self, request: web.Request) -> web.Response:
        return json_response(self.image(request.match_info["name"]))

    async def metadata(self, request: web.Request) -> web.Response:
        return json_response({"positive_prompt": NASTY, "seed": 7, "steps": 9, "model": {"name": NASTY, "key": "m"}})

    async def picture(self, request: web.Request) -> web.Response:
        return web.Response(body=self._png, content_type="image/png")

    async def models(self, request: web.Request) -> web.Response:
        return json_response({"models": [{"key": "m", "name": NASTY}]})

    async def status(self, request: web.Request) -> web.Response:
        counts = {"pending": 2, "in_progress": 1, "item_id": 5, "user_pending": 2, "user_in_progress": 1}
        processor = {"is_started": True, "is_processing": True}
        return json_response({"queue": {**counts, "user_paused": False}, "processor": processor})

    async def generate(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        if self.refuse:
            return json_response({"detail": self.refuse}, status=422)
        return json_response({"enqueued": 1, "requested": 1, "limited_by": None})

    async def events(self, request: web.Request) -> web.StreamResponse:
        async with sse_response(request) as response:
            await response.write(b"retry: 1000\n\n")
            while True:
                kind, payload = await self._events.get()
                await response.send(json.dumps(payload), event=kind)

    def routes(self) -> list[Route]:
        image = "/api/v1/images/i/{name}"
        return [
            Route("GET", "/api/v1/auth/status", self.mode, PUBLIC),
            Route("GET", "/api/v1/boards/", self.boards, LOGGED_IN),
            Route("GET", "/api/v1/images/", self.list, LOGGED_IN),
            Route("GET", image, self.one, LOGGED_IN),
            Route("GET", f"{image}/metadata", self.metadata, LOGGED_IN),
            Route("GET", f"{image}/full", self.picture, LOGGED_IN, media="image/png"),
            Route("GET", f"{image}/thumbnail", self.picture, LOGGED_IN, media="image/png"),
            Route("GET", "/api/v2/models/", self.models, LOGGED_IN),
            Route("GET", "/api/v1/queue/default/status", self.status, LOGGED_IN),
            Route("POST", "/api/v1/queue/default/generate", self.generate, LOGGED_IN),
            Route("GET", "/api/v1/events", self.events, LOGGED_IN, stream=True, media="text/event-stream"),
        ]


async def serve(make_app, host: FakeHost) -> str:
    return (await make_app(host.routes(), config=WebSettings(single_user=True, version="1.2.3"))).url


def check(page: Page, url: str) -> None:
    """Nothing to complain about, and nothing asked of any other place."""
    assert page.complaints == []
    assert [each for each in page.requested if not each.startswith((url, "data:"))] == []


async def test_an_empty_host_says_what_to_do(make_app, page):
    url = await serve(make_app, FakeHost())
    await page.open(url)
    await page.until("!document.getElementById('empty').hidden")
    assert "press Generate" in await page.evaluate("document.body.innerText")
    assert await page.evaluate("document.getElementById('version').textContent") == "1.2.3"
    check(page, url)


async def test_pictures_show_and_new_ones_come_first_without_reloading(make_app, page):
    host = FakeHost("b.png", "a.png")
    url = await serve(make_app, host)
    await page.open(url)
    await page.until("[...document.querySelectorAll('.tile img')].filter(i => i.naturalWidth == 64).length == 2")
    await page.until("document.getElementById('connection').textContent == 'live'")
    host.say("progress", item_id=5, step=3, steps=10, message="")
    await page.until("document.getElementById('progress').value == 0.3")
    host.say("images_changed", added=["c.png"], deleted=["a.png"], updated=[])
    shown = "[...document.querySelectorAll('.tile')].map(t => t.dataset.name).join()"
    await page.until(f"{shown} == 'c.png,b.png'")
    check(page, url)


async def test_alone_the_badge_is_one_number_and_gone_when_nothing_waits(make_app, page):
    host = FakeHost()
    url = await serve(make_app, host)
    await page.open(url)
    await page.until("document.getElementById('queue-count').textContent == '3'")
    assert await page.evaluate("document.getElementById('queue-open').ariaLabel") == "Queue, 3 pictures"
    await page.until("document.getElementById('connection').textContent == 'live'")
    host.say("queue_counts_changed", queue_id="default", pending=0, in_progress=0, is_started=True)
    await page.until("!document.getElementById('queue-count').checkVisibility()")
    check(page, url)


async def test_a_prompt_is_sent_with_its_settings(make_app, page):
    host = FakeHost()
    url = await serve(make_app, host)
    await page.open(url)
    await page.until("document.querySelectorAll('#composer option').length == 2")
    await page.evaluate(
        "document.getElementById('prompt').value = 'a red apple';"
        "document.querySelector('[name=seed]').value = '7';"
        "document.querySelector('button.primary').click()"
    )
    await page.until("performance.getEntriesByType('resource').some(e => e.name.endsWith('/generate'))")
    assert host.asked == [{"positive_prompt": "a red apple", "seed": 7, "count": 1}]
    check(page, url)


async def test_problems_are_shown_field_by_field(make_app, page):
    host = FakeHost()
    host.refuse = [{"loc": ["body", "width"], "msg": NASTY, "type": "x"}]
    url = await serve(make_app, host)
    await page.open(url)
    await page.evaluate(
        "document.getElementById('prompt').value = 'x'; document.querySelector('button.primary').click()"
    )
    text = await page.until("document.getElementById('problems').textContent")
    assert text == f"width: {NASTY}"


async def test_what_comes_from_people_is_text_and_never_markup(make_app, page):
    url = await serve(make_app, FakeHost("a.png"))
    await page.open(url)
    await page.until("document.querySelector('.tile')")
    await page.evaluate("document.querySelector('.tile').click()")
    assert await page.until("document.getElementById('viewer-prompt').textContent") == NASTY
    assert await page.evaluate("document.querySelector('.board-name').textContent") == NASTY
    markup = "#viewer p *, #viewer dd *, option *, .board-name *, #boards small *"
    assert await page.evaluate(f"document.querySelectorAll('{markup}').length") == 0
    assert await page.evaluate("document.title") == "Invoke Host"
    check(page, url)


async def test_the_api_page_works_without_the_internet(make_app, page):
    url = await serve(make_app, FakeHost())
    await page.open(f"{url}/docs", dark=True)
    await page.until("document.querySelectorAll('.opblock').length > 10")
    assert "/api/v1/app/version" in await page.evaluate("document.body.innerText")
    check(page, url)


def test_our_pages_hold_no_inline_code_no_inner_html_and_no_foreign_address():
    for path in (Path(invoke_host.web.__file__).parent / "static").iterdir():
        text = path.read_text()
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|\son\w+=|<style|style=", text), (
            path
        )
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|[\"'(]//", text), path


async def test_files_are_asked_for_again_only_when_they_changed(make_app):
    client = await make_app([])
    first = await client.get("/static/app.js")
    assert first.headers["Content-Type"].startswith("text/javascript")
    again = await client.get("/static/app.js", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/", "/static/nothing.js"])
async def test_only_the_named_files_are_there(make_app, path):
    assert (await (await make_app([])).get(path)).status == 404
