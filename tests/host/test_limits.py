"""Limits on a running host: set by administrators and by command, felt with the next request, told to their users."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from invoke_host.testing.client import Answer

from .accounts import Person, Team, add, api_token
from .client import QUEUE
from .process import environment

LIMITS = "/api/v1/limits"
OWN = "/api/v1/me/usage"


def ask(person: Person, count: int = 1) -> Answer:
    body = {"positive_prompt": "a red apple", "steps": 1, "width": 64, "height": 64, "count": count}
    return person.client.post(f"{QUEUE}/generate", body)


def limit(team: Team, whose: str, **body: Any) -> None:
    answer = team.admin.client.patch(f"{LIMITS}/{whose}", body)
    assert answer.status == 200, answer.text


def command(team: Team, *words: str) -> str:
    """`invoke-host ...` on the folder of the running host."""
    done = subprocess.run(
        [sys.executable, "-m", "invoke_host", "--root", str(team.host.root), *words],
        env=environment(team.host.extra),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def uses(person: Person) -> dict[str, tuple[float, float]]:
    """What is used and left of each limit."""
    return {each["name"]: (each["used"], each["remaining"]) for each in person.client.get(OWN).json()["limits"]}


def test_who_asks_for_more_than_they_may_gets_what_fits_and_then_is_told_when_there_is_more(team: Team) -> None:
    ann = add(team.admin, "ann")
    limit(team, f"users/{ann.id}", each={"images_per_month": 3})
    some = ask(ann, 5).json()
    assert (some["enqueued"], some["requested"]) == (3, 5)
    assert some["limited_by"]["limit"] == "images_per_month"
    assert some["limited_by"]["value"] == 3
    none = ask(ann)
    assert none.status == 429
    assert "Your limit images_per_month is 3 (images a month), and 3 are used." in none.detail
    assert 0 < int(none.headers["Retry-After"]) <= 31 * 86400
    assert uses(ann) == {"images_per_month": (3, 0)}
    ann.client.put(f"{QUEUE}/i/{some['item_ids'][0]}/cancel")
    assert uses(ann) == {"images_per_month": (2, 1)}, "what is canceled is given back"
    assert ask(ann).status == 201


def test_a_command_beside_the_host_acts_on_the_next_request_and_shows_what_is_used(team: Team) -> None:
    bob = add(team.admin, "bob")
    assert ask(bob, 2).status == 201
    command(team, "limits", "set", "--user", bob.email, "max_pending=2", "engine_s_per_day=none")
    refused = ask(bob)
    assert refused.status == 429
    assert "Your limit max_pending is 2" in refused.detail
    assert refused.headers["Retry-After"] == "10"
    shown = command(team, "usage", "--user", bob.email)
    assert "Waiting: 2, running: 0" in shown
    assert "max_pending" in shown
    command(team, "limits", "unset", "--user", bob.email, "max_pending", "engine_s_per_day")
    assert ask(bob).status == 201
    rows = team.admin.client.get("/api/v1/audit/?action=limits.change&limit=1").json()
    (entry,) = rows["items"]
    assert (entry["via"], entry["target_id"]) == ("cli", bob.id)


def test_members_of_a_group_share_what_it_has_together_until_they_leave_it(team: Team) -> None:
    people = [add(team.admin, name) for name in ("carl", "cleo")]
    group = team.admin.client.post("/api/v1/groups/", {"name": f"{people[0].email} and friends"}).json()["group_id"]
    for person in people:
        assert team.admin.client.put(f"/api/v1/groups/{group}/members/{person.id}").status == 204
    limit(team, f"groups/{group}", together={"images_per_day": 3})
    assert ask(people[0], 2).json()["enqueued"] == 2
    assert ask(people[1], 2).json()["enqueued"] == 1
    assert [ask(person).status for person in people] == [429, 429]
    team.admin.client.delete(f"/api/v1/groups/{group}/members/{people[1].id}")
    assert ask(people[1]).status == 201
    assert team.admin.client.delete(f"/api/v1/groups/{group}").status == 204
    assert ask(people[0]).status == 201, "with the group went its limits"


def test_only_administrators_with_the_right_scope_set_limits(team: Team) -> None:
    eve, admin = add(team.admin, "eve"), add(team.admin, "boss", is_admin=True)
    body = {"each": {"max_pending": 0}}
    for client in (eve.client, api_token(eve, "read"), api_token(admin, "generate")):
        assert client.patch(f"{LIMITS}/users/{eve.id}", body).status == 403
        assert client.get("/api/v1/usage").status == 403
        assert client.get(f"/api/v1/users/{admin.id}/usage").status == 403
    assert api_token(eve, "read").get(OWN).json()["user_id"] == eve.id
    assert api_token(admin, "admin").patch(f"{LIMITS}/users/{eve.id}", body).status == 200
    assert team.anybody().get(OWN).status == 401


def test_a_deleted_user_leaves_no_limits_behind(team: Team) -> None:
    dora = add(team.admin, "dora")
    limit(team, f"users/{dora.id}", each={"max_pending": 7})
    assert ask(dora).status == 201
    assert team.admin.client.delete(f"/api/v1/auth/users/{dora.id}").status == 204
    everything = team.admin.client.get(LIMITS).json()
    assert dora.id not in {each["user_id"] for each in everything["users"]}
    assert dora.email not in team.admin.client.get("/api/v1/usage?search=dora").text
