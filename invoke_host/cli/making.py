"""Enqueue, follow, save: the work behind `invoke-host generate`."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from invoke_host import ids
from invoke_host.cli.client import HostClient
from invoke_host.cli.errors import CliError
from invoke_host.cli.following import Batch, follow, listening


async def make(
    client: HostClient, body: Mapping[str, Any], output: Path, changed: Callable[[Batch], None]
) -> dict[str, Any]:
    """Generate and save. Returns `batch_id`, `enqueued`, `images` (file, image_name, item_id, seed), `failed` items,
    and what limited their number (`limited_by`, else None).

    When this task is cancelled (Ctrl-C), what is unfinished of the batch is cancelled on the host too.
    """
    async with listening(client) as events:  # before enqueueing, so that nothing is missed
        answer = await client.generate(body, ids.new_id())
        batch_id = str(answer["batch"]["batch_id"])
        batch = Batch([int(each) for each in answer["item_ids"]])
        try:
            await follow(client, batch, events, changed)
        except asyncio.CancelledError:
            with suppress(CliError):
                await client.cancel_batches([batch_id])
            raise
    completed = [item for item in batch.items.values() if item.status == "completed"]
    files = output_files(output, int(answer["requested"]))
    images = []
    for item, file in zip(batch.items.values(), files, strict=False):
        for name in item.image_names if item in completed else ():
            write_atomically(file, await client.image(name))
            seed = (await client.metadata(name)).get("seed")
            images.append({"file": str(file), "image_name": name, "item_id": item.id, "seed": seed})
    failed = [
        {"item_id": item.id, "status": item.status, "error": item.error}
        for item in batch.items.values()
        if item not in completed
    ]
    return {
        "batch_id": batch_id,
        "enqueued": len(batch.items),
        "limited_by": answer.get("limited_by"),
        "images": images,
        "failed": failed,
    }


def output_files(output: Path, count: int) -> list[Path]:
    """The file itself for one picture, else numbered ones beside it: `apple-1.png`, `apple-2.png`."""
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, count + 1)]


def write_atomically(file: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all. Raises CliError naming it when the disk refuses."""
    try:
        handle, part = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.absolute().parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(part).chmod(0o666 & ~_umask())
            Path(part).replace(file)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CliError(f"{file}: can't be written: {error.strerror}") from error


def _umask() -> int:
    """The process's file-creation mask, which `mkstemp` does not honour."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
