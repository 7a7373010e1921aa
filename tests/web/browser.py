"""A real Chromium, driven over its DevTools protocol: opens a page and tells what it shows and complains about."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

INSTALL = "these tests need Chromium: apt-get install -y chromium"

#: What it says before the address at which it takes commands.
LISTENING = "DevTools listening on "

#: No network but loopback: what a page asks of any other place fails at once.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
    "--window-size=1280,1000",
)


class PageLeft(Exception):
    """The page went elsewhere while something was asked of it."""


class Connection:
    """Commands of the protocol, over one socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command, and its answer."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        return await asyncio.wait_for(self._answers[number], 20)

    async def close(self) -> None:
        """Listen no more."""
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    async def _read(self) -> None:
        async for message in self._socket:
            content = message.json()
            if "id" in content:
                future = self._answers.pop(content["id"])
                if not future.done():
                    future.set_result(content.get("result", {}))
                continue
            self._note(content["method"], content["params"])

    def _note(self, method: str, params: dict[str, Any]) -> None:
        """Something happened."""


class Page(Connection):
    """One tab. `complaints` collects errors of the console, of scripts, of the network and of the content policy.

    `context` names what it shares with no other tab, for commands that are about the whole browser.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, context: str) -> None:
        super().__init__(socket)
        self.context = context
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self._loaded = asyncio.Event()

    async def open(self, url: str, *, dark: bool = False) -> None:
        """Go there; returns when the page and its scripts are loaded."""
        self._loaded.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])
        await self.send("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), 20)

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page; a promise is awaited. Raises PageLeft."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "result" not in answer:
            raise PageLeft(script)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']['exception'].get('description')}")
        return answer["result"].get("value")

    async def until(self, script: str, timeout_s: float = 20.0) -> Any:
        """Wait until the expression is true, looking whenever a page has drawn, this one or the next; its value."""
        look = f"const look = () => {{ const value = {script}; value ? done(value) : requestAnimationFrame(look); }}"
        waiting = f"new Promise(done => {{ {look}; look(); }})"
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    with contextlib.suppress(PageLeft):
                        return await self.evaluate(waiting)
        except TimeoutError:
            text = await self.evaluate("document.body.innerText")
            raise AssertionError(f"never true: {script}\n{self.complaints}\n{text}") from None

    async def screenshot(self, path: Path) -> None:
        """A picture of the page as it is."""
        answer = await self.send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(each.get("value", each.get("description"))) for each in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog: {params['message']}")


class Browser:
    """A browser that runs. Its tabs know nothing of each other: each has cookies, storage and a cache of its own."""

    def __init__(self, address: str) -> None:
        self._address = address

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Page]:
        """A new tab, as of a browser that was never used before."""
        pages = f"{self._address.rpartition('/devtools/')[0]}/devtools/page"
        async with aiohttp.ClientSession() as session, session.ws_connect(self._address) as socket:
            browser = Connection(socket)
            context = (await browser.send("Target.createBrowserContext"))["browserContextId"]
            target = await browser.send("Target.createTarget", url="about:blank", browserContextId=context)
            async with session.ws_connect(f"{pages}/{target['targetId']}", max_msg_size=0) as tab:
                page = Page(tab, context)
                try:
                    yield page
                finally:
                    await page.close()
                    await browser.send("Target.disposeBrowserContext", browserContextId=context)
                    await browser.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start one; fails with the line that installs it where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise AssertionError(INSTALL)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "HOME": profile, "TMPDIR": profile},
        )
        assert process.stderr is not None
        told = process.stderr
        try:
            address = next((line.rpartition(LISTENING)[2] for line in told if LISTENING in line), None)
            assert address is not None, "Chromium ended before it listened"
            threading.Thread(target=told.read, daemon=True).start()  # what it says later must not fill the pipe
            yield Browser(address.strip())
        finally:
            process.kill()
            process.wait()
