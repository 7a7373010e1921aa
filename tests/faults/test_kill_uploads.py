"""kill -9 of the host, and of its decoder, while a picture is uploaded: it is there whole, or nothing of it is."""

from __future__ import annotations

import io
import signal
from contextlib import suppress

import aiohttp
import pytest
from PIL import Image

from .host import GONE, HostRoot, RunningHost

UPLOAD = "api/v1/images/upload?image_category=user&is_intermediate=false"
DOWNLOAD = "/api/v1/images/download"


def a_form() -> aiohttp.FormData:
    out = io.BytesIO()
    Image.effect_noise((200, 100), 50).save(out, "PNG")
    out.seek(0)
    form = aiohttp.FormData()
    form.add_field("file", out, filename="noise.png")
    return form


async def upload(host: RunningHost) -> int:
    async with host.session.post(f"{host.url}/{UPLOAD}", data=a_form()) as answer:
        return answer.status


async def stored(host: RunningHost) -> list[str]:
    """Names of all images, each of which can be fetched whole; and the folders hold nothing else."""
    status, page = await host.ask("GET", "/api/v1/images/?limit=100")
    assert status == 200
    for image in page["items"]:
        status, content = await host.fetch(image["image_url"])
        assert status == 200
        Image.open(io.BytesIO(content)).load()
    names = {image["image_name"] for image in page["items"]}
    blobs = host.root.root / "blobs"
    assert {path.name for path in blobs.glob("images/*/*")} == names
    assert {f"{path.stem}.png" for path in blobs.glob("thumbnails/*/*")} == names
    return sorted(names)


@pytest.mark.parametrize(
    ("failpoint", "kept"),
    [
        ("upload.before_intent", 1),
        ("save.before_fsync", 1),
        ("save.after_rename", 1),
        ("upload.before_commit", 1),
        ("upload.after_commit", 2),
    ],
)
async def test_a_host_killed_in_an_upload_has_it_whole_or_not_at_all(root: HostRoot, failpoint: str, kept: int) -> None:
    # Two adoptions make an upload: the failpoints of the blob store are passed twice by the first one.
    at = 4 if failpoint.startswith("save.") else 2
    host = await root.start(f"{failpoint}:kill9@{at}")
    assert await upload(host) == 201
    with pytest.raises(GONE):
        await upload(host)
    await host.dies()
    await host.gone()
    assert host.process.returncode == -signal.SIGKILL
    host = await root.start()
    assert len(await stored(host)) == kept
    assert not list((root.root / "blobs" / ".staging").iterdir())
    assert await upload(host) == 201
    assert len(await stored(host)) == kept + 1


async def test_a_decoder_that_is_killed_costs_no_upload(root: HostRoot) -> None:
    host = await root.start("pictures.decode:kill9@2")
    assert [await upload(host) for _ in range(3)] == [201, 201, 201]
    assert len(await stored(host)) == 3


async def test_a_host_killed_while_it_packs_leaves_no_half_archive(root: HostRoot) -> None:
    host = await root.start("download.half_written:kill9")
    await upload(host)
    with suppress(*GONE):  # it may die before it has answered
        await host.ask("POST", DOWNLOAD, {"board_id": "none"})
    await host.dies()
    await host.gone()
    assert list((root.root / "downloads").iterdir())
    host = await root.start()
    assert list((root.root / "downloads").iterdir()) == []
    assert (await host.ask("POST", DOWNLOAD, {"board_id": "none"}))[0] == 202
