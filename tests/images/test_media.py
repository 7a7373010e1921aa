"""Files over real HTTP: whole, cacheable, and never anything but what was stored."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from invoke_host.images import media
from invoke_host.images.names import image_key, thumbnail_key
from invoke_host.images.rows import FileFacts
from invoke_host.testing.client import ApiClient
from tests.images.conftest import BOB, Gallery

SMALL = b"\x89PNG small"
LARGE = bytes(range(256)) * (5 * media.PIECE_BYTES // 256) + b"end"


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_the_picture_comes_whole_with_the_headers_that_keep_it_safe(
    gallery: Gallery, alice: ApiClient, content: bytes
) -> None:
    name = gallery.add(content=content)

    answer = await alice.get(f"/api/v1/images/i/{name}/full")

    assert answer.status == 200
    assert answer.body == content
    headers = answer.headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Length"] == str(len(content))
    assert headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == f'inline; filename="{name}"'
    assert headers["Vary"] == "Cookie, Authorization"
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["Accept-Ranges"] == "bytes"
    head = await alice.head(f"/api/v1/images/i/{name}/full")
    same = ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Content-Disposition", "Vary")
    assert (head.status, head.body) == (200, b"")
    assert {key: head.headers[key] for key in same} == {key: headers[key] for key in same}


async def test_the_thumbnail_is_webp_with_its_own_etag(gallery: Gallery, alice: ApiClient) -> None:
    name = gallery.add()

    answer = await alice.get(f"/api/v1/images/i/{name}/thumbnail")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
    assert answer.headers["Content-Disposition"] == f'inline; filename="{name.replace("png", "webp")}"'


async def test_a_browser_that_has_the_picture_is_told_so_but_only_if_it_may_see_it(
    gallery: Gallery, alice: ApiClient
) -> None:
    name = gallery.add()
    path = f"/api/v1/images/i/{name}/full"
    etag = (await alice.get(path)).headers["ETag"]

    for value in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await alice.get(path, headers={"If-None-Match": value})
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == etag
        assert answer.headers["Cache-Control"] == "private, no-cache"
    assert (await alice.get(path, headers={"If-None-Match": '"other"'})).status == 200
    assert (await alice.as_caller("bob").get(path, headers={"If-None-Match": etag})).status == 404
    assert (await alice.as_caller(None).get(path, headers={"If-None-Match": etag})).status == 401


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_ranges(gallery: Gallery, alice: ApiClient, content: bytes) -> None:
    path = f"/api/v1/images/i/{gallery.add(content=content)}/full"
    size = len(content)

    async def get(value: str, **headers: str) -> tuple[int, bytes, str | None]:
        answer = await alice.get(path, headers={"Range": value, **headers})
        return answer.status, answer.body, answer.headers.get("Content-Range")

    assert await get("bytes=0-3") == (206, content[:4], f"bytes 0-3/{size}")
    assert await get("bytes=4-") == (206, content[4:], f"bytes 4-{size - 1}/{size}")
    assert await get("bytes=-2") == (206, content[-2:], f"bytes {size - 2}-{size - 1}/{size}")
    assert await get(f"bytes=2-{size + 100}") == (206, content[2:], f"bytes 2-{size - 1}/{size}")
    assert (await get(f"bytes={size}-"))[::2] == (416, f"bytes */{size}")
    for malformed in ("bytes=5-2", "bytes=x", "lines=0-1", "bytes=0-1,3-4"):
        assert await get(malformed) == (200, content, None)
    etag = (await alice.get(path)).headers["ETag"]
    assert (await get("bytes=0-3", **{"If-Range": etag}))[0] == 206
    assert (await get("bytes=0-3", **{"If-Range": '"other"'}))[0] == 200
    assert (await get("bytes=0-3", **{"If-Match": '"other"'}))[0] == 412


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def into_link(path: Path) -> None:
    secret = path.with_name("secret")
    path.replace(secret)
    path.symlink_to(secret)


def into_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: os.truncate(path, 0),
    "truncated": truncate,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"<script>"),
    "a folder": into_folder,
    "a link": into_link,
    "a pipe": into_pipe,
    "in a folder that is gone": lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("kind", ["full", "thumbnail"])
async def test_a_damaged_file_is_gone_and_never_half_sent(
    gallery: Gallery, alice: ApiClient, damage: Callable[[Path], object], kind: str
) -> None:
    name, whole = gallery.add(), gallery.add()
    damage(gallery.blobs.path(image_key(name) if kind == "full" else thumbnail_key(name)))

    for answer in (
        await alice.get(f"/api/v1/images/i/{name}/{kind}"),
        await alice.head(f"/api/v1/images/i/{name}/{kind}"),
    ):
        assert answer.status == 410
    assert (await alice.get(f"/api/v1/images/i/{name}/{kind}")).headers["Content-Type"] == "application/problem+json"
    assert (await alice.get(f"/api/v1/images/i/{name}")).status == 200
    assert (await alice.get(f"/api/v1/images/i/{whole}/{kind}")).status == 200


async def test_a_thumbnail_with_one_wrong_bit_is_gone(gallery: Gallery, alice: ApiClient) -> None:
    name = gallery.add()
    path = gallery.blobs.path(thumbnail_key(name))
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)

    assert (await alice.get(f"/api/v1/images/i/{name}/thumbnail")).status == 410


async def test_a_file_that_shrinks_while_it_is_sent_breaks_the_connection(
    tmp_path: Path, gallery: Gallery, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = gallery.add(content=LARGE)
    path = gallery.blobs.path(image_key(name))
    read = media._piece

    def read_and_shrink(file: object, at: int, size: int) -> bytes:
        os.truncate(path, media.PIECE_BYTES)
        return read(file, at, size)  # type: ignore[arg-type]  # passed through as it came

    monkeypatch.setattr(media, "_piece", read_and_shrink)
    import aiohttp

    with pytest.raises(aiohttp.ClientError):
        await api.as_caller("alice").get(f"/api/v1/images/i/{name}/full")


async def test_a_client_that_stops_reading_is_cut_off_and_holds_nothing(
    gallery: Gallery, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "SEND_TIMEOUT_S", 0.2)
    name = gallery.add(content=LARGE * 8)  # more than both ends' buffers take
    waiting = asyncio.Event()
    taken = media._taken

    async def tell(sending: Awaitable[None]) -> None:
        try:
            await taken(sending)
        except TimeoutError:
            waiting.set()
            raise

    monkeypatch.setattr(media, "_taken", tell)
    url = urlsplit(api.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=1024)
    headers = "".join(f"{key}: {value}\r\n" for key, value in api.as_caller("alice").headers.items())
    writer.write(f"GET /api/v1/images/i/{name}/full HTTP/1.1\r\nHost: {url.netloc}\r\n{headers}\r\n".encode())
    assert b"200" in await reader.readline()
    assert open_pictures() != []

    async with asyncio.timeout(10):
        await waiting.wait()
        while open_pictures():  # noqa: ASYNC110 - nobody signals that a file was closed
            await asyncio.sleep(0.01)
        with pytest.raises((EOFError, ConnectionError)):
            await reader.readexactly(len(LARGE) * 8)
    writer.close()


async def test_a_client_that_reads_slowly_gets_the_whole_picture(
    gallery: Gallery, alice: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is for each piece, not for the picture."""
    monkeypatch.setattr(media, "SEND_TIMEOUT_S", 0.2)
    read = media._piece

    def read_slowly(file: BinaryIO, at: int, size: int) -> bytes:
        threading.Event().wait(0.08)
        return read(file, at, size)

    monkeypatch.setattr(media, "_piece", read_slowly)

    assert (await alice.get(f"/api/v1/images/i/{gallery.add(content=LARGE)}/full")).body == LARGE


async def test_a_compressed_neighbour_is_never_sent_instead(gallery: Gallery, alice: ApiClient) -> None:
    name = gallery.add()
    path = gallery.blobs.path(image_key(name))
    path.with_name(path.name + ".gz").write_bytes(b"something else")

    answer = await alice.get(f"/api/v1/images/i/{name}/full", headers={"Accept-Encoding": "gzip"})

    assert answer.body == path.read_bytes()
    assert "Content-Encoding" not in answer.headers


async def test_one_user_alone_may_keep_pictures_for_good(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(SMALL)
    facts = FileFacts("picture", hashlib.sha256(SMALL).hexdigest(), len(SMALL))
    headers = media._headers(facts, path, multi_user=False)

    assert headers["Cache-Control"] == "private, max-age=31536000, immutable"


@pytest.mark.parametrize("kind", ["full", "thumbnail", "metadata", "workflow", "urls"])
async def test_another_users_image_is_not_found_and_nobodys_is_no_different(
    gallery: Gallery, alice: ApiClient, kind: str
) -> None:
    foreign, unknown = gallery.add(BOB), gallery.name()

    first = await alice.get(f"/api/v1/images/i/{foreign}/{kind}")
    second = await alice.get(f"/api/v1/images/i/{unknown}/{kind}")

    assert (first.status, second.status) == (404, 404)
    assert first.text.replace(foreign, "") == second.text.replace(unknown, "")
    assert (await alice.as_caller("bob").get(f"/api/v1/images/i/{foreign}/{kind}")).status == 200
    assert (await alice.as_caller("root").get(f"/api/v1/images/i/{foreign}/{kind}")).status == 200
    assert (await alice.as_caller(None).get(f"/api/v1/images/i/{foreign}/{kind}")).status == 401


def open_pictures() -> list[Path]:
    """PNG files that this process has open."""
    return [path for link in Path("/proc/self/fd").iterdir() if (path := link.resolve()).suffix == ".png"]


async def test_fifty_pictures_at_once_leave_no_file_open(gallery: Gallery, alice: ApiClient) -> None:
    names = [gallery.add(content=LARGE if index % 5 == 0 else SMALL) for index in range(50)]
    await alice.get("/api/v1/images/")
    assert open_pictures() == []

    answers = await asyncio.gather(*(alice.get(f"/api/v1/images/i/{name}/full") for name in names))

    assert {answer.status for answer in answers} == {200}
    assert open_pictures() == []


def test_the_routes_answer_no_other_type_than_these() -> None:
    from invoke_host.images.routes import ROUTES

    assert {route.media for route in ROUTES} == {None, "image/png", "image/webp", "application/zip"}
    assert web.FileResponse not in vars(media).values()
