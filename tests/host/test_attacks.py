"""A second pair of eyes: foreign pages, forged names, hostile bytes and silent clients against a complete host.

The ids (S-A1, S-F1, ...) are those of the security reference that this project tests against.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from .client import QUEUE, Client
from .process import HostProcess
from .table import ROUTES, concrete
from .test_pictures import IMAGES, make
from .uploading import new_board

EVENTS = "/api/v1/events"
UNSAFE = [row for row in ROUTES if row.route.method != "GET"]


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder, but for what a running database and log write."""
    return {
        str(file): (file.stat().st_size, file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file() and ".db" not in file.name and file.suffix != ".log"
    }


# Foreign pages ---------------------------------------------------------------------------------------------------


def foreign(client: Client) -> list[dict[str, str]]:
    """Headers that a browser sends for pages which are not ours (S-F1)."""
    port = client.port
    return [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": f"http://127.0.0.1:{port}.evil.example"},
        {"Origin": f"http://127.0.0.1:{port + 1}"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": f"https://127.0.0.1:{port}"},
        {"Origin": f"http://localhost:{port}"},
        {"Origin": f"http://127.0.0.1:{port}:{port}"},
        {"Origin": f"http://user@127.0.0.1:{port}"},
        {"Origin": f"http://127.0.0.1:{port}/"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "nonsense"},
        {"Sec-Fetch-Site": "cross-site", "Origin": client.url},
        {"Sec-Fetch-Site": "cross-site", "Cookie": "session=x", "Authorization": "Bearer x"},
    ]


def test_s_f1_no_page_of_another_origin_can_change_anything(victim: Client):
    before = victim.get(f"{QUEUE}/status").json()
    for row in UNSAFE:
        for headers in foreign(victim):
            body = b'{"positive_prompt": "a"}' if row.route.body is not None else None
            sent = {**headers, **({"Content-Type": "application/json"} if body else {})}
            answer = victim.request(row.route.method, concrete(row.route.path), body=body, headers=sent)
            assert answer.status == 403, (row.line, headers, answer.body)
            assert not [name for name in answer.headers if name.startswith("access-control")]
    assert victim.get(f"{QUEUE}/status").json() == before


def test_s_f1_the_hosts_own_pages_and_programs_can(victim: Client):
    for headers in ({}, {"Origin": victim.url, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert victim.put(f"{QUEUE}/prune", headers=headers).status == 200


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", "multipart/form-data", ""],
)
def test_s_f2_a_body_that_does_not_say_it_is_json_is_refused(victim: Client, kind: str):
    for row in UNSAFE:
        if row.route.body is not None:
            headers = {"Content-Type": kind} if kind else {}
            query = "?key=a" if row.route.path.endswith("_by_key") else ""
            path = concrete(row.route.path) + query
            answer = victim.request(row.route.method, path, body=b'{"positive_prompt": "a"}', headers=headers)
            assert answer.status == 415, (row.line, answer.body)


def test_s_f3_no_page_of_another_origin_can_listen(victim: Client):
    for headers in foreign(victim):
        answer = victim.get(EVENTS, headers=headers)
        assert answer.status == 403
        assert b"event:" not in answer.body


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "[::1].evil.example",
        "localhost:80@evil.example",
        "xn--lcalhost-54a",
        "",
    ],
)
def test_a_foreign_name_pointed_at_this_host_reads_nothing(victim: Client, name: str):
    for path in ("/", "/docs", "/openapi.json", "/healthz", EVENTS, f"{IMAGES}/", "/nothing", "/api/v2/models"):
        head = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        assert victim.raw(head.encode()).split()[1] in (b"403", b"400"), (name, path)


def test_two_host_headers_or_none_are_refused(victim: Client):
    for hosts in ("Host: localhost\r\nHost: evil.example\r\n", "Host: evil.example\r\nHost: localhost\r\n", ""):
        answer = victim.raw(f"GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
        assert answer.split()[1] == b"400"


# Names and files -------------------------------------------------------------------------------------------------

PATHS = (
    "../invoke-host.db",
    "..\\..\\invoke-host.db",
    "%2e%2e/%2e%2e/invoke-host.db",
    "/etc/passwd",
    "C:\\Windows\\win.ini",
    "....//....//invoke-host.db",
    "∕etc∕passwd",
    "../invoke-host.db",
    "a" * 255,
    "images/../../invoke-host.db",
    ".invoke-host-blobs",
    "\r\nSet-Cookie: a=b",
)


def test_s_a1_names_from_json_never_become_paths(target: HostProcess, victim: Client):
    before = snapshot(target.root.parent)
    for route, key in (("delete", "deleted_images"), ("star", "starred_images"), ("unstar", "unstarred_images")):
        answer = victim.post(f"{IMAGES}/{route}", {"image_names": list(PATHS)})
        assert (answer.status, answer.json()[key], set(answer.json()["failed_images"])) == (200, [], set(PATHS))
    assert victim.post(f"{IMAGES}/images_by_names", {"image_names": list(PATHS)}).json() == []
    trash = (("restore", "restored_images"), ("purge", "purged_images"))
    short = [path for path in PATHS if len(path) <= 64]
    board = new_board(victim)
    for path, key, body in (
        *((f"{IMAGES}/trash/{word}", key, {"image_names": list(PATHS)}) for word, key in trash),
        ("/api/v1/board_images/batch", "added_images", {"board_id": board, "image_names": short}),
        ("/api/v1/board_images/batch/delete", "removed_images", {"image_names": short}),
    ):
        answer = victim.post(path, body)
        told = answer.json()
        assert (told[key], set(told["failed_images"])) == ([], set(body["image_names"])), answer.text
    assert victim.post(f"{IMAGES}/download", {"image_names": list(PATHS)}).status == 404
    for path in PATHS:
        assert victim.get(f"{IMAGES}/download/{quote(path, safe='')}.zip").status == 404
        assert victim.patch(f"/api/v1/boards/{board}", {"cover_image_name": path}).status == 422
    assert victim.delete(f"/api/v1/boards/{board}").status == 200
    assert victim.post(f"{IMAGES}/delete", {"image_names": ["a\0.png"]}).status == 422
    assert victim.post(f"{IMAGES}/delete", {"image_names": ["a" * 4096]}).status == 422
    assert snapshot(target.root.parent) == before


def test_s_a3_nothing_is_written_where_the_host_was_started(host: HostProcess, painter):
    make(painter)
    assert list((host.root.parent / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("prefix", ["", "/static", "/static/swagger", "/docs", IMAGES, f"{IMAGES}/i", "/x"])
def test_s_a9_nothing_that_a_root_folder_holds_is_served_by_its_name(victim: Client, prefix: str):
    for file in ("invoke-host.db", "invoke-host.toml", "secrets/key", "blobs/images", "run/host.json", "etc/passwd"):
        for way in (
            "",
            "../",
            "..%2f",
            "%2e%2e/",
            "../../../../",
            "..%2f..%2f..%2f..%2f",
            "/",
            "%2f",
            "..%5c",
            ".%00/",
        ):
            answer = victim.raw(
                f"GET {prefix}/{way}{file} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )
            assert answer.split()[1] in (b"404", b"400"), (prefix, way, file, answer[:200])


def test_a_link_in_the_place_of_a_picture_leads_nowhere(host: HostProcess, painter, tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"the secret of another user")
    _, [linked, moved] = make(painter, count=2)
    blobs = host.root / "blobs"
    file = blobs / "images" / linked[:2] / linked
    file.unlink()
    file.symlink_to(secret)
    thumbnails = blobs / "thumbnails" / moved[:2]
    outside = tmp_path / "outside"
    shutil.move(thumbnails, outside)
    thumbnails.symlink_to(outside)
    try:
        for path in (f"{linked}/full", f"{moved}/thumbnail"):
            answer = painter.get(f"{IMAGES}/i/{path}")
            assert answer.status == 410, answer.body
            assert b"secret" not in answer.body
        assert painter.delete(f"{IMAGES}/i/{linked}").status == 200
        assert painter.delete(f"{IMAGES}/i/{moved}").status == 200
        purged = painter.post(f"{IMAGES}/trash/purge", {"image_names": [linked, moved]})
        assert purged.json()["purged_images"] == [linked, moved]
    finally:
        thumbnails.unlink()
        shutil.move(outside, thumbnails)
    assert secret.read_bytes() == b"the secret of another user"
    assert not file.is_symlink()
