"""Forms: what is declared comes in, whatever else a client sends is told or given up, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gzip
import time

import aiohttp
import pytest
from pydantic import BaseModel

from invoke_host.api import LOGGED_IN, Route, json_response
from invoke_host.web import multipart
from invoke_host.web._disposition import field_name
from invoke_host.web._multipart_stream import MAX_HEADER_BYTES
from invoke_host.web.multipart import MULTIPART, FileField, TextField, read_form

# Such warnings are no failures in a host; here they would be.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")

LIMIT = 300_000
CRLF = "\r\n"


class Size(BaseModel):
    width: int
    height: int


FIELDS = [TextField("note", 100), TextField("size", model=Size), TextField("wanted", required=True)]
FILES = [FileField("file", 200_000), FileField("extra", 100, required=False)]


@pytest.fixture
async def client(make_app, tmp_path):
    folder = tmp_path / "staging"
    folder.mkdir()

    async def up(request):
        form = await read_form(request, folder=folder, limit_bytes=LIMIT, fields=FIELDS, files=FILES)
        size = form.value("size", Size)
        return json_response(
            {
                "texts": form.texts,
                "width": size and size.width,
                "files": {name: [file.size_bytes, file.path.name] for name, file in form.files.items()},
                "content": {name: file.path.read_bytes()[:50].decode() for name, file in form.files.items()},
            },
            status=201,
        )

    route = Route("POST", "/up", up, LOGGED_IN, consumes=MULTIPART, body_limit_bytes=LIMIT)
    return (await make_app([route])).as_caller("alice")


def a_part(name: str, content: str = "x", more: str = "", headers: str = "") -> str:
    return f'--b{CRLF}Content-Disposition: form-data; name="{name}"{more}{CRLF}{headers}{CRLF}{content}{CRLF}'


GOOD = a_part("wanted") + a_part("file", "data", '; filename="a.png"')


async def send(client, body, content_type="multipart/form-data; boundary=b", **options):
    data = body.encode() if isinstance(body, str) else body
    return await client.post("/up", data=data, headers={"Content-Type": content_type}, **options)


def places(answer):
    assert answer.status == 422, answer.text
    return [(".".join(map(str, each["loc"])), each["type"]) for each in answer.detail]


async def test_declared_texts_and_files_arrive(client):
    form = aiohttp.FormData()
    form.add_field("wanted", "grün")
    form.add_field("size", '{"width": 3, "height": 4}', content_type="application/json")
    form.add_field("file", b"y" * 150_000, filename="picture.png", content_type="image/png")
    answer = await client.post("/up", data=form)
    assert answer.status == 201
    assert answer.json()["texts"] == {"wanted": "grün", "size": '{"width": 3, "height": 4}'}
    assert answer.json()["width"] == 3
    assert answer.json()["files"] == {"file": [150_000, "file.upload"]}


async def test_an_empty_choice_of_a_browser_is_no_file(client):
    answer = await send(client, GOOD + a_part("extra", "", '; filename=""') + "--b--\r\n")
    assert (answer.status, list(answer.json()["files"])) == (201, ["file"])


async def test_all_problems_are_told_at_once(client):
    body = (
        a_part("note", "x" * 101)
        + a_part("size", '{"width": "wide"}')
        + a_part("colour")
        + a_part("file", "data")
        + a_part("file", "data")
    )
    assert places(await send(client, body + "--b--\r\n")) == [
        ("body.note", "string_too_long"),
        ("body.size.width", "int_parsing"),
        ("body.size.height", "missing"),
        ("body.colour", "extra_forbidden"),
        ("body.file", "repeated"),
        ("body.wanted", "missing"),
    ]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\\\x.png", "a;b;c.png", "x" * 300, "a\tb", 'a\\"b', "😀.png", ".", "/"]
)
async def test_the_name_a_client_gives_a_file_means_nothing(client, name, tmp_path):
    answer = await send(client, a_part("wanted") + a_part("file", "data", f'; filename="{name}"') + "--b--\r\n")
    assert (answer.status, answer.json()["files"]) == (201, {"file": [4, "file.upload"]})
    assert [path.name for path in (tmp_path / "staging").rglob("*")] == ["file.upload"]
    assert not {"etc", "passwd"} & {path.name for path in tmp_path.rglob("*")}


async def test_a_second_file_after_an_empty_one_is_told(client):
    body = a_part("wanted") + a_part("file", "") + a_part("file", "data")
    assert places(await send(client, body + "--b--\r\n")) == [("body.file", "repeated"), ("body.file", "missing")]


@pytest.mark.parametrize(
    ("content", "kind"), [(b"\xff\xfe", "string_unicode"), (b"a\0b", "nul"), (b"\xed\xa0\x80", "string_unicode")]
)
async def test_texts_are_texts(client, content, kind):
    body = (GOOD + a_part("note", "?")).encode().replace(b"?", content) + b"--b--\r\n"
    assert places(await send(client, body)) == [("body.note", kind)]


@pytest.mark.parametrize(
    "headers",
    ["Content-Transfer-Encoding: base64\r\n", "Content-Encoding: gzip\r\n", "Content-Transfer-Encoding: x-own\r\n"],
)
async def test_encoded_parts_are_told_and_never_unpacked(client, headers):
    body = GOOD + a_part("extra", "AAAA", "", headers)
    assert places(await send(client, body + "--b--\r\n")) == [("body.extra", "encoding")]


MALFORMED = {
    "no boundary anywhere": "what is this",
    "another boundary": GOOD.replace("--b", "--c") + "--c--\r\n",
    "nothing": "--b",
    "cut in a part": a_part("wanted")[:-8],
    "cut in a file": GOOD[:-9],
    "no last boundary": GOOD,
    "a line that is no header": "--b\r\nnonsense\r\n\r\nx\r\n--b--\r\n",
    "a huge header": "--b\r\nX-Long: " + "x" * 10_000 + "\r\n\r\nx\r\n--b--\r\n",
    "many headers": "--b\r\n" + "".join(f"X-{n}: y\r\n" for n in range(2000)) + "\r\nx\r\n--b--\r\n",
    "a form within the form": (
        "--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--i--\r\n--b--\r\n"
    ),
    "a form without a boundary within": "--b\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n--b--\r\n",
    "a thousand parts": a_part("x") * 1000 + "--b--\r\n",
    "a thousand empty lines first": "\r\n" * 100_000,
    "an endless first line": "x" * 250_000,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", sorted(MALFORMED))
async def test_a_malformed_form_is_422_in_bounded_time(client, kind):
    async with asyncio.timeout(10):
        answer = await send(client, MALFORMED[kind])
    assert places(answer)[-1] == ("body", "form_malformed")


HOSTILE = {
    "semicolons": ";",
    "spaced semicolons": "; ",
    "parameters": ";a=b",
    "open quotes": ';a="',
    "quotes": ';"',
    "escapes": '\\"',
    "values of escapes": ';a="\\"',
    "backslashes": "\\",
    "continuations": ";name*0*=u",
    "mixed continuations": ";name*=a;name*1=b;name*1*=c",
    "blanks": " \t",
    "equal signs": "=",
}


@pytest.mark.parametrize("start", ["form-data", "form-data;", 'form-data; filename="', "form-data; a=", ""])
@pytest.mark.parametrize("shape", sorted(HOSTILE))
def test_the_work_for_a_header_grows_with_its_length_and_no_faster(start, shape):
    header = start + HOSTILE[shape] * (200_000 // len(HOSTILE[shape]))
    begin = time.thread_time()
    field_name(header)
    assert time.thread_time() - begin < 1  # it takes at most 50 ms; what is quadratic takes many seconds


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionParam")
@pytest.mark.parametrize("shape", sorted(HOSTILE))
async def test_hostile_headers_within_the_limit_cost_little_and_are_told(client, shape):
    line = "Content-Disposition: form-data" + HOSTILE[shape] * (3000 // len(HOSTILE[shape]))
    body = f"--b\r\n{line}\r\n\r\nx\r\n" * 13 + "--b--\r\n"
    begin = time.thread_time()
    answer = await send(client, body)
    assert (answer.status, time.thread_time() - begin < 0.3) == (422, True)


async def test_headers_beyond_the_limit_are_malformed(client):
    body = a_part("wanted", more="; a=" + "b" * MAX_HEADER_BYTES) + "--b--\r\n"
    assert places(await send(client, body))[0] == ("body", "form_malformed")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('form-data; name="a"', "a"),
        ("Form-Data;NAME=a ; filename=x", "a"),
        ('form-data; filename="a;b;c=\\"d"; name="e"', "e"),
        ("form-data; filename*=UTF-8''x%20y; name=a", "a"),
        ('form-data; name="a"; filename="C:\\"', "a"),
        ('form-data; name="a\\"b"', 'a"b'),
        ("form-data; name*=utf-8''a", None),
        ('attachment; name="a"', None),
        ('form-data; filename="open; name=a', None),
        ("form-data", None),
        ("", None),
    ],
)
def test_the_name_of_a_field_is_found_among_what_clients_send(header, name):
    assert field_name(header) == name


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "line",
    [
        "Content-Disposition: attachment; name=note",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; name",
        "Content-Disposition: form-data; name*=utf-99''note",
        "Content-Disposition:",
        'Content-Disposition: form-data; name="\x1b[31mnote"',
        "X-Nothing: here",
    ],
)
async def test_a_part_without_a_known_name_is_told(client, line):
    answer = await send(client, GOOD + f"--b\r\n{line}\r\n\r\nx\r\n--b--\r\n")
    assert next(kind for _, kind in places(answer)) in ("extra_forbidden", "form_malformed")
    assert "\x1b" not in answer.text


async def test_a_charset_field_is_as_unknown_as_any(client):
    assert places(await send(client, a_part("_charset_", "utf-7") + GOOD + "--b--\r\n"))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/mixed; boundary=b",
        "application/x-www-form-urlencoded",
        "text/plain; boundary=b",
        "multipart/form-dataX; boundary=b",
        "",
    ],
)
async def test_any_other_content_type_is_415(client, content_type):
    assert (await send(client, GOOD + "--b--\r\n", content_type)).status == 415


@pytest.mark.parametrize("content_type", ["multipart/form-data", f"multipart/form-data; boundary={'b' * 71}"])
async def test_a_boundary_that_is_missing_or_too_long_is_422(client, content_type):
    assert places(await send(client, GOOD + "--b--\r\n", content_type)) == [
        ("body", "form_malformed"),
    ]


async def test_no_body_at_all_is_415_or_what_is_missing(client):
    assert (await client.post("/up")).status == 415
    answer = await send(client, "")
    assert places(answer) == [("body.wanted", "missing"), ("body.file", "missing")]


async def test_a_compressed_form_is_415_before_it_is_unpacked(client):
    bomb = gzip.compress(b" " * 50_000_000)
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"}
    assert (await client.post("/up", data=bomb, headers=headers)).status == 415


async def test_a_form_over_the_limit_is_413_when_announced(client):
    assert (await send(client, "x" * (LIMIT + 1))).status == 413


async def test_a_file_over_its_limit_is_413(client):
    body = a_part("wanted") + a_part("file", "y" * 200_001) + "--b--\r\n"
    answer = await send(client, body)
    assert (answer.status, answer.detail) == (413, "file: the file is larger than 200000 bytes")


async def never_ending(start: bytes, piece: bytes):
    yield start
    while True:
        yield piece


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b"\r\n" * 30_000),
        (b"", b"y" * 60_000),
        ((a_part("wanted") + a_part("note", "")).encode()[:-2], b"y" * 60_000),
        ((a_part("wanted") + a_part("strange", "")).encode()[:-2], b"y" * 60_000),
        (b"--b\r\n", b"X-Header: y\r\n" * 5000),
    ],
)
async def test_a_body_that_never_ends_is_given_up(client, start, piece):
    async with asyncio.timeout(20):
        try:
            answer = await client.post(
                "/up",
                data=never_ending(start, piece),
                headers={"Content-Type": "multipart/form-data; boundary=b"},
            )
        except aiohttp.ClientError:
            return  # the connection was closed under the sender
    assert answer.status in (413, 422)


async def test_a_body_that_stops_arriving_is_400(client, monkeypatch):
    monkeypatch.setattr(multipart, "STALL_TIMEOUT_S", 0.05)
    answered = asyncio.Event()

    async def stalling():
        yield a_part("wanted").encode()
        await answered.wait()

    async with client.session.post(
        client.url + "/up",
        data=stalling(),
        headers={**client.headers, "Content-Type": "multipart/form-data; boundary=b"},
    ) as response:
        assert response.status == 400
        answered.set()


async def test_forms_of_foreign_pages_are_refused_before_they_are_read(client):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await client.post(
            "/up", data=b"--b--", headers={"Content-Type": "multipart/form-data; boundary=b", **headers}
        )
        assert answer.status == 403
