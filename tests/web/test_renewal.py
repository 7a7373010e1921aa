"""Sliding renewal and the session cookie, over real HTTP."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest

from invoke_host.identity.sessions.signing import read_session
from invoke_host.web.settings import WebSettings
from tests.identity.credential_host import WHO, bearer, cookie, credential_host

CHANGES = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
async def host(storage, clock, tmp_path, log):
    async with credential_host(storage, clock, tmp_path, log[0]) as running:
        yield running


def set_cookie(answer):
    """Name, value and attributes of the one cookie that the answer sets, or None."""
    lines = answer.headers.getall("Set-Cookie", [])
    if not lines:
        return None
    (line,) = lines
    ((name, morsel),) = SimpleCookie(line).items()
    return name, morsel.value, {key: value for key, value in morsel.items() if value}


class TestBearer:
    @pytest.mark.parametrize("method", CHANGES)
    async def test_each_successful_change_brings_a_fresh_token_of_the_same_session(self, host, clock, method):
        issued = await host.login("root")
        clock.advance(5)
        answer = await host.who(bearer(issued), method=method)
        fresh = answer.headers["X-Refreshed-Token"]
        old, new = (read_session(host.sessions.ring, token, clock.now()) for token in (issued.token, fresh))
        assert (new.session_id, new.user_id) == (old.session_id, "root")
        assert new.expires_at == old.expires_at + 5
        assert new.token_id != old.token_id
        assert (await host.who(bearer(fresh))).status == 200
        assert (await host.who(bearer(issued))).status == 200
        assert set_cookie(answer) is None

    async def test_a_remembered_session_stays_remembered(self, host, clock):
        answer = await host.who(bearer(await host.login(remember=True)), method="POST")
        claims = read_session(host.sessions.ring, answer.headers["X-Refreshed-Token"], clock.now())
        assert claims.expires_at - claims.issued_at == 36_000

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize("path", [WHO, "/api/v1/auth/me"])
    async def test_reading_renews_nothing(self, host, clock, method, path):
        issued = await host.login()
        clock.advance(100)
        answer = await host.client.request(method, path, headers=bearer(issued))
        assert answer.status == 200
        assert "X-Refreshed-Token" not in answer.headers

    async def test_what_fails_renews_nothing(self, host):
        issued = await host.login()
        for path, method, status in (("/api/v1/fail", "POST", 418), (WHO, "DELETE", 403), ("/api/v1/no", "POST", 404)):
            answer = await host.client.request(method, path, headers=bearer(issued))
            assert (answer.status, "X-Refreshed-Token" in answer.headers) == (status, False)

    async def test_public_routes_renew_nothing(self, host):
        answer = await host.client.post("/api/v1/public", headers=bearer(await host.login()))
        assert (answer.status, "X-Refreshed-Token" in answer.headers) == (200, False)

    async def test_api_tokens_are_never_renewed(self, host):
        answer = await host.who(bearer(await host.api_token("manage-own")), method="POST")
        assert (answer.status, "X-Refreshed-Token" in answer.headers, set_cookie(answer)) == (200, False, None)

    async def test_a_session_that_the_request_itself_ended_is_not_renewed(self, host):
        issued = await host.login()
        answer = await host.client.delete(f"/api/v1/auth/sessions/{issued.session.id}", headers=bearer(issued))
        assert (answer.status, "X-Refreshed-Token" in answer.headers) == (204, False)

    async def test_a_renewal_that_fails_leaves_the_answer_as_it_is(self, host, monkeypatch, log):
        issued = await host.login()

        async def broken(claims):
            raise OSError("disk full")

        monkeypatch.setattr(host.sessions, "renew", broken)
        answer = await host.who(bearer(issued), method="POST")
        assert (answer.status, answer.json()["id"]) == (200, "alice")
        assert "X-Refreshed-Token" not in answer.headers
        assert "session_renewal_failed" in str(log[1].calls)


class TestCookie:
    @pytest.mark.parametrize("method", CHANGES)
    async def test_a_change_renews_a_cookie_that_is_older_than_a_minute(self, host, clock, method):
        issued = await host.login("root")
        clock.advance(60)
        assert set_cookie(await host.who(cookie(issued), method=method)) is None
        clock.advance(1)
        answer = await host.who(cookie(issued), method=method)
        name, value, attributes = set_cookie(answer)
        assert (name, attributes) == ("invoke_session", {"path": "/", "samesite": "Lax", "httponly": True})
        assert (await host.who(cookie(value))).status == 200
        assert "X-Refreshed-Token" not in answer.headers

    async def test_opening_a_page_renews_it_too_and_other_reading_does_not(self, host, clock):
        issued = await host.login()
        clock.advance(61)
        assert set_cookie(await host.client.get("/api/v1/auth/me", headers=cookie(issued))) is not None
        assert set_cookie(await host.client.get(WHO, headers=cookie(issued))) is None

    async def test_a_remembered_cookie_is_kept_for_the_life_of_its_token(self, host, clock):
        issued = await host.login(remember=True)
        clock.advance(61)
        _, _, attributes = set_cookie(await host.who(cookie(issued), method="POST"))
        assert attributes["max-age"] == "36000"

    async def test_beside_a_bearer_the_cookie_is_not_touched(self, host, clock):
        issued = await host.login()
        clock.advance(61)
        answer = await host.who({**cookie(issued), **bearer(issued)}, method="POST")
        assert set_cookie(answer) is None
        assert "X-Refreshed-Token" in answer.headers


class TestTls:
    @pytest.fixture
    async def host(self, storage, clock, tmp_path, log):
        config = WebSettings(single_user=False, public_url="https://pictures.example")
        async with credential_host(storage, clock, tmp_path, log[0], config=config) as running:
            yield running

    async def test_the_cookie_is_bound_to_host_and_tls_and_no_other_name_is_read(self, host, clock):
        issued = await host.login()
        assert (await host.who(cookie(issued))).status == 401
        assert (
            await host.who({"Cookie": f"invoke_session=planted; __Host-invoke_session={issued.token}"})
        ).status == 200
        clock.advance(61)
        answer = await host.who(cookie(issued, secure=True), method="POST")
        name, _, attributes = set_cookie(answer)
        assert name == "__Host-invoke_session"
        assert attributes == {"path": "/", "samesite": "Lax", "httponly": True, "secure": True}

    async def test_a_cleared_cookie_has_all_that_browsers_want_of_its_name(self, host):
        issued = await host.login()
        path = f"/api/v1/auth/sessions/{issued.session.id}"
        name, value, attributes = set_cookie(await host.client.delete(path, headers=cookie(issued, secure=True)))
        assert (name, value, attributes.pop("max-age")) == ("__Host-invoke_session", "", "0")
        assert attributes.pop("expires").startswith("Thu, 01 Jan 1970")
        assert attributes == {"path": "/", "samesite": "Lax", "httponly": True, "secure": True}


async def test_behind_a_trusted_proxy_with_tls_the_secure_name_is_used_and_others_are_not_believed(
    storage, clock, tmp_path, log
):
    config = WebSettings(single_user=False, trusted_proxies=("127.0.0.1",))
    async with credential_host(storage, clock, tmp_path, log[0], config=config) as host:
        issued = await host.login()
        https = {"X-Forwarded-Proto": "https"}
        assert (await host.who({**cookie(issued, secure=True), **https})).status == 200
        assert (await host.who({**cookie(issued), **https})).status == 401
        assert (await host.who(cookie(issued))).status == 200


async def test_without_trust_a_header_about_tls_changes_nothing(host):
    issued = await host.login()
    https = {"X-Forwarded-Proto": "https"}
    assert (await host.who({**cookie(issued, secure=True), **https})).status == 401
    assert (await host.who({**cookie(issued), **https})).status == 200


@pytest.mark.parametrize("carry", [bearer, cookie])
async def test_what_a_handler_says_about_the_session_is_left_alone(host, clock, carry):
    issued = await host.login()
    clock.advance(61)
    answer = await host.client.post("/api/v1/out", headers=carry(issued))
    assert set_cookie(answer)[1] == ""
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert "X-Refreshed-Token" not in answer.headers
    answer = await host.client.post("/api/v1/replaced", headers=carry(issued))
    assert (answer.headers["X-Refreshed-Token"], set_cookie(answer)) == ("by the handler", None)
