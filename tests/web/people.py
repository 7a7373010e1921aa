"""What people do at a page: they find things by their words, press, type, and read."""

from __future__ import annotations

import json
from typing import Any

from .browser import Page

#: Where people look: the topmost open dialog, or the whole page.
SCOPE = "([...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body)"

#: An element that can be seen, with this text or label.
NAMED = """[...{scope}.querySelectorAll({selector})].find((each) => each.checkVisibility() && !each.disabled &&
    [each.getAttribute("aria-label"), each.textContent.trim()].includes({text}))"""

#: The field with this label.
FIELD = """[...{scope}.querySelectorAll("input, select, textarea")].find((each) => each.checkVisibility() &&
    [each.getAttribute("aria-label"), ...[...each.labels].map((label) => label.firstChild.textContent),
     ...[...each.labels].map((label) => label.querySelector("span, code")?.firstChild.textContent)].includes({text}))"""


async def press(page: Page, text: str) -> None:
    """Press the button or follow the link with these words, in the instant in which it is there."""
    found = NAMED.format(scope=SCOPE, selector=json.dumps("button, a, summary"), text=json.dumps(text))
    await page.until(f"(() => {{ const found = {found}; found?.click(); return found != null; }})()")


async def fill(page: Page, **values: str | bool) -> None:
    """Type into the fields with these labels (`_` stands for a blank), tick or untick boxes."""
    for name, value in values.items():
        found = FIELD.format(scope=SCOPE, text=json.dumps(name.replace("_", " ")))
        change = "checked" if isinstance(value, bool) else "value"
        script = f"""(() => {{ const field = {found}; if (!field) return false;
            field.focus(); field.{change} = {json.dumps(value)};
            for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, {{ bubbles: true }}));
            return true; }})()"""
        await page.until(script)


async def value_of(page: Page, label: str) -> Any:
    """What stands in the field with this label."""
    found = FIELD.format(scope=SCOPE, text=json.dumps(label.replace("_", " ")))
    [value] = await page.until(f"(() => {{ const field = {found}; return field && [field.value]; }})()")
    return value


async def reads(page: Page, text: str) -> None:
    """Wait until the page, or the topmost dialog, shows this text."""
    await page.until(f"{SCOPE}.innerText.includes({json.dumps(text)})")


async def reads_no_more(page: Page, text: str) -> None:
    """Wait until it doesn't."""
    await page.until(f"!{SCOPE}.innerText.includes({json.dumps(text)})")


async def key(page: Page, name: str, *, text: str = "") -> None:
    """Press a key, as the browser gets it from the keyboard."""
    codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
    options = {"key": name, "code": name, "windowsVirtualKeyCode": codes[name]}
    await page.send("Input.dispatchKeyEvent", type="keyDown", text=text, **options)
    await page.send("Input.dispatchKeyEvent", type="keyUp", **options)


async def log_in(page: Page, email: str, password: str) -> None:
    """Log in at the form that is shown, and wait for the page behind it."""
    await page.until("document.querySelector('#gate [name=email]') != null")
    await fill(page, **{"E-mail": email, "Password": password})
    await press(page, "Log in")
    await page.until("!document.querySelector('main').hidden && document.getElementById('gate').hidden")


def complaints(page: Page) -> list[str]:
    """Everything the browser complained about but answers that are errors: those the tests make on purpose."""
    return [each for each in page.complaints if not each.startswith("Failed to load resource")]
