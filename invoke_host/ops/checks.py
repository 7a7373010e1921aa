"""What `/readyz` asks the host's own parts: database, disk and devices."""

from __future__ import annotations

import asyncio

from invoke_host.api import BlobStore, Executor, Health, HealthCheck, StorageBackend

#: A disk with less room than this is reported.
LOW_DISK_BYTES = 1024**3


def own_checks(backend: StorageBackend, blobs: BlobStore, executor: Executor) -> list[HealthCheck]:
    """The checks `database`, `disk` and `devices`. A host without a ready device still answers: it is degraded."""

    async def database() -> Health:
        return await asyncio.to_thread(backend.check)

    async def disk() -> Health:
        if trouble := await asyncio.to_thread(blobs.trouble):
            return Health("disk", "failed", trouble)
        free = await asyncio.to_thread(blobs.free_bytes)
        if free is not None and free < LOW_DISK_BYTES:
            return Health("disk", "degraded", f"only {free // 1024**2} MiB left at {blobs.describe()}")
        return Health("disk", "ok", blobs.describe())

    async def devices() -> Health:
        found = executor.devices()
        detail = ", ".join(f"{each.name} {each.state}" for each in found) or "no devices"
        ready = any(each.state in ("ready", "busy") for each in found)
        return Health("devices", "ok" if ready else "degraded", detail)

    return [HealthCheck("database", database), HealthCheck("disk", disk), HealthCheck("devices", devices)]
