"""Foreign web pages can't act through a visitor's browser."""

from __future__ import annotations

import pytest

from invoke_host.api import LOGGED_IN, PUBLIC
from invoke_host.web.settings import WebSettings

from .things import a_route

SINGLE = WebSettings(single_user=True)


def everything():
    return [a_route("/do", method=method) for method in ("POST", "PUT", "PATCH", "DELETE")] + [
        a_route("/do"),
        a_route("/events", LOGGED_IN, stream=True),
    ]


@pytest.fixture
async def client(make_app):
    return await make_app(everything(), config=SINGLE)


def foreign(own: str) -> dict[str, dict[str, str]]:
    scheme, _, authority = own.partition("://")
    name, _, port = authority.partition(":")
    return {
        "another site": {"Origin": "https://evil.example"},
        "null": {"Origin": "null"},
        "empty": {"Origin": ""},
        "only Sec-Fetch-Site": {"Sec-Fetch-Site": "cross-site"},
        "a sibling": {"Sec-Fetch-Site": "same-site"},
        "an unknown word": {"Sec-Fetch-Site": "friendly"},
        "our name as a prefix": {"Origin": f"{own}.evil.example"},
        "our name as a suffix": {"Origin": f"{scheme}://evil-{authority}"},
        "another port": {"Origin": f"{scheme}://{name}:{int(port) + 1}"},
        "no port": {"Origin": f"{scheme}://{name}"},
        "no number as port": {"Origin": f"{own}x"},
        "another scheme": {"Origin": f"https://{authority}"},
        "both, and they disagree": {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        "ours, but from another site": {"Origin": own, "Sec-Fetch-Site": "cross-site"},
    }


@pytest.mark.parametrize("kind", sorted(foreign("http://h:1")))
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_unsafe_methods_from_a_foreign_page_are_403(client, method, kind):
    assert (await client.request(method, "/do", headers=foreign(client.url)[kind])).status == 403


@pytest.mark.parametrize("kind", sorted(foreign("http://h:1")))
async def test_an_event_stream_opened_by_a_foreign_page_is_403(client, kind):
    assert (await client.get("/events", headers=foreign(client.url)[kind])).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_our_own_pages_and_programs_pass(client, method):
    for headers in (
        {},
        {"Origin": client.url},
        {"Origin": client.url, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        assert (await client.request(method, "/do", headers=headers)).status == 200


async def test_reading_with_a_foreign_origin_gets_an_answer_but_no_permission_to_look_at_it(client):
    answer = await client.get("/do", headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_a_preflight_is_never_granted(client):
    answer = await client.request(
        "OPTIONS", "/do", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
    )
    assert answer.status == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_behind_a_proxy_the_public_url_is_an_own_origin(make_app):
    settings = WebSettings(single_user=True, public_url="https://Pictures.example/app")
    client = await make_app(everything(), config=settings)
    ok = {"Origin": "https://pictures.example", "Host": "pictures.example"}
    assert (await client.post("/do", headers=ok)).status == 200
    assert (await client.post("/do", headers={**ok, "Origin": "http://pictures.example:81"})).status == 403


async def test_a_refusal_behind_a_proxy_says_what_to_set(client):
    answer = await client.post("/do", headers={"Origin": "https://pictures.example"})
    assert "[server] public_url" in answer.detail


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9090",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1:x",
        "[::1",
        "",
    ],
)
async def test_in_single_user_mode_a_foreign_name_for_us_is_403(client, host):
    answer = await client.get("/do", headers={"Host": host})
    assert answer.status == 403
    assert "public_url" in answer.detail


@pytest.mark.parametrize(
    "host", ["localhost:9090", "LOCALHOST", "localhost.", "127.0.0.1:1", "[::1]:9090", "192.168.7.7"]
)
async def test_in_single_user_mode_local_names_and_addresses_pass(client, host):
    assert (await client.get("/do", headers={"Host": host})).status == 200


async def test_a_foreign_name_is_403_on_unknown_paths_and_pages_too(client):
    for path in ("/nothing", "/", "/openapi.json", "/healthz"):
        assert (await client.get(path, headers={"Host": "evil.example"})).status == 403


async def test_where_sessions_say_who_calls_the_name_does_not_matter(make_app):
    settings = WebSettings(single_user=False, version="0.0-test")
    client = await make_app([a_route("/do", PUBLIC)], config=settings)
    assert (await client.get("/do", headers={"Host": "any.example"})).status == 200


async def test_where_a_proxys_header_says_who_calls_a_foreign_name_is_refused(make_app):
    """A page whose name was pointed at this host may set any header (DNS rebinding)."""
    settings = WebSettings(single_user=False, check_host=True, public_url="https://host.example", version="0.0-test")
    client = await make_app([a_route("/do", PUBLIC)], config=settings)
    assert (await client.get("/do", headers={"Host": "evil.example"})).status == 403
    assert (await client.get("/do", headers={"Host": "host.example"})).status == 200


async def test_the_bind_name_is_an_own_name(make_app):
    client = await make_app([a_route("/do")], config=WebSettings(single_user=True, bind_host="studio.lan"))
    assert (await client.get("/do", headers={"Host": "studio.lan:9090"})).status == 200
