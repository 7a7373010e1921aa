"""Client state: the caller's own values, byte for byte, within limits that hold under concurrency."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, delete, func, insert, select

from invoke_host.api import Actor, PayloadTooLarge, UserId
from invoke_host.client_state.routes import ROUTES
from invoke_host.client_state.schema import MAX_KEYS, MAX_VALUE_BYTES
from invoke_host.client_state.service import ClientStateService
from invoke_host.client_state.tables import client_state
from invoke_host.identity.tables import users
from invoke_host.storage import Storage
from invoke_host.testing.client import ApiClient
from invoke_host.testing.clock import FakeClock
from tests.client_state.conftest import JSON, MAX_TOTAL, NOW, ROOT, keys, put, value

MIB = 1024 * 1024


async def test_a_value_comes_back_until_it_is_replaced_or_deleted(alice: ApiClient) -> None:
    assert await value(alice, "theme") is None
    for text in ('{"dark": true}', "", "null", 'ä😀\u2028"\\', " x "):
        answer = await put(alice, "theme", text)
        assert (answer.status, answer.json()) == (200, text)
        assert await value(alice, "theme") == text
    answer = await alice.post(f"{ROOT}/delete_by_key", params={"key": "theme"})
    assert (answer.status, answer.body) == (200, b"null")
    assert await value(alice, "theme") is None
    assert (await alice.post(f"{ROOT}/delete_by_key", params={"key": "theme"})).status == 200


async def test_each_user_has_their_own_and_administrators_reach_no_others(alice: ApiClient, api: ApiClient) -> None:
    await put(alice, "theme", "dark")
    for name in ("bob", "admin"):
        other = api.as_caller(name)
        assert await value(other, "theme") is None
        assert await keys(other) == []
        await put(other, "theme", f"of {name}")
        await other.post(f"{ROOT}/delete_by_key", params={"key": "theme"})
        await other.post(f"{ROOT}/delete")
    assert await value(alice, "theme") == "dark"
    for route in ROUTES:
        answer = await api.request(route.method, route.path.replace("{queue_id}", "default"))
        assert answer.status == 401


async def test_the_queue_in_the_path_means_nothing(alice: ApiClient) -> None:
    await put(alice, "theme", "dark", "/api/v1/client_state/alice")
    assert await value(alice, "theme", "/api/v1/client_state/other%20one") == "dark"


async def test_keys_are_found_by_a_literal_prefix_those_written_last_first(alice: ApiClient, clock: FakeClock) -> None:
    for key in ("a_1", "A_2", "ab3", "a%4", "Ä5", "ä6", "a\\7"):
        clock.advance(1)
        await put(alice, key, "x")
    assert await keys(alice) == ["a\\7", "ä6", "Ä5", "a%4", "ab3", "A_2", "a_1"]
    assert await keys(alice, "a_") == ["A_2", "a_1"]
    assert await keys(alice, "A") == ["a\\7", "a%4", "ab3", "A_2", "a_1"]
    assert await keys(alice, "a%") == ["a%4"]
    assert await keys(alice, "%") == []
    assert await keys(alice, "a\\") == ["a\\7"]
    assert await keys(alice, "ä") == ["ä6"]
    clock.advance(1)
    await put(alice, "a_1", "again")
    assert await keys(alice, "a_") == ["a_1", "A_2"]


async def test_everything_can_be_deleted_at_once(alice: ApiClient) -> None:
    for key in ("one", "two"):
        await put(alice, key, "x")
    answer = await alice.post(f"{ROOT}/delete")
    assert (answer.status, answer.body) == (200, b"null")
    assert await keys(alice) == []
    assert (await alice.post(f"{ROOT}/delete")).status == 200


async def test_keys_and_values_have_a_greatest_length(alice: ApiClient) -> None:
    assert (await put(alice, "k" * 255, "x")).status == 200
    assert (await put(alice, "ä" * 255, "x")).status == 200
    assert (await put(alice, "k" * 256, "x")).status == 422
    assert (await put(alice, "", "no name is a name too")).status == 200
    for text, status in (
        ("x" * MAX_VALUE_BYTES, 200),
        ("x" * (MAX_VALUE_BYTES + 1), 413),
        ("ä" * (MAX_VALUE_BYTES // 2), 200),
        ("ä" * (MAX_VALUE_BYTES // 2) + "x", 413),
    ):
        answer = await put(alice, "long", text)
        assert answer.status == status, answer.text[:200]


async def test_all_values_together_have_a_limit_that_counts_what_is_replaced_once(alice: ApiClient) -> None:
    for key in ("one", "two", "three"):
        assert (await put(alice, key, "x" * MIB)).status == 200
    answer = await put(alice, "four", "x")
    assert (answer.status, "[stored] max_client_state_kb" in answer.detail) == (413, True)
    assert (await put(alice, "four", "")).status == 200
    assert (await put(alice, "two", "y" * MIB)).status == 200
    assert (await put(alice, "two", "")).status == 200
    assert (await put(alice, "four", "x" * MIB)).status == 200


async def test_a_user_has_at_most_a_thousand_keys(alice: ApiClient, each_storage: Storage) -> None:
    def fill(conn: Connection) -> None:
        rows = [{"user_id": "alice", "key": f"k{number}", "value": "", "size_bytes": 0} for number in range(MAX_KEYS)]
        conn.execute(insert(client_state), [{**row, "updated_at": NOW} for row in rows])

    each_storage.run_write(fill)
    answer = await put(alice, "one more", "x")
    assert (answer.status, answer.detail[0]["loc"]) == (422, ["query", "key"])
    assert "limit is 1000" in answer.detail[0]["msg"]
    assert (await put(alice, "k7", "x")).status == 200
    await alice.post(f"{ROOT}/delete_by_key", params={"key": "k8"})
    assert (await put(alice, "one more", "x")).status == 200


@pytest.mark.parametrize(
    "body", [b"", b"3", b"null", b"{}", b'["x"]', b'"x', b"x", b'"\\ud800"', b'"\\u0000"', b'"\xff"']
)
async def test_a_value_is_a_json_string(alice: ApiClient, body: bytes) -> None:
    answer = await alice.request("POST", f"{ROOT}/set_by_key?key=x", data=body, headers=JSON)
    assert answer.status == 422


async def test_a_key_is_required_and_holds_no_nul(alice: ApiClient) -> None:
    for path in ("get_by_key", "get_keys_by_prefix"):
        assert (await alice.get(f"{ROOT}/{path}")).status == 422
        assert (await alice.get(f"{ROOT}/{path}?key=%00&prefix=%00")).status == 422
    for path in ("set_by_key", "delete_by_key"):
        assert (await alice.post(f"{ROOT}/{path}", "x" if path == "set_by_key" else None)).status == 422


async def test_the_limit_of_all_values_holds_when_many_write_at_once(
    service: ClientStateService, each_storage: Storage
) -> None:
    alice = Actor(UserId("alice"), "user", "Alice", provider="test")
    text = "x" * (MIB // 2)

    async def write(number: int) -> bool:
        try:
            await service.put(alice, f"key {number}", text)
        except PayloadTooLarge:
            return False
        return True

    done = await asyncio.gather(*(write(number) for number in range(16)))

    def taken(conn: Connection) -> int:
        return conn.scalar(select(func.sum(client_state.c.size_bytes))) or 0

    assert sum(done) == MAX_TOTAL // len(text)
    assert each_storage.run_read(taken) == MAX_TOTAL


async def test_the_number_of_keys_holds_when_many_write_at_once(alice: ApiClient, each_storage: Storage) -> None:
    def fill(conn: Connection) -> None:
        count = MAX_KEYS - 3
        rows = [{"user_id": "alice", "key": f"k{number}", "value": "", "size_bytes": 0} for number in range(count)]
        conn.execute(insert(client_state), [{**row, "updated_at": NOW} for row in rows])

    each_storage.run_write(fill)
    answers = await asyncio.gather(*(put(alice, f"new {number}", "x") for number in range(9)))
    assert sorted(answer.status for answer in answers) == [200] * 3 + [422] * 6


async def test_it_goes_with_its_user(alice: ApiClient, each_storage: Storage) -> None:
    await put(alice, "theme", "dark")
    each_storage.run_write(lambda conn: conn.execute(delete(users).where(users.c.id == "alice")).rowcount)
    assert each_storage.run_read(lambda conn: conn.execute(select(client_state)).all()) == []
