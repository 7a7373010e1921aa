"""F-23: whoever may not be here any more, by the directory, loses sessions, streams, API tokens and work in time.

"In time" is `recheck_minutes`, which tests shorten by telling the database that it is over; what follows is within 2 s.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator

import ldap3
import pytest

from tests.machine import busy
from tests.slapd import Slapd

from .accounts import AUTH, api_token, configure, in_the_database
from .client import QUEUE
from .directory import GROUPS, MAPPED, WORD, Company, configuration, dn, running_slapd
from .listener import Listener
from .process import start, until
from .test_accounts_effects import refused
from .test_lifecycle import LONG

#: From the word of the directory to the end of streams and work.
SOON_S = 2.0
#: More images than are made between two rounds.
MANY = 40
#: The longest time between two rounds at `recheck_minutes = 1`.
ROUND_S = 4.0


def leave(slapd: Slapd, group: str, uid: str) -> None:
    with slapd.admin() as connection:
        connection.modify(f"cn={group},{GROUPS}", {"member": [(ldap3.MODIFY_DELETE, [dn(uid)])]})


#: What an administrator of the directory does to somebody.
DOES: dict[str, Callable[[Slapd, str], None]] = {
    "disabled": lambda slapd, uid: slapd.change(dn(uid), title=["gone"]),
    "deleted": lambda slapd, uid: slapd.delete(dn(uid)),
    "taken out of the required group": lambda slapd, uid: leave(slapd, "staff", uid),
    "put into a denied group": lambda slapd, uid: add_to(slapd, "denied", uid),
}


def add_to(slapd: Slapd, group: str, uid: str) -> None:
    with slapd.admin() as connection:
        connection.modify(f"cn={group},{GROUPS}", {"member": [(ldap3.MODIFY_ADD, [dn(uid)])]})


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A host with a worker, for all tests here; each with people of its own."""
    root = tmp_path_factory.mktemp("directory") / "root"
    with running_slapd() as slapd:
        slapd.group("denied")
        more = {**MAPPED, "denied_groups": [f"cn=denied,{GROUPS}"]}
        configure(root, login=False, more=configuration(slapd.uri, **more))
        host = start(root)
        yield Company(host, slapd)
        log = host.log
        host.end()
        assert "Traceback" not in log, log
        assert WORD not in log


@pytest.fixture
def uid(company: Company) -> str:
    """Somebody new in the directory."""
    uid = f"p{secrets.token_hex(4)}"
    company.slapd.person(uid, WORD)
    add_to(company.slapd, "staff", uid)
    return uid


@pytest.mark.parametrize("what", DOES)
def test_f_23_sessions_streams_tokens_and_work_end(company: Company, uid: str, what: str):
    company.host.wait_ready()
    person, other = company.log_in(uid), company.log_in("ann")
    browser, token = company.browser(uid), api_token(person, "read", "generate")
    with (
        Listener(person.client) as stream,
        Listener(browser.with_cookies()) as page,
        Listener(token) as program,
        Listener(other.client) as others,
    ):
        items = person.client.generate(count=MANY, **{**LONG, "steps": 150})["item_ids"]
        stream.step(min(items), 2)
        DOES[what](company.slapd, uid)
        company.time_goes_by()
        done_at = time.monotonic()
        assert stream.ended(within_s=ROUND_S + 10)
        assert page.ended(within_s=SOON_S)
        assert program.ended(within_s=SOON_S)
        took = time.monotonic() - done_at
        assert refused(person.client)
        assert refused(browser)
        assert refused(token)
        assert refused(token, f"{QUEUE}/generate", "POST", {"positive_prompt": "a pear"})
        states = f"SELECT status, started_at FROM queue_items WHERE id >= {min(items)} AND id <= {max(items)}"
        stopped = [begun for status, begun in in_the_database(company.host, states) if status == "canceled"]
        assert stopped[-1] is None  # waited
        assert sum(begun is not None for begun in stopped) == 1  # ran
        left = f"{states} AND status NOT IN ('completed', 'canceled')"
        assert in_the_database(company.host, left) == []
        [behind] = other.client.generate()["item_ids"]
        others.status(behind, "completed")  # the worker was free soon
        assert company.is_in(other)
    block = [each for each in company.audit("identity.block") if each["stopped"].get("queue")][-1]
    assert (block["sessions_ended"], block["stopped"]["queue"]) == (2, len(stopped))
    assert company.try_login(uid).status == 401
    assert took < (ROUND_S + 10) * busy()


def test_what_the_directory_gives_back_is_good_again(company: Company, uid: str):
    person = company.log_in(uid)
    token = api_token(person, "read")
    DOES["disabled"](company.slapd, uid)
    company.time_goes_by()
    until("the session is over", lambda: not company.is_in(person))
    assert refused(token)
    company.slapd.change(dn(uid), title=[])
    company.time_goes_by()
    until("the token is good again", lambda: token.get(f"{AUTH}/me").status == 200)
    assert not company.is_in(person)  # sessions do not come back
    assert company.log_in(uid).id == person.id


def test_work_alone_is_reason_enough_to_ask(company: Company, uid: str):
    """Logged out, no token, and an image waits in the line."""
    company.host.wait_ready()
    person = company.log_in(uid)
    items = person.client.generate(count=MANY, **{**LONG, "steps": 150})["item_ids"]
    assert person.client.post(f"{AUTH}/logout").status == 200
    DOES["disabled"](company.slapd, uid)
    company.time_goes_by()
    count = f"SELECT count(*) FROM queue_items WHERE id >= {min(items)} AND id <= {max(items)} AND status "
    unfinished = f"{count} IN ('pending', 'in_progress')"
    until("nothing waits or runs", lambda: in_the_database(company.host, unfinished) == [(0,)])
    assert in_the_database(company.host, f"{count} = 'canceled'")[0][0] > MANY / 2
