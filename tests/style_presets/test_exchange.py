"""Presets out as CSV and in as CSV or JSON: nothing is lost on the way, nothing wrong is half taken, nothing is run."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import Any

import aiohttp
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoke_host.api import InvalidInput
from invoke_host.storage import Storage
from invoke_host.style_presets.files import COLUMNS, MAX_PROBLEMS, MAX_ROWS, csv_lines, presets_in
from invoke_host.style_presets.schema import MAX_PROMPT
from invoke_host.testing.client import Answer, ApiClient
from tests.style_presets.conftest import ROOT, made
from tests.system_prompts.conftest import told

HEADER = "name,prompt,negative_prompt\r\n"


async def bring(client: ApiClient, content: str | bytes, kind: str = "text/csv") -> Answer:
    form = aiohttp.FormData(default_to_multipart=True)
    raw = content.encode() if isinstance(content, str) else content
    form.add_field("file", io.BytesIO(raw), filename="presets.csv", content_type=kind)
    return await client.request("POST", f"{ROOT}/import", data=form)


async def texts(client: ApiClient) -> list[tuple[str, str, str]]:
    """Name and prompts of the user presets that a caller sees."""
    found = (await client.get(f"{ROOT}/")).json()
    return sorted((each["name"], *each["preset_data"].values()) for each in found if each["type"] == "user")


def wrong(content: str | bytes) -> list[tuple[Any, ...]]:
    """Where the problems of a file are, without `body`, `file`; each followed by its kind."""
    with pytest.raises(InvalidInput) as caught:
        presets_in(content.encode() if isinstance(content, str) else content)
    return [(*problem.loc[2:], problem.kind) for problem in caught.value.problems]


async def test_what_goes_out_comes_in_again_as_it_was(alice: ApiClient, admin: ApiClient) -> None:
    written = [
        ("=HYPERLINK(1)", "+1", "-1"),
        ("@name", "'=quoted before", "''-twice"),
        ("'plain apostrophe", "\ttab", "\r\nbreak"),
        ('quote " in it', 'a "b", c', "line\nline\r\n\r\n"),
        ("comma, semicolon; pipe|", "{prompt}", ""),
        ("Ünïcödé 🎨", "＝wide", " blanks "),
    ]
    for name, positive, negative in written:
        preset = await made(alice, name, positive_prompt=positive, negative_prompt=negative)
        before = await texts(alice)
    out = await admin.get(f"{ROOT}/export")
    assert out.status == 200
    for _ in written:
        [preset, *_] = [each for each in (await alice.get(f"{ROOT}/")).json() if each["type"] == "user"]
        await alice.delete(f"{ROOT}/i/{preset['id']}")
    answer = await bring(admin, out.body)
    assert (answer.status, answer.json()) == (200, {"imported": len(written)})
    assert await texts(admin) == before
    assert await texts(alice) == []


async def test_the_export_is_a_file_to_keep_of_what_all_users_made(
    alice: ApiClient, bob: ApiClient, admin: ApiClient
) -> None:
    await made(alice, "b")
    await made(bob, "A", is_public=True)
    await made(admin, "host's", type="default")
    answer = await admin.get(f"{ROOT}/export")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="prompt_templates.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text == HEADER + 'A,"{prompt}, nice",ugly\r\nb,"{prompt}, nice",ugly\r\n'
    assert (await admin.head(f"{ROOT}/export")).body == b""


async def test_an_export_in_many_pieces_has_everything_once(admin: ApiClient) -> None:
    names = [f"n{number // 3:04}" for number in range(1201)]
    assert (await bring(admin, csv_lines([COLUMNS, *((name, "p", "") for name in names)]))).status == 200
    rows = list(csv.reader(io.StringIO((await admin.get(f"{ROOT}/export")).text, newline="")))
    assert [row[0] for row in rows] == ["name", *names]


async def test_only_administrators_take_out_and_bring_in(api: ApiClient, alice: ApiClient) -> None:
    assert (await alice.get(f"{ROOT}/export")).status == 403
    assert (await bring(alice, HEADER)).status == 403
    assert (await api.get(f"{ROOT}/export")).status == 401
    assert (await bring(api, HEADER)).status == 401


async def test_what_is_brought_in_is_private_and_told_in_few_events(each_storage: Storage, admin: ApiClient) -> None:
    assert (await bring(admin, HEADER + "x,p,\r\n" * 1100)).json() == {"imported": 1100}
    assert [(kind, audience) for kind, _, audience, _ in told(each_storage)] == [("style_presets_changed", "admin")] * 3
    assert sum(len(payload["added"]) for _, payload, _, _ in told(each_storage)) == 1100
    found = (await admin.get(f"{ROOT}/", params={"limit": 1})).json()[0]
    assert (found["type"], found["user_id"], found["is_public"]) in (
        ("user", "admin", False),
        ("default", "system", True),
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('[{"name": "a", "prompt": "p", "negative_prompt": "n"}]', "application/json"),
        ('\ufeff [{"name": " a ", "positive_prompt": "p", "negative_prompt": "n"}]', "application/json"),
        ('[{"name": "a", "prompt": "p", "negative_prompt": "n"}]', "text/plain"),
        ("name,prompt,negative_prompt\na,p,n\n", "text/csv"),
        ("\ufeffname,prompt,negative_prompt\r\na,p,n", "application/vnd.ms-excel"),
        ("NEGATIVE_PROMPT , Name, positive_prompt\nn,a,p\n\n\n", "text/csv; charset=utf-8"),
        ('"name","prompt","negative_prompt"\n"a","p","n"\n', "application/octet-stream"),
    ],
)
async def test_both_kinds_of_file_in_all_their_dialects(admin: ApiClient, content: str, kind: str) -> None:
    answer = await bring(admin, content, kind)
    assert (answer.status, answer.json()) == (200, {"imported": 1})
    assert await texts(admin) == [("a", "p", "n")]


@pytest.mark.parametrize("content", ["[]", HEADER, "name,prompt"])
async def test_a_file_without_presets_makes_none(admin: ApiClient, content: str) -> None:
    assert (await bring(admin, content)).json() == {"imported": 0}


async def test_all_wrong_rows_are_named_with_their_fields_and_none_is_taken(admin: ApiClient) -> None:
    rows = ["ok,p,n", ",p,n", "x,p", f"y,{'p' * (MAX_PROMPT + 1)},n", "a\tb,p,n\0", "ok too,,"]
    answer = await bring(admin, HEADER + "\r\n".join(rows))
    assert answer.status == 422
    assert [problem["loc"] for problem in answer.detail] == [
        ["body", "file", 3, "name"],
        ["body", "file", 4],
        ["body", "file", 5, "prompt"],
        ["body", "file", 6, "name"],
        ["body", "file", 6, "negative_prompt"],
    ]
    assert await texts(admin) == []
    entries = [{"name": "ok"}, {"name": 5}, "text", None, {"name": "x", "type": "default"}, {"prompt": []}]
    answer = await bring(admin, json.dumps(entries), "application/json")
    assert [problem["loc"][2:] for problem in answer.detail] == [
        [1, "name"],
        [2],
        [3],
        [4, "type"],
        [5, "name"],
        [5, "prompt"],
    ]
    assert await texts(admin) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ("missing",)),
        ("\n", (1, "csv_header")),
        ("a,p,n\n", (1, "csv_header")),
        ("name;prompt;negative_prompt\na;p;n\n", (1, "csv_header")),
        ("name,prompt,name\na,p,n\n", (1, "csv_header")),
        ("name,prompt,positive_prompt\na,p,n\n", (1, "csv_header")),
        ("name,prompt,owner\na,p,n\n", (1, "csv_header")),
        ("name,negative_prompt\na,n\n", (1, "csv_header")),
        ('name,prompt\n"a" b,p\n', (2, "csv_invalid")),
        ('name,prompt\n"a,p\n', (2, "csv_invalid")),
        (f'name,prompt\na,"{"p" * 200_000}"\n', (2, "csv_invalid")),
        ("{", ("json_invalid",)),
        ('[{"name": "a"', ("json_invalid",)),
        ("[" * 100_000, ("json_invalid",)),
        ('{"name": "a"}', ("list_type",)),
        (b"\xff\xfen\x00a\x00m\x00e\x00", ("string_unicode",)),
        (b"name,prompt\nM\xfcller,p\n", ("string_unicode",)),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xdf", ("string_unicode",)),
    ],
)
def test_what_is_no_such_file_is_told_in_one_sentence(content: str | bytes, expected: tuple[Any, ...]) -> None:
    assert wrong(content) == [expected]


@pytest.mark.parametrize("row", ["ok,p,n\n", ",p,n\n", "x\n", '"a\nb",p,n\n', "\n"])
def test_a_file_of_a_hundred_thousand_rows_is_refused_soon_whatever_they_hold(row: str) -> None:
    began = time.process_time()
    assert wrong(HEADER + row * 100_000) == [("too_long",)]
    assert time.process_time() - began < 2


def test_as_many_rows_as_allowed_are_taken_and_one_more_is_not() -> None:
    entries = [{"name": "x"}] * MAX_ROWS
    assert len(presets_in((HEADER + "x,,\n" * MAX_ROWS).encode())) == MAX_ROWS
    assert len(presets_in(orjson.dumps(entries))) == MAX_ROWS
    assert wrong(HEADER + "x,,\n" * (MAX_ROWS + 1)) == [("too_long",)]
    assert wrong(orjson.dumps([*entries, {}])) == [("too_long",)]


def test_of_very_many_problems_the_first_are_told_and_the_rest_are_counted() -> None:
    found = wrong(HEADER + ",p,n\n" * 5000)
    assert len(found) == MAX_PROBLEMS + 1
    assert found[-1] == ("too_many_problems",)


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "text/html"])
async def test_what_says_that_it_is_something_else_is_415(admin: ApiClient, kind: str) -> None:
    assert (await bring(admin, HEADER, kind)).status == 415


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'=", "''+"])
def test_no_cell_of_an_export_begins_like_a_formula(start: str) -> None:
    cell = f"{start}cmd|' /C calc'!A0"
    [[written]] = csv.reader(io.StringIO(csv_lines([[cell]]), newline=""))
    assert written == f"'{cell}"
    assert csv_lines([["it's"], ["1+1"], ["a=b"], ["'quoted'"]]) == "it's\r\n1+1\r\na=b\r\n'quoted'\r\n"


_CELL = st.text(st.sampled_from("a=+-@'\",;\t\r\n \u00e9\U0001f3a8"), max_size=12)
_NAME = st.text(st.sampled_from("a=+-@'\",; \u00e9\U0001f3a8"), min_size=1, max_size=12).filter(str.strip)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_NAME.map(str.strip), _CELL, _CELL), max_size=5))
def test_any_text_comes_back_as_it_went(rows: list[tuple[str, str, str]]) -> None:
    read = presets_in(csv_lines([COLUMNS, *rows]).encode())
    assert [(each.name, each.positive_prompt, each.negative_prompt) for each in read] == rows
