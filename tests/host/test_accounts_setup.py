"""From a new host to a team: the first administrator by the code in the log, logins, a second user.

S-D5: setup works once, needs the one-time code, and makes one administrator however many ask at the same time.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from .accounts import AUTH, PASSWORD, add, configure, in_the_database, log_in, logged, set_up, setup_code
from .client import Client
from .conftest import NewHost
from .process import NO_DEVICES


def setup_body(code: str, email: str = "root@example.org") -> dict[str, str]:
    return {"email": email, "display_name": "Root", "password": PASSWORD, "setup_code": code}


def status(client: Client) -> dict:
    return client.get(f"{AUTH}/status").json()


def test_the_code_in_the_log_makes_the_first_administrator_who_makes_other_users(new_host: NewHost, root):
    configure(root)
    host = new_host(NO_DEVICES)
    client, code = host.client, setup_code(host)
    assert (status(client)["multiuser_enabled"], status(client)["setup_required"]) == (True, True)
    [line] = logged(host, "setup_required")
    assert line["url"] == client.url
    assert "enter the setup code" in line["detail"]

    wrong = client.post(f"{AUTH}/setup", setup_body("aaaa-aaaa-aaaa-aaaa"))
    assert (wrong.status, "log" in wrong.detail) == (403, True)
    assert client.post(f"{AUTH}/setup", {**setup_body(""), "setup_code": ""}).status in (403, 422)
    done = client.post(f"{AUTH}/setup", setup_body(code))
    assert done.status == 200, done.text
    assert (done.json()["success"], done.json()["user"]["is_admin"]) == (True, True)
    assert not status(client)["setup_required"]
    assert client.post(f"{AUTH}/setup", setup_body(code, "second@example.org")).status == 400

    admin = log_in(client.url, "Root@Example.ORG")
    alice = add(admin, "alice")
    me = alice.client.get(f"{AUTH}/me").json()
    assert (me["user_id"], me["display_name"], me["is_admin"]) == (alice.id, "Alice", False)
    assert alice.client.get(f"{AUTH}/users").status == 403
    assert {user["user_id"] for user in admin.client.get(f"{AUTH}/users").json()} == {admin.id, alice.id}
    assert host.log.count(code) == 1
    assert PASSWORD not in host.log
    assert host.stop() == 0

    again = new_host(NO_DEVICES)
    assert not status(again.client)["setup_required"]
    assert again.client.post(f"{AUTH}/setup", setup_body(code, "third@example.org")).status == 400
    assert alice.again().id == alice.id if again.client.url == client.url else log_in(again.client.url, alice.email)
    assert logged(again, "setup_required") == []
    assert again.stop() == 0


def test_s_d5_of_many_setups_at_the_same_time_one_makes_an_account(new_host: NewHost, root):
    configure(root)
    host = new_host(NO_DEVICES)
    client, code = host.client, setup_code(host)
    ready = threading.Barrier(8)

    def ask(number: int) -> int:
        ready.wait()
        return client.post(f"{AUTH}/setup", setup_body(code, f"root{number}@example.org")).status

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(ask, range(8)))
    assert answers == [200] + [400] * 7 or (answers[0] == 200 and set(answers[1:]) <= {400, 403}), answers
    assert in_the_database(host, "SELECT count(*), sum(is_admin) FROM users WHERE id <> 'system'") == [(1, 1)]


def test_each_start_without_administrator_has_a_code_of_its_own(new_host: NewHost, root):
    configure(root)
    first = new_host(NO_DEVICES)
    old = setup_code(first)
    assert first.stop() == 0
    second = new_host(NO_DEVICES)
    assert setup_code(second) != old
    assert second.client.post(f"{AUTH}/setup", setup_body(old)).status == 403
    set_up(second)


def test_without_login_there_is_nothing_to_set_up_or_to_log_in_to(target, victim: Client):
    assert status(victim) == {
        "setup_required": False,
        "multiuser_enabled": False,
        "strict_password_checking": False,
        "admin_email": None,
    }
    says = "Multiuser mode is disabled. Authentication is not required in single-user mode."
    login = {"email": "root@example.org", "password": PASSWORD}
    for method, path, body in (
        ("POST", "login", login),
        ("POST", "setup", setup_body("aaaa-aaaa-aaaa-aaaa")),
        ("GET", "sessions", None),
        ("GET", "tokens", None),
        ("POST", "tokens", {"name": "x", "scopes": ["read"]}),
    ):
        answer = victim.request(method, f"{AUTH}/{path}", body)
        assert (answer.status, answer.detail) == (403, says), path
        assert not getattr(answer.headers, "cookies", [])
    me = victim.get(f"{AUTH}/me").json()
    assert (me["user_id"], me["is_admin"]) == ("system", True)
    assert victim.post(f"{AUTH}/logout").json() == {"success": True}
    assert logged(target, "setup_required") == []
