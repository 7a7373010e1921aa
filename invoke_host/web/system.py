"""The host's own routes: version, liveness and readiness."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel

from invoke_host.api import PUBLIC, Health, HealthCheck, Route, json_response
from invoke_host.clock import Clock, timestamp
from invoke_host.web import web
from invoke_host.web.settings import WebSettings

#: A check that has not answered by then counts as failed.
CHECK_TIMEOUT_S = 0.2


class Version(BaseModel):
    """The program's version."""

    version: str


class Alive(BaseModel):
    """The process answers."""

    status: str


class CheckResult(BaseModel):
    """One part of the host: `ok`, `degraded` (works, needs attention) or `failed`."""

    name: str
    status: str
    detail: str = ""


class Readiness(BaseModel):
    """Whether the host can do its work; `status` is the worst of the checks."""

    status: str
    checked_at: str
    checks: list[CheckResult]


def system_routes(config: WebSettings, health: Sequence[HealthCheck], clock: Clock) -> tuple[Route, ...]:
    """`/api/v1/app/version`, `/healthz` and `/readyz`."""

    async def version(request: web.Request) -> web.StreamResponse:
        return json_response({"version": config.version})

    async def alive(request: web.Request) -> web.StreamResponse:
        return json_response({"status": "ok"})

    async def ready(request: web.Request) -> web.StreamResponse:
        results = await asyncio.gather(*(_ask(check) for check in health))
        worst = max((result.status for result in results), key=_SEVERITY.index, default="ok")
        # Details name folders and devices; where strangers can ask, they get the state alone.
        checks = [
            {"name": result.name, "status": result.status, "detail": result.detail if config.single_user else ""}
            for result in results
        ]
        content = {"status": worst, "checked_at": timestamp(clock.now()), "checks": checks}
        return json_response(content, status=503 if worst == "failed" else 200)

    return (
        Route(
            "GET", "/api/v1/app/version", version, PUBLIC, "Version of the host", "app", responses=((200, Version),)
        ),
        Route(
            "GET", "/healthz", alive, PUBLIC, "Is the process alive? Answers without any I/O", "health",
            responses=((200, Alive),),
        ),
        Route(
            "GET", "/readyz", ready, PUBLIC, "Can the host do its work? 503 when a check fails", "health",
            responses=((200, Readiness), (503, Readiness)),
        ),
    )  # fmt: skip


_SEVERITY = ("ok", "degraded", "failed")


async def _ask(check: HealthCheck) -> Health:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            answer = await check.run()
    except TimeoutError:
        return Health(check.name, "failed", f"no answer within {CHECK_TIMEOUT_S * 1000:.0f} ms")
    except Exception as error:  # noqa: BLE001 - a check may be a plugin's; whatever it raises means that it failed
        return Health(check.name, "failed", f"the check itself failed: {type(error).__name__}")
    return Health(check.name, answer.status, answer.detail)
