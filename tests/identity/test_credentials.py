"""What a request may carry, over real HTTP: whose word counts, and what ends it at the very next request."""

from __future__ import annotations

import jwt
import pytest

from invoke_host.api import NotAuthenticated, RequestView
from invoke_host.config.schema import SessionsConfig
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.rotation import rotate
from invoke_host.identity.sessions.signing import SessionClaims, read_session, sign
from tests.identity.credential_host import bearer, cookie, credential_host, refused


@pytest.fixture
async def host(storage, clock, tmp_path, log):
    async with credential_host(storage, clock, tmp_path, log.logger) as running:
        yield running


class TestCarriers:
    async def test_a_program_is_known_by_its_bearer_and_a_browser_by_its_cookie(self, host):
        issued = await host.login()
        program, browser = (await host.who(bearer(issued))).json(), (await host.who(cookie(issued))).json()
        assert (program.pop("carrier"), browser.pop("carrier")) == ("bearer", "cookie")
        assert program == browser
        assert (program["id"], program["session_id"], program["provider"]) == ("alice", issued.session.id, "local")
        assert program["name"] == "alice@example.org"

    async def test_without_a_credential_nobody_is_let_in(self, host):
        answer = await host.who()
        assert (answer.status, answer.detail) == (401, "Authentication required")
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    async def test_of_bearer_and_cookie_the_bearer_decides_alone(self, host):
        alice, bob = await host.login("alice"), await host.login("bob")
        both = {**cookie(bob), **bearer(alice)}
        assert (await host.who(both)).json()["id"] == "alice"
        assert await refused(host, {**cookie(alice), **bearer("bad")})
        assert (await host.who({**cookie("bad"), **bearer(alice)})).json()["id"] == "alice"

    @pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "Bearer   {}", "Bearer {} "])
    async def test_the_scheme_is_read_as_http_says(self, host, form):
        issued = await host.login()
        assert (await host.who({"Authorization": form.format(issued.token)})).json()["id"] == "alice"

    @pytest.mark.parametrize("value", ["Bearer", "Bearer ", "bearer \t", "Bearer a b", "Bearer ivh_", "Bearer é"])
    async def test_a_bearer_without_a_good_token_is_refused_also_beside_a_good_cookie(self, host, value):
        issued = await host.login()
        assert await refused(host, {**cookie(issued), "Authorization": value})

    @pytest.mark.parametrize("value", ["Basic YWxpY2U6eA==", "Digest x", "", "Bearerx"])
    async def test_other_schemes_are_a_proxys_business_and_the_cookie_counts(self, host, value):
        issued = await host.login()
        assert (await host.who({**cookie(issued), "Authorization": value})).json()["id"] == "alice"
        assert (await host.who({"Authorization": value})).detail == "Authentication required"

    @pytest.mark.parametrize("name", ["token", "access_token", "api_key", "session", "invoke_session", "authorization"])
    async def test_a_credential_in_the_query_string_is_none(self, host, name):
        issued, key = await host.login(), await host.api_token()
        for text in (issued.token, key, f"Bearer {issued.token}"):
            assert (await host.who(params={name: text})).status == 401

    @pytest.mark.parametrize("name", ["X-Api-Key", "X-Auth-Token", "X-Forwarded-User", "X-User", "Proxy-Authorization"])
    async def test_no_other_header_carries_one(self, host, name):
        issued, key = await host.login(), await host.api_token()
        for text in (issued.token, key, f"Bearer {key}", "alice"):
            assert (await host.who({name: text})).status == 401

    async def test_each_carrier_of_one_api_token_gives_the_same_rights_and_a_cookie_is_no_carrier_of_it(self, host):
        key = await host.api_token("read")
        assert (await host.who(bearer(key))).json()["scopes"] == ["read"]
        assert await refused(host, cookie(key))

    @pytest.mark.parametrize(
        ("form", "status"),
        [
            ("a=1; invoke_session={}; b=2", 200),
            ("invoke_session={}", 200),
            ("a=1;invoke_session={}", 200),
            ("xinvoke_session={}", 401),
            ("invoke_session2={}", 401),
            ("Invoke_Session={}", 401),
            ("__Host-invoke_session={}", 401),
            ("__Secure-invoke_session={}", 401),
            ("invoke_session=", 401),
            ("invoke_session", 401),
            ("invoke_session={0}; invoke_session={0}", 401),
            ("invoke_session=bad; invoke_session={}", 401),
            ("__Host-invoke_session=bad; invoke_session={}", 200),
        ],
    )
    async def test_only_the_cookie_of_the_one_name_is_read_and_only_if_it_is_there_once(self, host, form, status):
        issued = await host.login()
        assert (await host.who({"Cookie": form.format(issued.token)})).status == status

    @pytest.mark.parametrize("text", ["ivh_" + "\udcff" * 43, "ivh_" + "A" * 1_000_000, "\udcff.\udcff.\udcff"])
    async def test_bytes_of_no_encoding_and_endless_tokens_are_refused_without_asking_the_database(
        self, host, text, monkeypatch
    ):
        monkeypatch.setattr(host.storage, "read", lambda *_: pytest.fail("the database was asked"))
        for header in ({"authorization": f"Bearer {text}"}, {"cookie": f"invoke_session={text}"}):
            with pytest.raises(NotAuthenticated):
                await host.credentials.caller(RequestView("GET", "/", header, None, secure=False))


class TestRows:
    """The row is what counts: each change by another process acts on the next request."""

    @pytest.fixture
    async def issued(self, host):
        issued = await host.login()
        assert (await host.who(bearer(issued))).status == 200
        return issued

    async def test_an_ended_session(self, host, issued):
        host.sql("DELETE FROM sessions WHERE id = ?", issued.session.id)
        assert await refused(host, bearer(issued))
        assert await refused(host, cookie(issued))

    async def test_a_deactivated_user_with_session_and_token(self, host, issued):
        key = await host.api_token()
        assert (await host.who(bearer(key))).status == 200
        host.sql("UPDATE users SET is_active = 0 WHERE id = 'alice'")
        assert await refused(host, bearer(issued))
        assert await refused(host, bearer(key))

    async def test_a_promoted_and_a_demoted_user(self, host, issued):
        assert (await host.who(bearer(issued), method="DELETE")).status == 403
        host.sql("UPDATE users SET is_admin = 1 WHERE id = 'alice'")
        assert (await host.who(bearer(issued), method="DELETE")).json()["is_admin"] is True
        host.sql("UPDATE users SET is_admin = 0 WHERE id = 'alice'")
        assert (await host.who(bearer(issued), method="DELETE")).status == 403

    async def test_groups(self, host, issued):
        for group in ("g1", "g2"):
            host.sql("INSERT INTO groups VALUES (?1, ?1, ?1, '', '', '')", group)
            host.sql("INSERT INTO group_members (group_id, user_id, added_at) VALUES (?, 'alice', '')", group)
        host.sql("INSERT INTO group_members (group_id, user_id, added_at) VALUES ('g1', 'bob', '')")
        assert (await host.who(bearer(issued))).json()["groups"] == ["g1", "g2"]
        host.sql("DELETE FROM group_members WHERE group_id = 'g1' AND user_id = 'alice'")
        assert (await host.who(bearer(issued))).json()["groups"] == ["g2"]
        host.sql("DELETE FROM group_members WHERE group_id = 'g2'")
        assert (await host.who(bearer(issued))).json()["groups"] == []

    async def test_a_new_name(self, host, issued):
        host.sql("UPDATE users SET display_name = 'Alice L.' WHERE id = 'alice'")
        assert (await host.who(bearer(issued))).json()["name"] == "Alice L."

    async def test_a_session_that_belongs_to_somebody_else(self, host, issued):
        host.sql("UPDATE sessions SET user_id = 'bob' WHERE id = ?", issued.session.id)
        assert await refused(host, bearer(issued))

    async def test_a_signed_token_for_a_session_of_the_internal_user(self, host, issued, clock):
        host.sql("UPDATE sessions SET user_id = 'system' WHERE id = ?", issued.session.id)
        now = int(clock.now().timestamp())
        token = sign(host.sessions.ring, SessionClaims("system", issued.session.id, "t", now, now + 60))
        assert await refused(host, bearer(token))

    async def test_an_api_token_of_the_internal_user(self, host):
        assert await refused(host, bearer(await host.api_token(user_id="system")))

    async def test_a_signed_token_for_a_session_that_never_was(self, host, clock):
        now = int(clock.now().timestamp())
        token = sign(host.sessions.ring, SessionClaims("alice", "no-such-session", "t", now, now + 60))
        assert await refused(host, bearer(token))

    async def test_a_copied_token_after_logging_out(self, host, issued):
        copy = issued.token
        answer = await host.client.delete(f"/api/v1/auth/sessions/{issued.session.id}", headers=cookie(issued))
        assert answer.status == 204
        assert await refused(host, bearer(copy))
        assert await refused(host, cookie(copy))


class TestTime:
    async def test_a_token_ends_after_its_lifetime_however_busy_it_is(self, host, clock):
        issued = await host.login()
        for _ in range(4):
            clock.advance(890)
            assert (await host.who(bearer(issued))).status == 200
        clock.advance(40)
        assert await refused(host, bearer(issued))

    async def test_an_idle_session_ends_and_a_used_one_does_not(self, host, clock):
        idle, used = await host.login(), await host.login()
        clock.advance(1199)
        assert (await host.who(bearer(used))).status == 200
        clock.advance(1)
        assert await refused(host, bearer(idle))
        assert (await host.who(bearer(used))).status == 200
        clock.advance(1200)
        assert await refused(host, bearer(used))

    async def test_use_is_not_forgotten_while_it_is_being_written(self, host, clock):
        issued = await host.login()
        clock.advance(1100)
        assert (await host.who(bearer(issued))).status == 200
        await host.credentials.usage.flush()
        clock.advance(1100)
        assert (await host.who(bearer(issued))).status == 200

    async def test_a_remembered_session_may_lie_idle_for_its_lifetime(self, host, clock):
        issued = await host.login(remember=True)
        clock.advance(35_999)
        assert (await host.who(bearer(issued))).status == 200
        clock.advance(1)
        assert await refused(host, bearer(issued))

    async def test_no_renewal_goes_beyond_the_end_of_the_session(self, storage, clock, tmp_path, log):
        times = SessionsConfig(lifetime_s=600, remembered_lifetime_s=600, idle_s=600, longest_s=1000)
        async with credential_host(storage, clock, tmp_path, log.logger, times=times) as host:
            first = await host.login()
            clock.advance(590)
            renewed = (await host.who(bearer(first), method="POST")).headers["X-Refreshed-Token"]
            claims = read_session(host.sessions.ring, renewed, clock.now())
            assert claims.expires_at - claims.issued_at == 410
            clock.advance(409)
            assert (await host.who(bearer(renewed))).status == 200
            forged = sign(
                host.sessions.ring,
                SessionClaims("alice", first.session.id, "t", claims.issued_at, claims.expires_at + 99),
            )
            clock.advance(1)
            assert await refused(host, bearer(renewed))
            assert await refused(host, bearer(forged))


class TestKeys:
    async def test_a_rotated_key_logs_nobody_out_and_a_forgotten_one_everybody_within_a_second(
        self, host, clock, tmp_path
    ):
        issued, key = await host.login(), await host.api_token()
        assert (await host.who(bearer(issued))).status == 200
        rotate(tmp_path / "secrets", clock=clock)
        clock.advance(0.9)
        assert (await host.who(bearer(issued))).status == 200
        newer = await host.login()
        rotate(tmp_path / "secrets", forget_old=True)
        clock.advance(0.9)
        assert await refused(host, bearer(issued))
        assert await refused(host, cookie(newer))
        assert (await host.who(bearer(await host.login()))).status == 200
        assert (await host.who(bearer(key))).status == 200

    async def test_a_token_signed_by_another_host_is_refused(self, host, tmp_path, clock, log):
        issued = await host.login()
        ring = KeyRing.open(tmp_path / "elsewhere", clock=clock, log=log.logger)
        now = int(clock.now().timestamp())
        assert await refused(host, bearer(sign(ring, SessionClaims("alice", issued.session.id, "t", now, now + 60))))

    async def test_every_claim_that_is_missing_or_changed_is_the_same_401(self, host):
        issued = await host.login()
        key = host.sessions.ring.current
        good = jwt.decode(issued.token, options={"verify_signature": False})
        assert len(good) == 8
        for name in good:
            for content in ({key: value for key, value in good.items() if key != name}, {**good, name: "x"}):
                token = jwt.encode(content, key.secret, algorithm="HS256", headers={"kid": key.kid})
                # A session's token may have any id of its own.
                assert (name, content.get(name)) == ("jti", "x") or await refused(host, bearer(token))

    async def test_an_unsigned_one_and_one_without_a_key_id_are_refused(self, host):
        issued = await host.login()
        good = jwt.decode(issued.token, options={"verify_signature": False})
        kid = {"kid": host.sessions.ring.current.kid}
        assert await refused(host, bearer(jwt.encode(good, "", algorithm="none", headers=kid)))
        assert await refused(host, bearer(jwt.encode(good, host.sessions.ring.current.secret, algorithm="HS256")))
        assert await refused(host, bearer(issued.token + "x" * 4096))
