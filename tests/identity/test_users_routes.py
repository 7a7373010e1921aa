"""The routes of users over real HTTP, in the shapes that clients of the reference know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from invoke_host.api import SYSTEM_USER_ID
from invoke_host.config.schema import SessionsConfig
from invoke_host.identity.authenticate import Authenticator
from invoke_host.identity.credentials import Credentials
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.routes import SESSIONS
from invoke_host.identity.sessions.service import IssuedToken, SessionService
from invoke_host.identity.tokens import store as tokens
from invoke_host.identity.users.model import User
from invoke_host.identity.users.routes import ROUTES, USERS
from invoke_host.owned import OWNED
from invoke_host.storage import Storage
from invoke_host.testing.app import AppMaker, run_app
from invoke_host.testing.client import Answer, ApiClient
from invoke_host.testing.clock import FakeClock
from invoke_host.testing.schemas import assert_matches_schema
from invoke_host.web.settings import WebSettings

from .conftest import Log
from .people import GOOD, PROVIDER, People

ALL = "/api/v1/auth/users"
NEW = {"email": "Bob@Example.org", "display_name": "Bob", "password": GOOD.reveal()}


def checked(answer: Answer, status: int, method: str, path: str) -> Any:
    """The answer's content, which its route must have declared."""
    assert answer.status == status, answer.text
    route = next(each for each in ROUTES if (each.method, each.path) == (method, ALL + path))
    assert_matches_schema(route, answer.status, answer.json())
    return answer.json()


@pytest.fixture
def here(storage: Storage, clock: FakeClock) -> People:
    return People(storage, clock)


@pytest.fixture
async def api(make_app: AppMaker, here: People) -> ApiClient:
    """The routes as an administrator calls them."""
    client = await make_app(ROUTES, services={USERS: here.service}, clock=here.clock)
    return client.as_caller("admin")


async def test_a_user_is_made_read_changed_and_removed(api: ApiClient, here: People) -> None:
    made = checked(await api.post(ALL, NEW), 201, "POST", "")
    assert made == {
        "user_id": made["user_id"],
        "email": "bob@example.org",
        "display_name": "Bob",
        "is_admin": False,
        "is_active": True,
        "created_at": "2026-01-01 12:00:00.000",
        "updated_at": "2026-01-01 12:00:00.000",
        "last_login_at": None,
    }  # and no token_epoch (D27 of the reference)
    one = f"{ALL}/{made['user_id']}"
    assert checked(await api.get(one), 200, "GET", "/{user_id}") == made

    here.clock.advance(1)
    changed = checked(await api.patch(one, {"display_name": "Robert", "is_admin": True}), 200, "PATCH", "/{user_id}")
    assert (changed["display_name"], changed["is_admin"]) == ("Robert", True)
    same = checked(await api.patch(one, {"display_name": None, "is_active": None}), 200, "PATCH", "/{user_id}")
    assert same == changed
    blank = checked(await api.patch(one, {"display_name": ""}), 200, "PATCH", "/{user_id}")
    assert blank["display_name"] is None

    await here.add("Root", is_admin=True)
    assert checked(await api.delete(one), 204, "DELETE", "/{user_id}") is None
    for method in ("GET", "PATCH", "DELETE"):
        answer = await api.request(method, one, **({"json": {}} if method == "PATCH" else {}))
        checked(answer, 404, method, "/{user_id}")
    (line,) = here.log("user.delete")
    assert (line["actor_id"], line["actor_name"], line["address"]) == ("admin", "Admin", "127.0.0.1")


async def test_the_list_is_paged_with_headers(api: ApiClient, here: People) -> None:
    """D9 of the reference: nothing is capped silently, and the count is of all."""
    for number in range(5):
        await here.add(f"User{number}")
    seen, cursor = [], ""
    while True:
        answer = await api.get(ALL, params={"limit": "2", "search": "user"} | ({"cursor": cursor} if cursor else {}))
        seen += [user["display_name"] for user in checked(answer, 200, "GET", "")]
        assert answer.headers["X-Total-Count"] == "5"
        if "X-Next-Cursor" not in answer.headers:
            break
        cursor = answer.headers["X-Next-Cursor"]
    assert seen == ["User4", "User3", "User2", "User1", "User0"]
    assert len(checked(await api.get(ALL), 200, "GET", "")) == 5
    for params in ({"limit": "0"}, {"limit": "1001"}, {"cursor": "?"}, {"cursor": "AAAA"}, {"search": "\0"}):
        assert (await api.get(ALL, params=params)).status == 422


async def test_errors_are_those_of_the_reference_and_all_at_once(api: ApiClient, here: People) -> None:
    root = await here.add("Root", is_admin=True)
    duplicate = checked(await api.post(ALL, {**NEW, "email": "ROOT@example.org"}), 400, "POST", "")
    assert "already" in duplicate["detail"]
    assert "too weak" in checked(await api.post(ALL, {**NEW, "password": "weak"}), 400, "POST", "")["detail"]
    wrong = checked(await api.post(ALL, {"email": "nonsense", "password": "weak"}), 422, "POST", "")
    assert [each["loc"] for each in wrong["detail"]] == [["body", "email"], ["body", "password"]]
    more = await api.post(ALL, {"email": "nonsense", "password": "weak", "is_admin": "perhaps", "display_name": "a\nb"})
    assert {each["loc"][1] for each in more.json()["detail"]} == {"email", "password", "is_admin", "display_name"}
    long = await api.post(ALL, {**NEW, "password": "x" * 1025})
    assert (long.status, long.json()["detail"][0]["loc"]) == (422, ["body", "password"])
    assert "x" * 100 not in long.text

    one = f"{ALL}/{root.id}"
    for change in ({"is_admin": False}, {"is_active": False}, {"is_admin": False, "is_active": False}):
        answer = checked(await api.patch(one, change), 400, "PATCH", "/{user_id}")
        assert answer["detail"] == "Cannot remove the last administrator"
    answer = checked(await api.delete(one), 400, "DELETE", "/{user_id}")
    assert answer["detail"] == "Cannot remove the last administrator"
    assert (await api.patch(one, {"display_name": "R", "password": "another one 9"})).status == 200
    assert (await api.patch(one, {"unknown": 1})).status == 422


async def test_a_password_is_never_read_from_a_file(api: ApiClient, here: People, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file 1")
    user = (await api.post(ALL, {**NEW, "password": f"file:{secret}"})).json()
    assert here.accounts.logins()[user["user_id"]][1] == f"file:{secret}"[::-1]


async def test_the_system_account_is_readable_and_renamed_and_nothing_else(api: ApiClient) -> None:
    one = f"{ALL}/{SYSTEM_USER_ID}"
    assert checked(await api.get(one), 200, "GET", "/{user_id}")["display_name"] == "System"
    assert (await api.patch(one, {"display_name": "House"})).status == 200
    for change in ({"is_active": False}, {"is_admin": True}, {"password": GOOD.reveal()}, {"email": "a@example.org"}):
        answer = checked(await api.patch(one, change), 400, "PATCH", "/{user_id}")
        assert answer["detail"].startswith("The system account can't ")
    checked(await api.delete(one), 400, "DELETE", "/{user_id}")
    checked(
        await api.post(f"{one}/identities", {"provider": "ldap", "subject": "x"}), 400, "POST", "/{user_id}/identities"
    )


async def test_content_goes_where_the_query_says(api: ApiClient, here: People) -> None:
    await here.add("Root", is_admin=True)
    ann, bob = await here.add("Ann"), await here.add("Bob")
    for query in ("content=transfer", "content=keep&to=x", "content=purge&to=x", "content=burn", "to=x"):
        assert (await api.delete(f"{ALL}/{bob.id}?{query}")).status == 422
    assert (await api.delete(f"{ALL}/{bob.id}?content=transfer&to=nobody")).status == 404
    assert (await api.delete(f"{ALL}/{bob.id}?content=transfer&to={bob.id}")).status == 400
    assert (await api.delete(f"{ALL}/{bob.id}?content=transfer&to={ann.id}")).status == 204
    carol = await here.add("Carol")
    assert (await api.delete(f"{ALL}/{carol.id}?content=purge")).status == 204
    assert [line["details"]["content"] for line in here.log("user.delete")] == ["transfer", "purge"]


async def test_content_is_handed_over(api: ApiClient, here: People) -> None:
    ann = await here.add("Ann")
    path = f"{ALL}/{SYSTEM_USER_ID}/transfer"
    answer = await api.post(path, {"to_user_id": ann.id})
    assert checked(answer, 200, "POST", "/{user_id}/transfer") == {"transferred": {each.name: 0 for each in OWNED}}
    answer = await api.post(path, {"to_user_id": ann.id, "parts": ["images"]})
    assert answer.json() == {"transferred": {"images": 0}}
    assert (await api.post(path, {"to_user_id": ann.id, "parts": ["models"]})).json()["detail"][0]["loc"] == [
        "body",
        "parts",
    ]
    assert (await api.post(path, {"to_user_id": ann.id, "parts": []})).status == 422
    assert (await api.post(path, {"to_user_id": "nobody"})).status == 404
    assert (await api.post(path, {"to_user_id": SYSTEM_USER_ID})).status == 400


async def test_identities_are_listed_linked_and_unlinked(api: ApiClient, here: People) -> None:
    ann, bob = await here.add("Ann"), await here.add("Bob")
    path, route = f"{ALL}/{ann.id}/identities", "/{user_id}/identities"
    assert [each["provider"] for each in checked(await api.get(path), 200, "GET", route)] == [PROVIDER]
    subject = "uid=ann,ou=people/dc=example %2F#?"
    here.clock.advance(1)
    body = {"provider": "ldap", "subject": subject, "login": "ann"}
    linked = checked(await api.post(path, body), 201, "POST", route)
    assert [(each["provider"], each["subject"], each["login"]) for each in linked][1] == ("ldap", subject, "ann")
    checked(await api.post(f"{ALL}/{bob.id}/identities", body), 409, "POST", route)
    assert (await api.post(path, {"provider": "a/b", "subject": "\n"})).status == 422

    gone = f"{path}/ldap/{quote(subject, safe='')}"
    checked(await api.delete(gone), 204, "DELETE", f"{route}/{{provider}}/{{subject}}")
    checked(await api.delete(gone), 404, "DELETE", f"{route}/{{provider}}/{{subject}}")
    assert (await api.get(f"{ALL}/nobody/identities")).status == 404


async def test_all_of_it_is_for_administrators(api: ApiClient, here: People) -> None:
    bob = await here.add("Bob")
    for route in ROUTES:
        path = route.path.format(user_id=bob.id, provider="x", subject="y")
        for caller, status in ((None, 401), ("alice", 403)):
            assert (await api.as_caller(caller).request(route.method, path)).status == status, path
        assert route.needed_scope == "admin"


@pytest.fixture
async def login(here: People, tmp_path: Path, log: Log) -> AsyncIterator[tuple[ApiClient, SessionService]]:
    """The routes as people call them who have logged in."""
    ring = KeyRing.open(tmp_path / "secrets", clock=here.clock, log=log.logger)
    sessions = SessionService(here.storage, ring, here.clock, SessionsConfig())
    async with run_app(
        ROUTES,
        storage=here.storage,
        authenticator=Authenticator([], log=log.logger, credentials=Credentials(here.storage, sessions, here.clock)),
        services={USERS: here.service, SESSIONS: sessions},
        config=WebSettings(single_user=False, version="0.0-test"),
        clock=here.clock,
        log=log.logger,
    ) as client:
        yield client, sessions


async def log_in(here: People, sessions: SessionService, user: User) -> IssuedToken:
    """A session of that user."""
    session = await here.storage.write(
        sessions.begin,
        user.id,
        PROVIDER,
        user.id,
        remember=True,
        address="::1",
        user_agent="test",
        epoch=user.auth_epoch,
        now=here.clock.now(),
    )
    return sessions.issue(session)


@pytest.mark.parametrize("carrier", ["bearer", "cookie"])
async def test_administrators_go_on_after_setting_their_own_password(
    here: People, login: tuple[ApiClient, SessionService], carrier: str
) -> None:
    client, sessions = login
    root = await here.add("Root", is_admin=True)
    mine, other = await log_in(here, sessions, root), await log_in(here, sessions, root)

    def headers(token: str) -> dict[str, str]:
        if carrier == "bearer":
            return {"Authorization": f"Bearer {token}"}
        return {"Cookie": f"invoke_session={token}"}

    one = f"{ALL}/{root.id}"
    answer = await client.patch(one, {"password": "another one 9"}, headers=headers(mine.token))
    assert answer.status == 200
    assert ("Set-Cookie" in answer.headers) == (carrier == "cookie")
    for token in (mine.token, other.token):
        assert (await client.get(one, headers=headers(token))).status == 401
    assert (await client.get(one, headers=headers(answer.headers["X-Refreshed-Token"]))).status == 200
    (session,) = await sessions.of_user(root.id)
    assert (session.remember, session.provider) == (True, PROVIDER)
    assert session.id not in (mine.session.id, other.session.id)


async def test_an_api_token_can_make_no_way_to_log_in_as_administrator(
    here: People, login: tuple[ApiClient, SessionService]
) -> None:
    client, _ = login
    root, bob = await here.add("Root", is_admin=True), await here.add("Bob")
    text = tokens.new_text()
    here.storage.run_write(
        tokens.create,
        root.id,
        text,
        name="ci",
        scopes=frozenset({"admin", "read"}),
        expires_at=None,
        now="2026-01-01 12:00:00.000",
    )
    headers = {"Authorization": f"Bearer {text}"}
    change = {"password": "another one 9"}
    assert (await client.patch(f"{ALL}/{root.id}", change, headers=headers)).status == 403
    assert (await client.patch(f"{ALL}/{root.id}", {"display_name": "R"}, headers=headers)).status == 200
    for refused in (change, {"is_admin": True}, {"email": "eve@example.org"}):
        assert (await client.patch(f"{ALL}/{bob.id}", refused, headers=headers)).status == 403
    eve = {"email": "eve@example.org", "password": GOOD.reveal()}
    assert (await client.post(ALL, {**eve, "is_admin": True}, headers=headers)).status == 403
    link = {"provider": "ldap", "subject": "eve"}
    assert (await client.post(f"{ALL}/{root.id}/identities", link, headers=headers)).status == 403
    path = f"{ALL}/{root.id}/identities/{PROVIDER}/{root.id}"
    assert (await client.delete(path, headers=headers)).status == 403
    assert (await client.post(ALL, eve, headers=headers)).status == 201


async def test_the_local_administrator_of_single_user_mode_looks_after_users_too(
    make_app: AppMaker, here: People
) -> None:
    bob = await here.add("Bob")
    service = here.a_service(accounts=None, provider=None)
    api = await make_app(ROUTES, services={USERS: service}, config=WebSettings(single_user=True, version="0.0-test"))
    assert [user["user_id"] for user in (await api.get(ALL)).json()] == [bob.id]
    assert (await api.patch(f"{ALL}/{bob.id}", {"is_active": False})).json()["is_active"] is False
    answer = checked(await api.post(ALL, NEW), 409, "POST", "")
    assert answer["detail"].startswith("no login provider of this host keeps passwords; ")


async def test_an_administrator_sees_how_much_somebody_owns_before_removing_them(api: ApiClient, here: People) -> None:
    made = checked(await api.post(ALL, NEW), 201, "POST", "")
    owned = checked(await api.get(f"{ALL}/{made['user_id']}/content"), 200, "GET", "/{user_id}/content")
    assert owned["content"] == {each.name: 0 for each in OWNED}
    assert (await api.get(f"{ALL}/nobody/content")).status == 404
