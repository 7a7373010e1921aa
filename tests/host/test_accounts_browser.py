"""What browsers do by themselves, with a session in a cookie, on a host with a login.

S-F1: no page of another origin changes anything. S-F2: nor with a body that needs no preflight. S-F3: nor listens.
S-F4: nothing redirects. S-F5: cookies that no sibling host and no script can touch. S-F8: no CORS headers.

S-F6 and S-F7 are in test_accounts_rights.py and test_accounts_effects.py; what needs no login is in test_attacks.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .accounts import AUTH, PASSWORD, Browser, Team, add, configure, cookies_of, log_in, set_up
from .client import QUEUE, Client
from .conftest import NewHost
from .process import NO_DEVICES
from .table import ROUTES, concrete
from .test_attacks import EVENTS, UNSAFE, foreign

SESSION = "invoke_session"
SECURE = "__Host-invoke_session"


@pytest.fixture(scope="module")
def browser(team: Team) -> Browser:
    """An administrator's, so that it is only the origin that stands in the way."""
    return add(team.admin, "surfer", is_admin=True).browser()


def test_s_f1_no_page_of_another_origin_changes_anything_with_the_users_cookie(team: Team, browser: Browser):
    client = browser.with_cookies()
    before = client.get(f"{AUTH}/users").body
    for row in UNSAFE:
        for headers in foreign(client):
            if "Cookie" in headers:
                continue  # the real one is there already
            body = b"{}" if row.route.body is not None else None
            sent = {**headers, **({"Content-Type": "application/json"} if body else {})}
            answer = client.request(row.route.method, concrete(row.route.path), body=body, headers=sent)
            assert answer.status == 403, (row.line, headers, answer.text)
            assert not cookies_of(answer)
    assert client.get(f"{AUTH}/users").body == before
    own = {"Origin": client.url, "Sec-Fetch-Site": "same-origin"}
    assert client.put(f"{QUEUE}/prune", headers=own).status == 200


def test_s_f1_nobody_is_logged_in_or_out_by_a_page_of_another_origin(team: Team, browser: Browser):
    person = add(team.admin)
    login = {"email": person.email, "password": PASSWORD}
    for headers in foreign(browser):
        for path, body in (("login", login), ("logout", None)):
            answer = browser.with_cookies().post(f"{AUTH}/{path}", body, headers=headers)
            assert (answer.status, cookies_of(answer)) == (403, []), (path, headers)
    assert browser.get(f"{AUTH}/me").status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_s_f2_a_body_that_needs_no_preflight_is_refused(browser: Browser, kind: str):
    client = browser.with_cookies()
    for row in UNSAFE:
        if row.route.body is not None:
            headers = {"Content-Type": kind} if kind else {}
            path = concrete(row.route.path) + ("?key=x" if row.route.path.endswith("/set_by_key") else "")
            answer = client.request(row.route.method, path, body=b"{}", headers=headers)
            assert answer.status == 415, (row.line, answer.text)


def test_s_f3_no_page_of_another_origin_listens_with_the_users_cookie(browser: Browser):
    client = browser.with_cookies()
    for headers in foreign(client):
        if "Cookie" not in headers:
            answer = client.get(EVENTS, headers=headers)
            assert answer.status == 403
            assert b"event:" not in answer.body
    assert Client(client.url).get(EVENTS).status == 401


@pytest.mark.parametrize(
    "where",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/%09/x.example", "%0d%0aX:y"],
)  # fmt: skip
def test_s_f4_nothing_redirects_wherever_a_link_says_to_go(team: Team, browser: Browser, where: str):
    for row in ROUTES:
        if row.route.method != "GET" or row.route.stream:
            continue
        for name in ("next", "url", "redirect", "return_to"):
            for client in (team.anybody(), browser.with_cookies()):
                answer = client.get(f"{concrete(row.route.path)}?{name}={where}")
                assert answer.status not in range(300, 400), row.line
                assert "location" not in answer.headers
                assert "refresh" not in answer.headers


def test_s_f5_the_cookie_is_out_of_reach_for_scripts_and_other_sites(team: Team):
    person = add(team.admin)
    for remember in (False, True):
        answer = team.anybody().post(
            f"{AUTH}/login", {"email": person.email, "password": PASSWORD, "remember_me": remember}
        )
        [line] = [line for line in cookies_of(answer) if line.startswith(f"{SESSION}=")]
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= attributes
        assert "secure" not in attributes  # this host is reached without TLS
        assert not any(part.startswith("domain") for part in attributes)
        assert any(part.startswith("max-age=") for part in attributes) == remember


def test_s_f5_under_tls_only_a_cookie_that_no_sibling_host_can_set_counts(new_host: NewHost, root: Path):
    configure(root, more='\n[server]\npublic_url = "https://pictures.example.org"\n')
    host = new_host(NO_DEVICES)
    url, front = host.client.url, {"Host": "pictures.example.org", "Origin": "https://pictures.example.org"}
    admin = set_up(host)
    browser = Browser(url, front)
    log_in(url, admin.email, by=browser)
    assert set(browser.cookies) == {SECURE, "__Host-invoke_device"}
    answer = browser.post(f"{AUTH}/media-cookie")
    for line in cookies_of(answer):
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"httponly", "secure", "path=/"} <= attributes
        assert not any(part.startswith("domain") for part in attributes)
    assert browser.get(f"{AUTH}/me").json()["user_id"] == admin.id
    token = browser.cookies[SECURE]
    for header in (f"{SESSION}={token}", f"__host-invoke_session={token}", f"{SESSION}={token}; {SECURE}=x"):
        assert Client(url, {"Cookie": header}).get(f"{AUTH}/me").status == 401, header
    tossed = f"{SESSION}=tossed; {SECURE}={token}"
    assert Client(url, {"Cookie": tossed}).get(f"{AUTH}/me").json()["user_id"] == admin.id
    browser.post(f"{AUTH}/logout")
    assert SECURE not in browser.cookies


def test_s_f5_tls_in_front_is_believed_of_trusted_proxies_only(new_host: NewHost, root: Path, team: Team):
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    person = add(team.admin)
    stranger = Browser(team.url, forwarded)
    log_in(team.url, person.email, by=stranger)
    assert SESSION in stranger.cookies
    assert {each["address"] for each in person.client.get(f"{AUTH}/sessions").json()} == {"127.0.0.1"}

    configure(root, more='\n[server]\ntrusted_proxies = ["127.0.0.1"]\n')
    host = new_host(NO_DEVICES)
    admin = set_up(host)
    behind = Browser(host.client.url, forwarded)
    log_in(host.client.url, admin.email, by=behind)
    assert SECURE in behind.cookies
    addresses = {each["address"] for each in admin.client.get(f"{AUTH}/sessions").json()}
    assert addresses == {"127.0.0.1", "203.0.113.7"}


def test_s_f8_no_answer_lets_other_origins_read_it(team: Team, browser: Browser):
    port = browser.port
    for origin in ("https://evil.example", "null", f"http://localhost:{port}", browser.url):
        for row in ROUTES:
            if row.route.stream:
                continue
            path = concrete(row.route.path)
            asked = {"Origin": origin, "Access-Control-Request-Method": row.route.method}
            for client in (team.anybody(), browser.with_cookies()):
                preflight = client.request("OPTIONS", path, headers=asked)
                assert preflight.status in (403, 404, 405), (row.line, preflight.status)
                answers = [preflight]
                if row.route.method == "GET":
                    answers.append(client.get(path, headers={"Origin": origin}))
                for answer in answers:
                    assert not [name for name in answer.headers if name.startswith("access-control")], row.line
