"""S-D1: every route, asked by people who may not or may only a little, against a committed table.

The asked-for things are somebody else's and really there: a picture, an item, a batch, an account, a session, a token.
Columns of sweep.txt: no credential, the session of a deactivated user, an API token for reading, another user.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .accounts import AUTH, Bearer, Person, Team, add, api_token
from .client import JSON, QUEUE, Client, check
from .listener import Listener
from .table import ROUTES, Row

TABLE = Path(__file__).parent / "sweep.txt"

#: In what only the owner and administrators may read.
CANARY = "heliotrope"

#: Who may be asked without being known; static files and pages beside these.
PUBLIC_API = {
    "GET /api/v1/app/version",
    "GET /healthz",
    "GET /readyz",
    "GET /openapi.json",
    "GET /api/v1/auth/status",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/setup",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who has one of everything, and the names of it all by the parameters of the routes."""

    person: Person
    names: dict[str, str]

    def path(self, row: Row) -> str:
        """The route's path with this owner's things in it; what nobody has where it is about something else."""
        path = re.sub(r"\{([^{}]+)\}", lambda found: self.names.get(found.group(1), "none-such"), row.route.path)
        return path + ("?destination=gallery" if path.endswith("/counts_by_destination") else "")


@pytest.fixture(scope="module")
def owner(studio: Team) -> Owner:
    person = add(studio.admin, "owner")
    with Listener(person.client) as listener:
        made = person.client.generate(f"a {CANARY} flower", negative_prompt=f"no {CANARY}", destination="gallery")
        [image] = listener.status(made["item_ids"][0], "completed").data["image_names"]
    group = studio.admin.client.post("/api/v1/groups/", {"name": f"{CANARY} growers"}).json()["group_id"]
    assert studio.admin.client.put(f"/api/v1/groups/{group}/members/{person.id}").status in (200, 204)
    token = person.client.post(f"{AUTH}/tokens", {"name": CANARY, "scopes": ["read"]}).json()["token_id"]
    session = person.client.get(f"{AUTH}/sessions").json()[0]["session_id"]
    names = {
        "queue_id": "default",
        "item_id": str(made["item_ids"][0]),
        "batch_id": made["batch"]["batch_id"],
        "destination": "gallery",
        "name": image,
        "key": studio.admin.client.get("/api/v2/models/").json()["models"][0]["key"],
        "user_id": person.id,
        "session_id": session,
        "token_id": token,
        "group_id": group,
    }
    return Owner(person, names)


@pytest.fixture(scope="module")
def callers(studio: Team) -> dict[str, Callable[[], Client]]:
    """A client of each kind for one request. Another user logs in anew each time, for some routes log out."""
    gone = add(studio.admin, "gone")
    assert studio.admin.client.patch(f"{AUTH}/users/{gone.id}", {"is_active": False}).status == 200
    reader, other = api_token(add(studio.admin, "reader"), "read"), add(studio.admin, "other")
    return {
        "anonymous": lambda: Client(studio.url),
        "deactivated": lambda: Bearer(studio.url, gone.client.token),
        "read-only": lambda: reader,
        "other user": lambda: other.again().client,
    }


def ask(client: Client, row: Row, path: str) -> int:
    """The status; nothing of what others own may stand in the answer."""
    if row.route.stream:
        return head(client, path)
    answer = client.request(row.route.method, path, {} if row.route.body is not None else None)
    assert CANARY.encode() not in answer.body, f"{row.line}: {answer.text[:500]}"
    return answer.status


def head(client: Client, path: str) -> int:
    """The status of an answer that does not end."""
    connection = http.client.HTTPConnection(client.host, client.port, timeout=30)
    try:
        connection.request("GET", path, headers=client.headers)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def swept(owner: Owner, callers: dict[str, Callable[[], Client]]) -> list[str]:
    lines = []
    for row in ROUTES:
        path = owner.path(row)
        answers = [ask(make(), row, path) for make in callers.values()]
        lines.append(f"{row.route.method:6} {row.route.path:64} {' '.join(map(str, answers))}")
    return lines


def test_every_route_answers_everybody_as_the_table_says(swept: list[str]):
    table = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    assert sorted(swept) == sorted(table), (
        "who may ask what has changed; decide whether that is right, then write it into tests/host/sweep.txt"
    )


def test_what_somebody_owns_is_as_it_was_after_all_that(swept: list[str], owner: Owner, studio: Team):
    client, names = owner.person.client, owner.names
    assert client.get(f"{AUTH}/me").json()["user_id"] == owner.person.id
    assert client.names() == [names["name"]]
    assert not client.get(f"/api/v1/images/i/{names['name']}").json()["starred"]
    assert client.item(int(names["item_id"]))["status"] == "completed"
    assert [each["token_id"] for each in client.get(f"{AUTH}/tokens").json()] == [names["token_id"]]
    assert names["session_id"] in {each["session_id"] for each in client.get(f"{AUTH}/sessions").json()}
    assert studio.admin.client.get(f"/api/v1/groups/{names['group_id']}").status == 200
    assert client.get(f"{QUEUE}/status").json()["processor"]["is_started"]


def test_the_owner_and_administrators_are_not_refused_any_of_it(swept: list[str], owner: Owner, studio: Team):
    """Or the table would prove nothing: what is refused to others is there."""
    for row in ROUTES:
        if row.route.method == "GET" and not row.route.stream:
            path = owner.path(row)
            assert studio.admin.client.get(path).status in (200, 404 if "none-such" in path else 200), row.line
            if row.route.access.level not in ("admin", "public"):
                assert owner.person.client.get(path).status == 200, row.line


def test_the_public_routes_are_the_short_list():
    public = {f"{row.route.method} {row.route.path}" for row in ROUTES if row.route.access.level == "public"}
    pages = {f"GET {row.route.path}" for row in ROUTES if row.route.tag == ""}
    assert public - pages == PUBLIC_API
    assert all(page.startswith(("GET /static/", "GET /favicon.ico")) or page.count("/") == 1 for page in pages), pages


def test_no_other_route_answers_a_stranger(studio: Team, owner: Owner):
    for row in ROUTES:
        if row.route.access.level != "public":
            answer = Client(studio.url).request(row.route.method, owner.path(row), body=b"{}", headers=JSON)
            check(row.route.method, owner.path(row), answer)
            assert (answer.status, answer.detail) == (401, "Authentication required"), row.line
            assert answer.headers["www-authenticate"] == "Bearer"
