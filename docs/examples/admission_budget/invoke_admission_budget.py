"""Nobody enqueues more than a budget service says they have left."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, Field, StringConstraints

from invoke_host.api import (
    AdmissionRequest,
    HostView,
    JobAdmission,
    PluginConfig,
    PluginManifest,
    Refusal,
    Secret,
    hookimpl,
)


class BudgetConfig(PluginConfig):
    """The table `[plugins.budget]`."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/?#]+(/[^?#]*)?$")]
    token: Secret = Secret("")
    timeout_s: float = Field(1.5, gt=0, lt=2)
    for_administrators: bool = True


class Answer(BaseModel):
    """What the service says of a user; times in seconds."""

    left_s: float = Field(allow_inf_nan=False)
    resets_in_s: float | None = Field(ge=0, le=31_622_400)


class Budget(JobAdmission):
    """Refuses what is expected to take more device time than is left."""

    name = "budget"

    def __init__(self, options: BudgetConfig) -> None:
        self._options = options

    async def admit(self, request: AdmissionRequest) -> Refusal | None:
        """Asks the service. If it fails or is slow this raises, and the host lets nobody in."""
        actor = request.actor
        if actor.is_admin and not self._options.for_administrators:
            return None
        answer = await self._ask(actor.id or "")
        if request.engine_s <= answer.left_s:
            return None
        again_s = None if answer.resets_in_s is None else max(1, math.ceil(answer.resets_in_s))
        text = f"These {request.images} images would take about {request.engine_s:.0f} s of device time"
        return Refusal(f"{text}, and your budget has {max(0.0, answer.left_s):.0f} s left.", again_s)

    async def _ask(self, user_id: str) -> Answer:
        # A session for each question: a few hundred microseconds, and nothing to open, share or close.
        timeout = aiohttp.ClientTimeout(total=self._options.timeout_s)
        headers = {"Authorization": f"Bearer {self._options.token.reveal()}"} if self._options.token else {}
        url = f"{self._options.url.rstrip('/')}/budgets/{quote(user_id, safe='')}"
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session, session.get(url) as response:
            response.raise_for_status()
            return Answer.model_validate_json(await response.read())


class BudgetPlugin:
    """The plugin; its name in the TOML is `budget`."""

    manifest = PluginManifest(
        name="budget",
        api=">=1.0,<2",
        provides=frozenset({"extension"}),
        config=BudgetConfig,
        description="Budgets of device time, kept by another service",
    )

    @hookimpl
    def invoke_admit_job(self, host: HostView) -> Iterable[JobAdmission]:
        """One admission, with the options of this host."""
        return [Budget(host.options(BudgetConfig))]
