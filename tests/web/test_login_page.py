"""Login, setup and the end of sessions, in a real browser against a real host in multi-user mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from invoke_host.api import PUBLIC, NotAuthenticated, Route, ServiceUnavailable, json_response
from invoke_host.web.settings import WebSettings
from tests.host.accounts import AUTH, PASSWORD, add, configure, setup_code
from tests.host.process import NO_DEVICES, HostProcess, start

from .browser import Page
from .people import complaints, fill, key, log_in, press, reads, reads_no_more, value_of
from .test_pages import FakeHost

SHOWN_GATE = "!document.getElementById('gate').hidden"
LIVE = "document.getElementById('connection').textContent == 'live'"
STOPPED = "document.getElementById('connection').textContent == 'stopped'"

#: What is said to a login that failed, whether one has to wait, and the button's words; all of one moment.
ANSWER = """(() => { const [list, go] = ["problems", "primary"].map((each) => document.querySelector(`#gate .${each}`));
    return list.hidden ? null : [list.innerText, go.disabled, go.textContent]; })()"""


@pytest.fixture
def new_host(tmp_path: Path) -> Iterator[HostProcess]:
    """A host that nobody has set up, which lets one fail only once."""
    configure(tmp_path / "root", more="[auth.throttle]\nfree_failures = 1\nlongest_wait_s = 2\n")
    host = start(tmp_path / "root", NO_DEVICES)
    yield host
    host.end()


@pytest.fixture(scope="module")
def unclaimed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """A host that nobody has set up, for tests that leave it so."""
    configure(root := tmp_path_factory.mktemp("unclaimed") / "root")
    host = start(root, NO_DEVICES)
    yield host
    host.end()


async def test_the_first_visitor_makes_the_administrator_with_the_code_from_the_log(new_host, page):
    url = new_host.client.url
    await page.open(url)
    await reads(page, "This host has no administrator yet")
    await reads(page, "look at its terminal or its log")
    await fill(page, **{"E-mail": "ada@example.org", "Your name": "Ada", "Setup code": "aaaa-aaaa-aaaa-aaaa"})
    await fill(page, Password="password1", The_same_again="password1")
    await press(page, "Make the administrator")
    await reads(page, "wrong setup code")
    await fill(page, Setup_code=setup_code(new_host))
    await press(page, "Make the administrator")
    await reads(page, "one of the most common ones")  # the host's own sentence
    await fill(page, Password=PASSWORD, The_same_again=PASSWORD)
    await press(page, "Make the administrator")
    await page.until("document.querySelector('#account-menu summary')?.textContent == 'Ada'")
    await page.until(LIVE)
    assert complaints(page) == []
    await page.open(url)
    await page.until("document.querySelector('#account-menu summary')?.textContent == 'Ada'")  # the browser remembers


async def test_a_password_is_called_weak_moderate_or_strong(unclaimed, page):
    await page.open(unclaimed.client.url)
    for text, found in (("Abcdef1", "weak"), ("abcdefgh1", "moderate"), ("Abcdefg1", "strong"), ("Жуковск9", "strong")):
        await fill(page, Password="")
        await reads_no_more(page, "Password strength: ")
        await fill(page, Password=text)
        await reads(page, f"Password strength: {found}")


async def test_two_passwords_that_differ_are_not_sent(unclaimed, page):
    await page.open(unclaimed.client.url)
    code = setup_code(unclaimed)
    await fill(
        page, **{"E-mail": "ada@example.org", "Setup code": code, "Password": PASSWORD, "The same again": "other"}
    )
    await press(page, "Make the administrator")
    assert await page.evaluate("document.activeElement.validationMessage") == "The two differ."
    assert unclaimed.client.get(f"{AUTH}/status").json()["setup_required"] is True


async def test_too_many_failures_count_down_and_then_one_may_try_again(new_host, page):
    body = {"email": "ada@example.org", "password": PASSWORD, "setup_code": setup_code(new_host)}
    assert new_host.client.post(f"{AUTH}/setup", body).status == 200
    await page.open(new_host.client.url)
    await fill(page, **{"E-mail": "ada@example.org", "Password": "wrong"})
    await press(page, "Log in")
    await reads(page, "Incorrect email or password")
    for _ in range(5):  # one is let try again after a second, which a busy machine may need for a try
        await press(page, "Log in")
        told, waits, button = await page.until(ANSWER)
        if waits:
            break
    assert told.startswith("Too many failed tries. Try again in")
    assert button.startswith("Wait ")
    await page.until("document.querySelector('#gate .primary').textContent == 'Log in'")
    await log_in(page, "ada@example.org", PASSWORD)


async def test_a_wrong_password_is_told_and_the_address_stays(team, page):
    await page.open(team.url)
    await fill(page, **{"E-mail": "nobody@example.org", "Password": "wrong"})
    await press(page, "Log in")
    await reads(page, "Incorrect email or password")
    assert await value_of(page, "E-mail") == "nobody@example.org"
    assert await page.evaluate("document.activeElement.name") == "password"
    assert await page.evaluate("document.querySelector('main').hidden") is True


async def test_scripts_hold_no_credential(team, page):
    await page.open(team.url)
    await log_in(page, team.admin.email, PASSWORD)
    await page.until(LIVE)
    assert await page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    assert not [each for each in page.requested if "eyJ" in each or PASSWORD in each]
    assert [each for each in page.requested if not each.startswith((team.url, "data:"))] == []
    assert complaints(page) == []


async def test_a_session_that_ends_stops_the_stream_and_loses_nothing(team, page):
    carla = add(team.admin, "carla")
    await page.open(team.url)
    await log_in(page, carla.email, PASSWORD)
    await page.until(LIVE)
    await page.evaluate("document.getElementById('prompt').value = 'half a wish'")
    assert team.admin.client.delete(f"{AUTH}/users/{carla.id}/sessions").status == 200
    await page.until(SHOWN_GATE)
    await reads(page, "Your session has ended.")
    await page.until(STOPPED)
    assert await page.evaluate("document.querySelector('main').hidden") is True
    await log_in(page, carla.email, PASSWORD)
    await page.until(LIVE)
    assert await page.evaluate("document.getElementById('prompt').value") == "half a wish"
    assert complaints(page) == []


async def test_what_one_user_typed_is_gone_when_another_logs_in(team, page):
    carla, dora = add(team.admin, "carla"), add(team.admin, "dora")
    await page.open(team.url)
    await log_in(page, carla.email, PASSWORD)
    await page.evaluate("document.getElementById('prompt').value = 'my secret wish'")
    team.admin.client.delete(f"{AUTH}/users/{carla.id}/sessions")
    await page.until(SHOWN_GATE)
    await fill(page, **{"E-mail": dora.email, "Password": PASSWORD})
    await press(page, "Log in")
    await page.until("document.querySelector('#account-menu summary')?.textContent == 'Dora'")
    assert await page.evaluate("document.getElementById('prompt').value") == ""


async def test_logging_out_ends_the_session_and_shows_the_form(team, page):
    dora = add(team.admin, "dora")
    for session in dora.client.get(f"{AUTH}/sessions").json():
        team.admin.client.delete(f"{AUTH}/users/{dora.id}/sessions/{session['session_id']}")
    await page.open(f"{team.url}/account")
    await log_in(page, dora.email, PASSWORD)
    assert len(team.admin.client.get(f"{AUTH}/users/{dora.id}/sessions").json()) == 1
    await press(page, "Dora")
    await press(page, "Log out")
    await page.until("location.pathname == '/' && document.querySelector('#gate [name=password]') != null")
    assert team.admin.client.get(f"{AUTH}/users/{dora.id}/sessions").json() == []
    await page.open(f"{team.url}/account")
    await page.until("document.querySelector('#gate [name=password]') != null")


async def test_remember_me_keeps_the_cookie_when_the_browser_ends(team, page):
    async def lasting() -> bool:
        cookies = (await page.send("Network.getCookies"))["cookies"]
        return next(not each["session"] for each in cookies if each["name"] == "invoke_session")

    await page.open(team.url)
    await log_in(page, team.admin.email, PASSWORD)
    assert not await lasting()
    await page.send("Network.clearBrowserCookies")
    await page.open(team.url)
    await page.until("document.querySelector('#gate [name=email]') != null")
    await fill(page, Keep_me_logged_in_on_this_device=True)
    await log_in(page, team.admin.email, PASSWORD)
    assert await lasting()


async def test_everything_works_from_the_keyboard(team, page):
    await page.open(team.url)
    await page.until("document.activeElement?.name == 'email'")
    await page.send("Input.insertText", text=team.admin.email)
    await key(page, "Tab")
    await page.send("Input.insertText", text=PASSWORD)
    await key(page, "Enter", text="\r")
    await page.until("document.querySelector('#account-menu summary')?.textContent == 'Root'")
    await page.evaluate("document.querySelector('#account-menu summary').focus()")
    await key(page, "Enter", text="\r")
    await page.until("document.getElementById('account-menu').open")
    await key(page, "Escape")
    await page.until("!document.getElementById('account-menu').open")
    assert await page.evaluate("document.activeElement.textContent") == "Root"


@pytest.mark.parametrize("path", ["/", "/account", "/users", "/groups"])
async def test_every_page_fits_a_phone_and_every_control_has_a_name(team, page, path):
    await page.send("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    await page.open(f"{team.url}{path}", dark=True)
    await page.until("document.querySelector('#gate [name=email]') != null")
    await check_page(page)
    await log_in(page, team.admin.email, PASSWORD)
    await page.until("document.querySelectorAll('main button').length > 0")
    await check_page(page)


async def check_page(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    nameless = """[...document.querySelectorAll("input, select, textarea, button")].filter((each) =>
        each.checkVisibility() && !(each.labels?.length || each.getAttribute("aria-label") || each.textContent.trim())
    ).map((each) => each.outerHTML)"""
    assert await page.evaluate(nameless) == []
    assert await page.evaluate("document.documentElement.lang && document.title") != ""


async def test_a_host_that_cannot_check_logins_says_so(make_app, page):
    async def status(request):
        return json_response({"setup_required": False, "multiuser_enabled": True})

    async def nobody(request):
        raise NotAuthenticated("Authentication required")

    async def login(request):
        raise ServiceUnavailable("busy", retry_after_s=5)

    routes = [
        Route("GET", f"{AUTH}/status", status, PUBLIC),
        Route("GET", f"{AUTH}/me", nobody, PUBLIC),
        Route("POST", f"{AUTH}/login", login, PUBLIC),
    ]
    await page.open((await make_app(routes, config=WebSettings(single_user=False))).url)
    await fill(page, **{"E-mail": "ada@example.org", "Password": PASSWORD})
    await press(page, "Log in")
    await reads(page, "The server can't check logins now. Your password may well be right")
    assert await page.evaluate("document.querySelector('#gate .primary').disabled") is False


@pytest.mark.parametrize("path", ["/account", "/users", "/groups"])
async def test_in_single_user_mode_nothing_of_accounts_shows(make_app, page, path):
    url = (await make_app(FakeHost().routes(), config=WebSettings(single_user=True))).url
    await page.open(f"{url}{path}")
    await page.until("location.pathname == '/' && document.getElementById('empty')?.checkVisibility()")
    assert await page.evaluate("document.getElementById('account-menu').checkVisibility()") is False
    assert await page.evaluate("document.getElementById('gate').checkVisibility()") is False
    assert not [each for each in page.requested if "/auth/me" in each]
