"""Archives as users get them, and what is left of them behind."""

from __future__ import annotations

import io
import os
import zipfile

from sqlalchemy import select

from invoke_host.images.tables import downloads

from .traffic import Traffic

DOWNLOAD = "/api/v1/images/download"


async def asked(traffic: Traffic, caller: str = "alice", **wanted: object) -> str:
    answer = await traffic.as_caller(caller).post(DOWNLOAD, json=wanted)
    assert answer.status == 202, answer.text
    await traffic.packed()
    return answer.json()["bulk_download_item_name"]


async def fetched(traffic: Traffic, name: str, caller: str = "alice") -> dict[str, bytes]:
    answer = await traffic.as_caller(caller).get(f"{DOWNLOAD}/{name}")
    assert answer.status == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.testzip() is None
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def rows(traffic: Traffic) -> list[str]:
    return traffic.gallery.storage.run_read(lambda conn: list(conn.scalars(select(downloads.c.state))))


def left(traffic: Traffic) -> list[str]:
    return os.listdir(traffic.folder)  # noqa: PTH208
