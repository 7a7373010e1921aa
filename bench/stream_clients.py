"""Many clients with open event streams, and people who ask for pictures at a steady beat, in a process of their own.

`python -m bench.stream_clients URL PER_S`: reads `{"listeners": [[user id, token], ...], "askers": [token, ...]}` as a
line of its standard input and prints `ready` when all streams are open. It begins to ask at a line `ask`, stops at the
line after it and prints `asked`, as often as it is told to. At any other line it ends, and prints what each client has
heard, and how long the asking took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any

import aiohttp
import orjson
import uvloop


@dataclass(slots=True)
class Heard:
    """What one client was sent: ids in the order of their coming, and what should not have come."""

    user_id: str
    ids: list[int] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    pictures: int = 0  # previews
    strangers: list[str] = field(default_factory=list)  # previews of others, and others' events
    badge: dict[str, Any] = field(default_factory=dict)
    ended: bool = False


async def listen(client: aiohttp.ClientSession, url: str, user_id: str, token: str, heard: Heard, opened: Any) -> None:
    """Read one stream until it ends."""
    headers = {"Authorization": f"Bearer {token}"}
    async with client.get(f"{url}/api/v1/events", headers=headers) as answer:
        if answer.status != 200:
            sys.exit(f"a stream was answered {answer.status}")
        number, kind = None, ""
        async for line in answer.content:
            if line.startswith(b"id: "):
                number = int(line[4:])
            elif line.startswith(b"event: "):
                kind = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                note(heard, kind, number, orjson.loads(line[6:]), is_admin=user_id == "admin")
                number = None
            elif line.startswith(b"retry:"):
                opened()
    heard.ended = True


def note(heard: Heard, kind: str, number: int | None, data: dict[str, Any], *, is_admin: bool) -> None:
    """Keep what the comparison needs."""
    heard.kinds[kind] = heard.kinds.get(kind, 0) + 1
    if number is not None:
        heard.ids.append(number)
    if kind == "queue_counts_changed":
        heard.badge = data
    if "image" in data:
        heard.pictures += 1
        if is_admin:
            heard.strangers.append("a preview")
    if not is_admin and data.get("user_id", heard.user_id) != heard.user_id:
        heard.strangers.append(kind)


async def ask(
    client: aiohttp.ClientSession, url: str, tokens: list[str], per_s: float, stop: asyncio.Event
) -> list[float]:
    """One picture at a time, each for the next person, whether or not the answers before have come: milliseconds."""
    took: list[float] = []

    async def one(token: str) -> None:
        began = time.monotonic()
        body = {"positive_prompt": "a pear", "steps": 3}
        headers = {"Authorization": f"Bearer {token}"}
        async with client.post(f"{url}/api/v1/queue/default/generate", json=body, headers=headers) as answer:
            if answer.status != 201:
                sys.exit(f"asking was answered {answer.status}: {await answer.text()}")
            await answer.read()
        took.append((time.monotonic() - began) * 1000)

    due = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for token in cycle(tokens):
            due += 1 / per_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if stop.is_set():
                break
            group.create_task(one(token))
    return took


async def run(url: str, per_s: float) -> None:
    """What the module says."""
    loop = asyncio.get_running_loop()

    async def line() -> str:
        return await loop.run_in_executor(None, sys.stdin.readline)

    people = json.loads(await line())
    heard = [Heard(user_id) for user_id, _ in people["listeners"]]
    open_ = asyncio.Semaphore(0)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=2**20) as client:
        tasks = [
            asyncio.create_task(listen(client, url, user_id, token, mine, open_.release))
            for (user_id, token), mine in zip(people["listeners"], heard, strict=True)
        ]
        for _ in tasks:
            await open_.acquire()
        print("ready", flush=True)
        took: list[float] = []
        while (await line()).strip() == "ask":
            stop = asyncio.Event()
            asking = asyncio.create_task(ask(client, url, people["askers"], per_s, stop))
            await line()
            stop.set()
            took += await asking
            print("asked", flush=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    ordered = sorted(took)
    times = {"p50_ms": ordered[len(took) // 2], "p99_ms": ordered[int(len(took) * 0.99)]}
    print(json.dumps({"heard": [asdict(each) for each in heard], "asked": len(took), **times}))


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], float(sys.argv[2])))
