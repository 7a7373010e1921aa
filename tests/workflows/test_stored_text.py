"""What a client stores is what it gets back, to the byte; what is no workflow is refused with all that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from invoke_host.testing.client import ApiClient
from tests.workflows.conftest import JSON, MAX_BYTES, ROOT, dumped, sent, text_of, workflow

ODD = (
    '{ "nodes":[ ],"edges":\t[],\r\n"exposedFields":[],"name" : "A\\u00e4\\/", "name":"Zw\\u0065i","author":"", '
    '"description":"<&>\u2028", "version":"","contact":"","tags":"a","notes":"\\u0000 \\ud83d\\ude00 😀",'
    '"meta":{"category":"user","version":"3"},"numbers":[1.0,1e5,1E+05,-0,12345678901234567890123,0.10],'
    '"form":null,"more":{"b":1,"a":2,"b":3} }'
)


async def test_every_byte_of_a_workflow_comes_back(alice: ApiClient) -> None:
    made = await sent(alice, ODD)
    assert text_of(made) == ODD.encode()
    assert made.json()["name"] == "Zwei"  # of a name that comes twice, the last one counts
    workflow_id = made.json()["workflow_id"]
    assert text_of(await alice.get(f"{ROOT}/i/{workflow_id}")) == ODD.encode()
    other = ODD.replace("0.10", "0.100")
    assert text_of(await sent(alice, other, workflow_id)) == other.encode()
    for is_public in (True, False):
        answer = await alice.patch(f"{ROOT}/i/{workflow_id}/is_public", {"is_public": is_public})
        assert text_of(answer) == other.encode()
    await alice.put(f"{ROOT}/i/{workflow_id}/opened_at")
    assert text_of(await alice.get(f"{ROOT}/i/{workflow_id}")) == other.encode()


async def test_it_is_found_wherever_it_stands_in_the_request(alice: ApiClient) -> None:
    own = dumped(workflow())
    for body in (
        b' \n{ "x" : [{"workflow":1}] ,"workflow" :' + own + b' ,"y":"\\"workflow\\":{}"}\n ',
        b'{"\\u0077orkflow":' + own + b"}",
    ):
        answer = await alice.request("POST", f"{ROOT}/", data=body, headers=JSON)
        assert text_of(answer) == own


async def test_a_workflow_may_be_as_long_as_the_limit_and_no_longer(alice: ApiClient) -> None:
    empty = len(dumped(workflow(notes="")))
    fits = dumped(workflow(notes="x" * (MAX_BYTES - empty)))
    assert len(fits) == MAX_BYTES
    assert text_of(await sent(alice, fits)) == fits
    for notes in ("x" * (MAX_BYTES - empty + 1), "x" * MAX_BYTES * 2, "ä" * (MAX_BYTES - empty - 10)):
        answer = await sent(alice, dumped(workflow(notes="")).replace(b'"notes": ""', f'"notes": "{notes}"'.encode()))
        assert answer.status == 413
    over = await sent(alice, fits + b" ")  # blanks around it are not the workflow
    assert text_of(over) == fits
    told = await sent(alice, dumped(workflow(notes="x" * (MAX_BYTES - empty + 1))))
    assert "[stored] max_workflow_kb" in told.detail


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"name": 3}, ["name"]),
        ({"name": "x" * 513}, ["name"]),
        ({"name": "a\0b"}, ["name"]),
        ({"description": None}, ["description"]),
        ({"tags": ["a"]}, ["tags"]),
        ({"tags": "a," + "b" * 129}, ["tags"]),
        ({"tags": ",".join(str(number) for number in range(101))}, ["tags"]),
        ({"nodes": {}}, ["nodes"]),
        ({"nodes": [1]}, ["nodes", 0]),
        ({"edges": "none"}, ["edges"]),
        ({"exposedFields": [{"nodeId": "a"}]}, ["exposedFields", 0, "fieldName"]),
        ({"form": []}, ["form"]),
        ({"meta": {"category": "user"}}, ["meta", "version"]),
        ({"meta": {"version": "3", "category": "mine"}}, ["meta", "category"]),
        ({"meta": {"version": "3", "category": "default"}}, ["meta", "category"]),
        ({"nodes": [{"data": {"type": "workflow_return"}}] * 2}, ["nodes"]),
    ],
)
async def test_what_is_wrong_with_a_workflow_is_told_where_it_is(
    alice: ApiClient, values: dict[str, Any], where: list[str | int]
) -> None:
    answer = await sent(alice, dumped(workflow(**values)))
    assert answer.status == 422
    assert ["body", "workflow", *where] in [each["loc"] for each in answer.detail]


async def test_everything_that_is_missing_is_told_at_once(alice: ApiClient) -> None:
    answer = await sent(alice, "{}")
    missing = {each["loc"][-1] for each in answer.detail}
    assert missing == set(workflow()) - {"form"}
    assert {each["type"] for each in answer.detail} == {"missing"}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"3", b"{}", b'{"workflow":null}', b'{"workflow":[]}', b"{"])
async def test_a_body_without_a_workflow_is_refused(alice: ApiClient, body: bytes) -> None:
    for method, path in (("POST", f"{ROOT}/"), ("PATCH", f"{ROOT}/i/none-such")):
        answer = await alice.request(method, path, data=body, headers=JSON)
        assert answer.status == 422, (method, answer.text)


async def test_a_workflow_may_return_once_and_nest_only_so_deep(alice: ApiClient) -> None:
    assert (await sent(alice, dumped(workflow(nodes=[{"data": {"type": "workflow_return"}}])))).status == 200
    deep = "[" * 98 + "]" * 98
    assert (
        await sent(alice, dumped(workflow(more=1)).replace(b'"more": 1', b'"more": ' + deep.encode()))
    ).status == 200
    deeper = await sent(alice, dumped(workflow(more=1)).replace(b'"more": 1', b'"more": [' + deep.encode() + b"]"))
    assert (deeper.status, "nested deeper" in deeper.detail[0]["msg"]) == (422, True)


@pytest.mark.parametrize("text", ['"\\ud800"', "1e999", "NaN", "9" * 5000, '"\x01"'])
async def test_what_other_readers_could_not_read_is_not_stored(alice: ApiClient, text: str) -> None:
    answer = await sent(alice, dumped(workflow(more=1)).replace(b'"more": 1', b'"more": ' + text.encode()))
    assert (answer.status, answer.detail[0]["type"]) == (422, "json_invalid")


async def test_a_body_must_be_declared_as_json(alice: ApiClient) -> None:
    answer = await alice.request("POST", f"{ROOT}/", data=dumped({"workflow": workflow()}))
    assert answer.status == 415


async def test_a_long_workflow_does_not_hold_up_the_host(
    alice: ApiClient, loop_watchdog: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [{"id": f"n{number}", "data": {"inputs": {"value": number}}} for number in range(900)]
    answer = await sent(alice, dumped(workflow(nodes=nodes)))
    assert answer.status == 200
