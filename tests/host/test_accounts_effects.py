"""S-D3: what is done to an account acts at once on its requests, its event streams, its waiting and its running work,
by whichever way it is done: over the API, with the command line, or straight in the database.

Also S-F3 and S-F7: no stream for a session that is no more, and a stream ends within a second of its session.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from .accounts import AUTH, PASSWORD, Bearer, Person, Team, add, api_token, by_command, in_the_database, log_in
from .client import QUEUE, Client
from .listener import Listener
from .test_lifecycle import LONG
from .test_queue import GRACE_STEPS

#: From the change to the end of an open stream.
SOON_S = 1.0

NEW_PASSWORD = "another horse, another battery 7"


def by_api(method: str, path: str = "", body: object = None) -> Callable[[Team, Person], None]:
    def change(team: Team, person: Person) -> None:
        answer = team.admin.client.request(method, f"{AUTH}/users/{person.id}{path}", body)
        assert answer.status in (200, 204), answer.text

    return change


def by_sql(statement: str) -> Callable[[Team, Person], None]:
    return lambda team, person: in_the_database(team.host, statement, person.id) and None


def by_words(*words: str, typed: str = "") -> Callable[[Team, Person], None]:
    return lambda team, person: by_command(team.host, *(word.format(email=person.email) for word in words), typed=typed)


#: What ends all sessions of a user. API tokens survive those in SPARES_TOKENS.
ENDS = {
    "deactivated over the API": by_api("PATCH", body={"is_active": False}),
    "deleted over the API": by_api("DELETE"),
    "password set by an administrator": by_api("PATCH", body={"password": NEW_PASSWORD}),
    "sessions ended by an administrator": by_api("DELETE", "/sessions"),
    "deactivated in the database": by_sql("UPDATE users SET is_active = 0 WHERE id = ?"),
    "sessions removed in the database": by_sql("DELETE FROM sessions WHERE user_id = ?"),
    "sessions at their end": by_sql("UPDATE sessions SET ends_at = '2020-01-01 00:00:00.000' WHERE user_id = ?"),
    "removed from the database": by_sql("DELETE FROM users WHERE id = ?"),
    "deactivated with the command line": by_words("deactivate", "{email}"),
    "sessions ended with the command line": by_words("sessions", "{email}", "--end-all"),
    "deleted with the command line": by_words("del", "--email", "{email}", "--force", "--keep"),
    "password set with the command line": by_words(
        "mod", "--email", "{email}", "--password-stdin", typed=f"{NEW_PASSWORD}\n"
    ),
}
SPARES_TOKENS = {name for name in ENDS if "password" in name or "sessions" in name}


def refused(client: Client, path: str = f"{AUTH}/me", method: str = "GET", body: object = None) -> bool:
    """Is it told 401 and the way to log in, and nothing of why?"""
    answer = client.request(method, path, body)
    if answer.status != 401:
        return False
    assert answer.detail == "Invalid or expired token"
    assert answer.headers["www-authenticate"] == "Bearer"
    return True


@pytest.mark.parametrize("name", ENDS)
def test_s_d3_the_next_request_is_refused_and_open_streams_end(team: Team, name: str):
    person = add(team.admin, "leaver")
    browser, token = person.browser(), api_token(person, "read", "generate")
    asked = {"positive_prompt": "a pear"}
    with Listener(person.client) as stream, Listener(browser.with_cookies()) as page, Listener(token) as program:
        ENDS[name](team, person)
        changed_at = time.monotonic()
        assert refused(person.client)
        assert refused(person.client, f"{QUEUE}/generate", "POST", asked)
        assert refused(browser)
        assert refused(browser, "/api/v1/images/i/a.png/full")
        ended = stream.ended(within_s=SOON_S) and page.ended(within_s=SOON_S)
        assert ended, f"streams live {time.monotonic() - changed_at:.1f} s after it"
        if name in SPARES_TOKENS:
            assert token.get(f"{AUTH}/me").status == 200
            assert not program.ended(within_s=0.0)
        else:
            assert refused(token)
            assert refused(token, f"{QUEUE}/generate", "POST", asked)
            assert program.ended(within_s=SOON_S)
        # The queue's numbers are for everybody, and are told when a stream begins.
        kinds = {event.kind for heard in (stream, page, program) for event in heard.events}
        assert kinds <= {"resync", "queue_counts_changed"}
    assert refused(person.client, "/api/v1/events")
    assert refused(browser, "/api/v1/events")


def test_s_d3_reactivating_revives_neither_sessions_nor_tokens(team: Team):
    person = add(team.admin)
    token = api_token(person, "read")
    for active in (False, True):
        by_api("PATCH", body={"is_active": active})(team, person)
    assert refused(person.client)
    assert refused(token)
    assert person.again().client.get(f"{AUTH}/me").status == 200


def test_s_d3_ones_own_new_password_ends_the_other_sessions_and_replaces_this_one(team: Team):
    person = add(team.admin)
    other = person.again()
    with Listener(other.client) as stream, Listener(person.client) as own:
        answer = person.client.patch(f"{AUTH}/me", {"current_password": PASSWORD, "new_password": NEW_PASSWORD})
        assert answer.status == 200, answer.text
        assert refused(other.client)
        assert stream.ended(within_s=SOON_S)
        assert own.ended(within_s=SOON_S)
    assert refused(person.client)
    replaced = Bearer(team.url, answer.headers["x-refreshed-token"])
    assert replaced.get(f"{AUTH}/me").json()["user_id"] == person.id
    wrong = team.anybody().post(f"{AUTH}/login", {"email": person.email, "password": PASSWORD})
    assert wrong.status == 401
    log_in(team.url, person.email, NEW_PASSWORD)


def test_s_f7_a_copied_token_is_worth_nothing_after_the_logout(team: Team):
    person = add(team.admin)
    copied, browser = Bearer(team.url, person.client.token), person.browser()
    stolen = browser.with_cookies()
    with Listener(copied) as stream, Listener(stolen) as page:
        for client in (person.client, browser):
            answer = client.post(f"{AUTH}/logout")
            assert (answer.status, answer.headers["clear-site-data"]) == (200, '"cache"')
        assert refused(copied)
        assert refused(stolen)
        assert refused(copied, "/api/v1/images/i/a.png/thumbnail")
        assert stream.ended(within_s=SOON_S)
        assert page.ended(within_s=SOON_S)
    assert browser.cookies.keys() <= {"invoke_device"}
    assert refused(stolen, "/api/v1/events")


def canceled_item(person: Person) -> int:
    """An item of theirs that has just been canceled, which everybody who may see it hears of."""
    [item_id] = person.client.generate()["item_ids"]
    assert person.client.put(f"{QUEUE}/i/{item_id}/cancel").status == 200
    return item_id


@pytest.mark.parametrize(
    "demote",
    [
        by_api("PATCH", body={"is_admin": False}),
        by_sql("UPDATE users SET is_admin = 0 WHERE id = ?"),
        by_words("mod", "--email", "{email}", "--no-admin"),
    ],
    ids=["over the API", "in the database", "with the command line"],
)
def test_s_d3_a_demoted_administrator_hears_nothing_more_of_others(team: Team, demote):
    admin, bob = add(team.admin, "second", is_admin=True), add(team.admin, "bob")
    with Listener(admin.client) as stream:
        stream.status(canceled_item(bob), "canceled")
        demote(team, admin)
        unheard = canceled_item(bob)  # at once: the very next event
        assert admin.client.get(f"{AUTH}/users").status == 403
        assert admin.client.put(f"{QUEUE}/processor/pause").status == 403
        stream.until("to read everything anew", lambda event: event.kind == "resync")
        also_unheard = canceled_item(bob)
        stream.status(canceled_item(admin), "canceled")
        heard = {event.data.get("item_id") for event in stream.events}
        assert not {unheard, also_unheard} & heard
    assert admin.client.get(f"{QUEUE}/i/{unheard}").json()["request"] is None


def test_s_d3_a_promoted_user_is_administrator_at_once(team: Team):
    user, bob = add(team.admin), add(team.admin, "bob")
    with Listener(user.client) as stream:
        by_api("PATCH", body={"is_admin": True})(team, user)
        assert user.client.get(f"{AUTH}/users").status == 200
        stream.until("to read everything anew", lambda event: event.kind == "resync")
        stream.status(canceled_item(bob), "canceled")


def test_s_f3_an_api_token_that_is_revoked_or_at_its_end_ends_its_streams(team: Team):
    person = add(team.admin)
    for statement in (
        "DELETE FROM api_tokens WHERE user_id = ?",
        "UPDATE api_tokens SET expires_at = '2020-01-01 00:00:00.000' WHERE user_id = ?",
    ):
        token = api_token(person, "read")
        with Listener(token) as stream, Listener(person.client) as own:
            by_sql(statement)(team, person)
            assert refused(token)
            assert stream.ended(within_s=SOON_S)
            assert not own.ended(within_s=0.0)
        assert refused(token, "/api/v1/events")


def test_s_f3_a_stream_needs_a_credential_that_is_good(team: Team):
    for client in (team.anybody(), Bearer(team.url, "x"), Bearer(team.url, "ivh_" + "a" * 43)):
        answer = client.get("/api/v1/events")
        assert answer.status == 401
        assert b"event:" not in answer.body


# Work ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["deactivated over the API", "deactivated in the database", "deleted over the API"])
def test_s_d3_running_work_stops_at_the_next_step_and_waiting_work_never_begins(studio: Team, name: str):
    person = add(studio.admin, "leaver")
    before = studio.admin.client.names()
    with Listener(studio.admin.client) as all_events, Listener(person.client) as own:
        running, waiting = person.client.generate(count=2, **{**LONG, "steps": 150})["item_ids"]
        own.step(running, 3)
        reached = own.progress(running)[-1]
        ENDS[name](studio, person)
        [behind] = studio.admin.client.generate()["item_ids"]
        all_events.status(behind, "completed")  # the worker was free soon
        assert own.ended(within_s=SOON_S)
        # At once after a commit of the host itself; what is written behind its back is looked for once a second.
        last, grace = own.progress(running)[-1], 60 if "database" in name else GRACE_STEPS
        assert last <= reached + grace, f"went on from step {reached} to step {last} of 150"
        assert all_events.statuses(running) == ["in_progress", "canceled"]
        assert "in_progress" not in all_events.statuses(waiting)
    status, count = in_the_database(
        studio.host, "SELECT status, count(*) FROM queue_items WHERE id = ? GROUP BY status", running
    )[0]
    assert (status, count) == ("canceled", 1)
    assert len(studio.admin.client.names()) == len(before) + 1


@pytest.mark.parametrize("name", ["demoted", "password set by an administrator"])
def test_s_d3_running_work_goes_on_where_only_the_role_or_the_password_changes(studio: Team, name: str):
    person = add(studio.admin, "stays", is_admin=True)
    change = by_api("PATCH", body={"is_admin": False}) if name == "demoted" else ENDS[name]
    with Listener(studio.admin.client) as events:
        [item_id] = person.client.generate(steps=15)["item_ids"]
        events.status(item_id, "in_progress")
        change(studio, person)
        events.status(item_id, "completed")
