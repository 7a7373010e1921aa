"""S-D4: an active administrator remains, whoever asks at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .accounts import AUTH, Person, Team, add, in_the_database, start_team
from .client import Client


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team of these tests' own, for other tests make administrators."""
    team = start_team(tmp_path_factory.mktemp("few") / "root")
    yield team
    team.host.end()


TAKE_AWAY: dict[str, Callable[[Client, str], int]] = {
    "demote": lambda client, user: client.patch(f"{AUTH}/users/{user}", {"is_admin": False}).status,
    "deactivate": lambda client, user: client.patch(f"{AUTH}/users/{user}", {"is_active": False}).status,
    "delete": lambda client, user: client.delete(f"{AUTH}/users/{user}").status,
}


@pytest.mark.parametrize("how", TAKE_AWAY)
def test_s_d4_the_last_administrator_cannot_be_taken_away(few: Team, how: str):
    assert active_admins(few) == 1
    assert TAKE_AWAY[how](few.admin.client, few.admin.id) == 400
    assert active_admins(few) == 1
    assert few.admin.client.get(f"{AUTH}/me").json()["is_admin"]


@pytest.mark.parametrize("how", TAKE_AWAY)
def test_s_d4_two_administrators_who_remove_each_other_at_the_same_time_leave_one(few: Team, how: str):
    for _ in range(5):
        pair = [add(few.admin, "twin", is_admin=True) for _ in range(2)]
        # The team's own administrator steps aside, so that these two are the last.
        in_the_database(few.host, "UPDATE users SET is_admin = 0 WHERE id = ?", few.admin.id)
        try:
            together = threading.Barrier(2)

            def remove(me: Person, other: Person, together: threading.Barrier = together) -> int:
                together.wait()
                return TAKE_AWAY[how](me.client, other.id)

            with ThreadPoolExecutor(2) as pool:
                answers = list(pool.map(remove, pair, reversed(pair)))
            assert active_admins(few) == 1, answers
            assert min(answers) in (200, 204), answers
            assert max(answers) in (400, 401, 403), answers
        finally:
            in_the_database(few.host, "UPDATE users SET is_admin = 1 WHERE id = ?", few.admin.id)
            in_the_database(few.host, "UPDATE users SET is_admin = 0 WHERE id <> ?", few.admin.id)
    assert not few.anybody().get(f"{AUTH}/status").json()["setup_required"]


def active_admins(few: Team) -> int:
    query = "SELECT count(*) FROM users WHERE is_admin AND is_active AND id <> 'system'"
    return in_the_database(few.host, query)[0][0]
