"""What tests of single faults ask a host, and wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .host import QUEUE, RunningHost
from .oracle import FINISHED


async def generate(host: RunningHost, *, count: int = 1, steps: int = 2, key: str = "", **fields: Any) -> list[int]:
    """Ids of the items of an accepted request."""
    status, answer = await send(host, count=count, steps=steps, key=key, **fields)
    assert status in (200, 201), (status, answer)
    ids: list[int] = answer["item_ids"]
    return ids


async def send(
    host: RunningHost, *, count: int = 1, steps: int = 2, key: str = "", **fields: Any
) -> tuple[int, dict[str, Any]]:
    """The answer to a request."""
    headers = {"Idempotency-Key": key} if key else {}
    body = {"positive_prompt": "an apple", "seed": 1, "count": count, "steps": steps, **fields}
    return await host.ask("POST", f"{QUEUE}/generate", body, **headers)


async def item(host: RunningHost, item_id: int) -> dict[str, Any]:
    status, answer = await host.ask("GET", f"{QUEUE}/i/{item_id}")
    assert status == 200, answer
    found: dict[str, Any] = answer
    return found


async def status_of(host: RunningHost, item_id: int, *statuses: str, within_s: float = 30.0) -> dict[str, Any]:
    """The item, once it has one of these statuses; without any, once it is finished."""
    wanted = statuses or tuple(FINISHED)

    async def look() -> dict[str, Any] | None:
        found = await item(host, item_id)
        return found if found["status"] in wanted else None

    return await until(f"item {item_id} is {' or '.join(wanted)}", look, host, within_s=within_s)


async def until(what: str, look: Callable[[], Any], host: RunningHost, *, within_s: float = 30.0) -> Any:
    """The first truthy answer of `look`, asked again and again."""
    try:
        async with asyncio.timeout(within_s):
            while not (found := await look()):  # noqa: ASYNC110 - a host tells only its streams
                await asyncio.sleep(0.02)
            return found
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what}\n{host.log_text()[-4000:]}") from None


async def readiness(host: RunningHost) -> tuple[int, dict[str, tuple[str, str]]]:
    """Status of /readyz, and status and detail of each check."""
    status, answer = await host.ask("GET", "/readyz")
    return status, {check["name"]: (check["status"], check["detail"]) for check in answer["checks"]}
