"""Sessions: their table on both databases, how they begin, and the routes to see and end them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from invoke_host.api import NotAuthenticated
from invoke_host.clock import timestamp
from invoke_host.identity.sessions import store
from invoke_host.identity.sessions.keys import KeyRing
from invoke_host.identity.sessions.service import SessionService
from invoke_host.identity.sessions.signing import read_session
from invoke_host.identity.sessions.store import NewSession
from tests.identity.credential_host import TIMES, add_user, bearer, cookie, credential_host

NOW = "2026-01-01 12:00:00.000"
LATER = "2026-01-01 13:00:00.000"
END = "2026-01-02 12:00:00.000"


def a_session(user_id="alice", *, remember=False, ends_at=END, **options):
    options = {"address": "192.0.2.1", "user_agent": "test", **options}
    return NewSession(user_id, "local", "1", remember, ends_at=ends_at, **options)


class TestStore:
    @pytest.fixture
    async def storage(self, each_storage):
        for user_id in ("alice", "bob"):
            await each_storage.write(add_user, user_id)
        return each_storage

    async def test_what_is_made_is_found_again(self, storage):
        made = await storage.write(store.create, a_session(remember=True), NOW)
        assert await storage.read(store.find, made.id) == made
        assert (made.remember, made.created_at, made.last_seen_at, made.ends_at) == (True, NOW, NOW, END)
        assert await storage.read(store.find, "nothing") is None

    async def test_what_clients_say_about_themselves_is_cut_and_can_not_break_a_line(self, storage):
        made = await storage.write(
            store.create, a_session(user_agent="a\nb\x1b[31m" + "x" * 400, address="y" * 400), NOW
        )
        found = await storage.read(store.find, made.id)
        assert found.user_agent.startswith("a\\nb\\x1b[31mxxx")
        assert (len(found.user_agent), len(found.address)) == (255, 64)

    async def test_sessions_of_a_user_come_newest_first(self, storage):
        old = await storage.write(store.create, a_session(), NOW)
        new = await storage.write(store.create, a_session(), LATER)
        await storage.write(store.create, a_session("bob"), LATER)
        assert await storage.read(store.of_user, "alice") == [new, old]

    async def test_ending_one_needs_its_owner_where_one_is_given(self, storage):
        made = await storage.write(store.create, a_session(), NOW)
        assert not await storage.write(store.end, made.id, "bob")
        assert await storage.write(store.end, made.id, "alice")
        assert not await storage.write(store.end, made.id)
        assert await storage.read(store.find, made.id) is None

    async def test_ending_all_keeps_the_one_named_and_everybody_elses(self, storage):
        made = [await storage.write(store.create, a_session(), NOW) for _ in range(3)]
        other = await storage.write(store.create, a_session("bob"), NOW)
        assert await storage.write(store.end_all, "alice", keep=made[1].id) == 2
        assert await storage.read(store.of_user, "alice") == [made[1]]
        assert await storage.write(store.end_all, "alice") == 1
        assert await storage.read(store.of_user, "bob") == [other]
        assert await storage.write(store.end_everybodys) == 1

    async def test_use_moves_forward_only(self, storage):
        one, two = [await storage.write(store.create, a_session(), NOW) for _ in range(2)]
        await storage.write(store.touch, {one.id: LATER, two.id: "2026-01-01 11:00:00.000", "gone": LATER})
        await storage.write(store.touch, {})
        assert (await storage.read(store.find, one.id)).last_seen_at == LATER
        assert (await storage.read(store.find, two.id)).last_seen_at == NOW

    async def test_clearing_away_takes_exactly_what_is_over(self, storage):
        kept = [
            await storage.write(store.create, a_session(), LATER),
            await storage.write(store.create, a_session(remember=True), NOW),
        ]
        await storage.write(store.create, a_session(), NOW)
        await storage.write(store.create, a_session(ends_at="2026-01-01 13:30:00.000"), LATER)
        await storage.write(store.create, a_session(remember=True), "2026-01-01 09:00:00.000")
        count = await storage.write(
            store.prune, now="2026-01-01 13:30:00.000", idle_since=NOW, remembered_idle_since="2026-01-01 09:00:00.000"
        )
        assert count == 3
        assert {each.id for each in await storage.read(store.of_user, "alice")} == {each.id for each in kept}


class TestBeginning:
    @pytest.fixture
    async def service(self, each_storage, clock, tmp_path, log):
        await each_storage.write(add_user, "alice")
        return SessionService(
            each_storage, KeyRing.open(tmp_path / "secrets", clock=clock, log=log.logger), clock, TIMES
        )

    @pytest.fixture
    def begin(self, service, each_storage, clock):
        async def begin(user_id="alice", epoch=0, *, remember=False):
            return await each_storage.write(
                service.begin,
                user_id,
                "local",
                "1",
                remember=remember,
                address="",
                user_agent="",
                epoch=epoch,
                now=clock.now(),
            )

        return begin

    async def test_a_session_ends_for_good_after_the_configured_time(self, begin, clock):
        made = await begin()
        assert made.ends_at == timestamp(clock.now() + timedelta(seconds=100_000))

    @pytest.mark.parametrize(("user_id", "epoch"), [("alice", 1), ("alice", -1), ("nobody", 0), ("system", 0)])
    async def test_another_epoch_and_users_who_can_not_log_in_get_none(self, begin, each_storage, user_id, epoch):
        with pytest.raises(NotAuthenticated):
            await begin(user_id, epoch)
        assert await each_storage.read(store.of_user, user_id) == []

    async def test_an_inactive_user_gets_none(self, begin, each_storage):
        await each_storage.write(lambda conn: conn.exec_driver_sql("UPDATE users SET is_active = false").rowcount)
        with pytest.raises(NotAuthenticated):
            await begin()

    async def test_tokens_live_as_long_as_configured(self, begin, service, clock):
        for remember, seconds in ((False, 3600), (True, 36_000)):
            issued = service.issue(await begin(remember=remember))
            claims = read_session(service.ring, issued.token, clock.now())
            assert issued.expires_in_s == claims.expires_at - claims.issued_at == seconds
            assert (claims.user_id, claims.session_id) == ("alice", issued.session.id)

    async def test_each_token_has_an_id_of_its_own(self, begin, service, clock):
        session = await begin()
        read = [read_session(service.ring, service.issue(session).token, clock.now()) for _ in range(2)]
        assert read[0].token_id != read[1].token_id

    async def test_only_a_live_session_of_the_tokens_own_user_is_renewed(self, begin, service, clock):
        session = await begin()
        claims = read_session(service.ring, service.issue(session).token, clock.now())
        assert (await service.renew(claims)).session == session
        assert await service.renew(replace(claims, user_id="bob")) is None
        assert await service.renew(replace(claims, session_id="another")) is None
        clock.advance(1200)
        assert await service.renew(claims) is None

    async def test_the_background_clears_away_what_is_over(self, begin, service, clock, each_storage):
        idle, remembered = await begin(), await begin(remember=True)
        clock.advance(1200)
        assert await service.of_user("alice") == [remembered]
        assert len(await each_storage.read(store.of_user, "alice")) == 2
        await service.prune_task().run()
        assert await each_storage.read(store.find, idle.id) is None
        assert await each_storage.read(store.of_user, "alice") == [remembered]


OWN = "/api/v1/auth/sessions"
OF_BOB = "/api/v1/auth/users/bob/sessions"


class TestRoutes:
    @pytest.fixture
    async def host(self, storage, clock, tmp_path, log):
        async with credential_host(storage, clock, tmp_path, log.logger) as running:
            yield running

    def audited(self, host):
        columns = "action, actor_id, via, address, target_type, target_id, details"
        return host.rows(f"SELECT {columns} FROM audit_log ORDER BY id")

    async def test_users_see_their_own_live_sessions_and_which_of_them_asks(self, host, clock):
        over = await host.login()
        clock.advance(1200)
        other = await host.login(remember=True, user_agent="Firefox")
        clock.advance(1)
        mine = await host.login()
        await host.login("bob")
        assert over.session.id not in (other.session.id, mine.session.id)
        answer = await host.client.get(OWN, headers=bearer(mine))
        assert answer.json() == [
            {
                "session_id": mine.session.id,
                "created_at": "2026-01-01 12:20:01.000",
                "last_seen_at": "2026-01-01 12:20:01.000",
                "expires_at": "2026-01-02 16:06:41.000",
                "address": "192.0.2.1",
                "user_agent": "test",
                "remember_me": False,
                "current": True,
            },
            {
                "session_id": other.session.id,
                "created_at": "2026-01-01 12:20:00.000",
                "last_seen_at": "2026-01-01 12:20:00.000",
                "expires_at": "2026-01-02 16:06:40.000",
                "address": "192.0.2.1",
                "user_agent": "Firefox",
                "remember_me": True,
                "current": False,
            },
        ]

    async def test_ending_the_others_keeps_the_one_that_asks(self, host):
        mine, other, bobs = await host.login(), await host.login(), await host.login("bob")
        answer = await host.client.delete(OWN, headers=bearer(mine))
        assert (answer.status, answer.json()) == (200, {"ended": 1})
        assert [(await host.who(bearer(each))).status for each in (mine, other, bobs)] == [200, 401, 200]
        assert self.audited(host) == [
            ("session.end", "alice", "api", "127.0.0.1", "user", "alice", '{"count":1}'),
        ]
        assert (await host.client.delete(OWN, headers=bearer(mine))).json() == {"ended": 0}
        assert len(self.audited(host)) == 1

    async def test_ending_ones_own_clears_the_cookie_and_what_the_browser_keeps(self, host):
        mine = await host.login()
        answer = await host.client.delete(f"{OWN}/{mine.session.id}", headers=cookie(mine))
        assert answer.status == 204
        assert answer.headers["Clear-Site-Data"] == '"cache"'
        assert answer.headers["Set-Cookie"].startswith('invoke_session=""; ')
        assert "Max-Age=0" in answer.headers["Set-Cookie"]
        assert (await host.who(cookie(mine))).status == 401

    async def test_ending_another_own_one_leaves_the_cookie_alone(self, host):
        mine, other = await host.login(), await host.login()
        answer = await host.client.delete(f"{OWN}/{other.session.id}", headers=bearer(mine))
        assert (answer.status, "Set-Cookie" in answer.headers) == (204, False)
        assert (await host.who(bearer(other))).status == 401
        assert self.audited(host)[0][:6] == (
            "session.end", "alice", "api", "127.0.0.1", "session", other.session.id,
        )  # fmt: skip

    async def test_a_foreign_session_looks_like_a_missing_one(self, host):
        mine, bobs = await host.login(), await host.login("bob")
        foreign = await host.client.delete(f"{OWN}/{bobs.session.id}", headers=bearer(mine))
        missing = await host.client.delete(f"{OWN}/nothing", headers=bearer(mine))
        assert (foreign.status, foreign.body) == (404, missing.body)
        assert (await host.who(bearer(bobs))).status == 200

    async def test_administrators_see_and_end_everybodys(self, host):
        root, one, two = await host.login("root"), await host.login("bob"), await host.login("bob")
        found = (await host.client.get(OF_BOB, headers=bearer(root))).json()
        assert {each["session_id"] for each in found} == {one.session.id, two.session.id}
        assert not any(each["current"] for each in found)
        answer = await host.client.delete(f"{OF_BOB}/{one.session.id}", headers=bearer(root))
        assert answer.status == 204
        assert (await host.who(bearer(one))).status == 401
        assert (await host.client.delete(f"{OF_BOB}/{one.session.id}", headers=bearer(root))).status == 404
        assert (await host.client.delete(f"{OF_BOB}/{root.session.id}", headers=bearer(root))).status == 404
        assert (await host.client.delete(OF_BOB, headers=bearer(root))).json() == {"ended": 1}
        assert (await host.who(bearer(two))).status == 401
        assert (await host.client.get(OF_BOB, headers=bearer(root))).json() == []

    async def test_users_neither_see_nor_end_those_of_others_by_the_routes_for_administrators(self, host):
        alice, bobs = await host.login(), await host.login("bob")
        for method, path in (("GET", OF_BOB), ("DELETE", OF_BOB), ("DELETE", f"{OF_BOB}/{bobs.session.id}")):
            assert (await host.client.request(method, path, headers=bearer(alice))).status == 403
        assert (await host.who(bearer(bobs))).status == 200

    async def test_no_api_token_opens_the_routes_for_own_sessions(self, host):
        key = await host.api_token("read", "generate", "manage-own", "admin", user_id="root")
        for method, path in (("GET", OWN), ("DELETE", OWN), ("DELETE", f"{OWN}/x")):
            answer = await host.client.request(method, path, headers=bearer(key))
            assert (answer.status, answer.detail) == (403, "log in for this: no API token may do it")
        assert (await host.client.get(OF_BOB, headers=bearer(key))).status == 200
