"""What the operator is told of a host that has started."""

from __future__ import annotations

import invoke_host
from invoke_host.compose.parts import Parts
from invoke_host.ops.banner import BannerFacts
from invoke_host.queue.recovery import RecoveryReport
from invoke_host.web.server import RunningServer


async def banner_facts(parts: Parts, schema: str, recovered: RecoveryReport, server: RunningServer) -> BannerFacts:
    """The banner's facts, the setup code among them while there is no administrator."""
    setup = await parts.accounts.setup_advice(str(parts.loaded.root))
    return BannerFacts(
        url=parts.loaded.config.server.public_url or server.url,
        mode="single-user, no login" if parts.authenticator.single_user else "multi-user",
        version=invoke_host.__version__,
        database=parts.storage.backend.describe(),
        schema_revision=schema,
        blobs=parts.blobs.describe(),
        free_bytes=parts.blobs.free_bytes(),
        devices=[f"{device.name} ({device.state})" for device in parts.executor.devices()],
        recovered_items=recovered.requeued,
        warnings=[*parts.loaded.warnings, *parts.registry.warnings, *recovered.problems, *setup.warnings],
        root=parts.loaded.root,
        plugins=[plugin.name for plugin in parts.registry.plugins if plugin.name != "builtin"],
        setup_code=setup.code,
    )
