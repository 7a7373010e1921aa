"""S-D1: every route, asked by people who may not or may only a little, against a committed table.

The asked-for things are somebody else's and really there, one of everything that routes are about, and what is asked
would be done for their owner. Columns of sweep.txt: no credential, the session of a deactivated user, an API token for
reading, another user.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path

import pytest

from .accounts import AUTH, Bearer, Team, add, api_token
from .belongings import Belongings, settle
from .client import JSON, QUEUE, Client, check
from .table import ROUTES, Row
from .uploading import BOARDS, IMAGES

TABLE = Path(__file__).parent / "sweep.txt"

#: In what only the owner and administrators may read.
CANARY = "heliotrope"

#: What not even administrators see of others.
OWN_ONLY = {"/api/v1/images/download/{item_name}"}

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


@pytest.fixture(scope="module")
def owner(studio: Team) -> Belongings:
    return settle(studio, add(studio.admin, "owner"), CANARY)


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


def ask(client: Client, row: Row, owner: Belongings) -> int:
    """The status; nothing of what others own may stand in the answer, but for what the path itself says."""
    path = owner.path(row)
    if row.route.stream:
        return head(client, path)
    answer = client.request(row.route.method, path, **owner.body(row))
    echoed = path.rpartition("=")[2].encode() or b"?"
    assert CANARY.encode() not in answer.body.replace(echoed, b""), f"{row.line}: {answer.text[:500]}"
    assert CANARY not in str(answer.headers), f"{row.line}: {answer.headers}"
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
def swept(owner: Belongings, callers: dict[str, Callable[[], Client]]) -> list[str]:
    lines = []
    for row in ROUTES:
        answers = [ask(make(), row, owner) for make in callers.values()]
        lines.append(f"{row.route.method:6} {row.route.path:64} {' '.join(map(str, answers))}")
    return lines


def test_every_route_answers_everybody_as_the_table_says(swept: list[str]):
    table = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    assert sorted(swept) == sorted(table), (
        "who may ask what has changed; decide whether that is right, then write it into tests/host/sweep.txt"
    )


def test_what_somebody_owns_is_as_it_was_after_all_that(swept: list[str], owner: Belongings, studio: Team):
    client, names = owner.person.client, owner.names
    assert client.get(f"{AUTH}/me").json()["user_id"] == owner.person.id
    assert [each["token_id"] for each in client.get(f"{AUTH}/tokens").json()] == [names["token_id"]]
    assert names["session_id"] in {each["session_id"] for each in client.get(f"{AUTH}/sessions").json()}
    assert studio.admin.client.get(f"/api/v1/groups/{names['group_id']}").json()["member_count"] == 1
    board = client.get(f"{BOARDS}/{names['board_id']}").json()
    assert (board["board_name"], board["board_visibility"], board["user_id"]) == (
        f"{CANARY}-board",
        "private",
        owner.person.id,
    )
    assert (board["image_count"], board["cover_image_name"]) == (2, names["name"])
    [grant] = client.get(f"{BOARDS}/{names['board_id']}/grants").json()["grants"]
    assert (str(grant["id"]), grant["user_id"]) == (names["grant_id"], studio.admin.id)
    image = client.get(f"{IMAGES}/i/{names['name']}").json()
    assert (image["starred"], image["board_id"]) == (False, names["board_id"])
    assert [each["image_name"] for each in client.get(f"{IMAGES}/trash").json()["items"]] == [names["trashed"]]
    assert client.item(int(names["item_id"]))["status"] == "completed"
    assert client.get(f"{QUEUE}/status").json()["processor"]["is_started"]
    texts = {
        f"/api/v1/workflows/i/{names['workflow_id']}": f"{CANARY} workflow",
        f"/api/v1/style_presets/i/{names['preset_id']}": f"{CANARY} preset",
        f"/api/v1/system_prompts/i/{names['prompt_id']}": f"{CANARY} prompt",
    }
    for path, name in texts.items():
        found = client.get(path).json()
        assert (found["name"], found["is_public"]) == (name, False)
    assert client.get(f"/api/v1/workflows/i/{names['workflow_id']}/thumbnail").status == 200
    assert client.get(f"/api/v1/style_presets/i/{names['preset_id']}/image").status == 200
    state = f"/api/v1/client_state/default/get_by_key?key={names['state']}"
    assert client.get(state).json() == f"{CANARY} value"


def test_the_owner_and_administrators_are_not_refused_any_of_it(swept: list[str], owner: Belongings, studio: Team):
    """Or the table would prove nothing: what is refused to others is there."""
    for row in ROUTES:
        if row.route.method == "GET" and not row.route.stream:
            path = owner.path(row)
            if row.route.path not in OWN_ONLY:
                there = (200, 404) if "none-such" in path else (200,)
                assert studio.admin.client.get(path).status in there, row.line
            if row.route.access.level not in ("admin", "public"):
                assert owner.person.client.get(path).status == 200, row.line


def test_s_d6_every_byte_of_media_needs_a_credential(swept: list[str]) -> None:
    """Pictures, thumbnails, archives: whatever the name is worth, it is no key."""
    media = {row.line for row in ROUTES if row.route.media is not None and row.route.tag and not row.route.stream}
    assert len(media) >= 8
    assert not {row.line for row in ROUTES if row.line in media and row.route.access.level == "public"}
    for row in ROUTES:
        if row.line in media:
            [line] = [line for line in swept if line.split()[:2] == [row.route.method, row.route.path]]
            assert line.split()[2:4] == ["401", "401"], line
            assert line.split()[5] == ("403" if row.route.access.level == "admin" else "404"), line


def test_what_is_not_found_for_others_is_done_for_the_owner(swept: list[str], owner: Belongings):
    """The last one on this table: it takes everything apart."""
    except_for = {
        "DELETE /api/v1/boards/{board_id}/grants/mine",  # nobody has a grant on a board of their own
        "POST /api/v1/boards/{board_id}/transfer",  # it would be somebody else's for the rest
        "GET /api/v1/images/download/{item_name}",  # it was fetched above, and is gone
    }
    hidden = {tuple(line.split()[:2]) for line in swept if line.endswith(" 404")}
    rows = [row for row in ROUTES if (row.route.method, row.route.path) in hidden]

    def destruction(row: Row) -> tuple[bool, bool, bool, int]:
        path = row.route.path
        return "/sessions" in path, row.route.method == "DELETE", "/images/i/" in path, -len(path)

    for row in sorted(rows, key=destruction):
        if f"{row.route.method} {row.route.path}" not in except_for:
            answer = owner.person.client.request(row.route.method, owner.path(row), **owner.body(row))
            assert answer.status in (200, 201, 202, 204), (row.line, answer.text)


def test_the_public_routes_are_the_short_list():
    public = {f"{row.route.method} {row.route.path}" for row in ROUTES if row.route.access.level == "public"}
    pages = {f"GET {row.route.path}" for row in ROUTES if row.route.tag == ""}
    assert public - pages == PUBLIC_API
    assert all(page.startswith(("GET /static/", "GET /favicon.ico")) or page.count("/") == 1 for page in pages), pages


def test_no_other_route_answers_a_stranger(studio: Team, owner: Belongings):
    for row in ROUTES:
        if row.route.access.level != "public":
            answer = Client(studio.url).request(row.route.method, owner.path(row), body=b"{}", headers=JSON)
            check(row.route.method, owner.path(row), answer)
            assert (answer.status, answer.detail) == (401, "Authentication required"), row.line
            assert answer.headers["www-authenticate"] == "Bearer"
