"""Limits and usage at the terminal: from what somebody types to a change, and from what is found to tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.cli.output import print_table
from invoke_host.cli.users.finding import person
from invoke_host.cli.users.showing import say

if TYPE_CHECKING:
    from invoke_host.cli.accounts import Accounts
    from invoke_host.limits.effective import Source
    from invoke_host.limits.names import Scope
    from invoke_host.limits.reports import UserLine, UserReport
    from invoke_host.limits.service import LimitService
    from invoke_host.limits.store import AllRules
    from invoke_host.limits.usage import Used
    from invoke_host.limits.values import Subject

#: Users read at once.
_PAGE = 1000


def service(accounts: Accounts) -> LimitService:
    """Limits on the storage of this root folder."""
    from invoke_host.limits.service import LimitService
    from invoke_host.queue.store.bookings import Places

    return LimitService(accounts.services.storage, accounts.services.clock, Places())


def parsed(values: Sequence[str], scope: Scope) -> dict[str, float | None]:
    """`limit=value` pairs as numbers, `none` as None.

    Raises:
        CliError: something else was typed, or there are no such limits; with all that is wrong.
    """
    from invoke_host.limits.values import problems_of

    found: dict[str, float | None] = {}
    wrong: list[str] = []
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            wrong.append(f"{text!r} has no value: say {text}=NUMBER or {text}=none")
        elif name in found:
            wrong.append(f"{name} is there twice")
        else:
            found[name] = None
            if value.casefold() != "none":
                try:
                    found[name] = float(value)
                except ValueError:
                    wrong.append(f"{name}: {value!r} is neither a number nor `none`")
    wrong += [f"{name}: {problem}" for name, problem in problems_of(found, scope)]
    if wrong:
        raise CliError("\n".join(wrong))
    return found


def subject_of(accounts: Accounts, everyone: bool, group: str | None, user: str | None) -> Subject:
    """Whose limits are meant. Raises CliError when there is no such group or user."""
    from invoke_host.identity.groups import store
    from invoke_host.limits.values import OF_EVERYONE, Subject

    if everyone:
        return OF_EVERYONE
    if user is not None:
        return Subject("user", person(accounts, user).id)
    found = accounts.run(accounts.services.storage.read(store.by_name, group or ""))
    if found is None:
        raise CliError(f"there is no group named {group!r}", ExitCode.NOT_FOUND)
    return Subject("group", found.id)


def everybody(accounts: Accounts) -> list[UserLine]:
    """What each user has used, by address."""
    limiting = service(accounts)
    found: list[UserLine] = []
    while len(page := accounts.run(limiting.usage_page(search="", after=_last(found), limit=_PAGE))) == _PAGE:
        found += page
    return found + page


def say_limits(found: AllRules) -> None:
    """Write a table of all that is set."""
    rows = [
        (whose, "together" if scope == "together" else "each", name, _number(value))
        for rules, whose in (
            (found.everyone, "everyone"),
            *((rules, f"group {rules.name}") for rules in found.groups),
            *((rules, rules.name) for rules in found.users),
        )
        for scope, values in (("each", rules.each), ("together", rules.together))
        for name, value in values.items()
    ]
    if rows:
        print_table(("whose", "scope", "limit", "value"), rows)
    else:
        say("no limits are set")


def say_everybody(lines: Sequence[UserLine]) -> None:
    """Write a table of what all have used."""
    columns = ("user", "waiting", "running", "images today", "device s today", "images month", "device s month")
    rows = [
        (
            line.email,
            str(line.standing.pending),
            str(line.standing.running),
            *_amounts(line.day),
            *_amounts(line.month),
        )
        for line in lines
    ]
    print_table(columns, rows)


def say_usage(report: UserReport) -> None:
    """Write what one user has used and may use."""
    say(f"Weight:  {_number(report.weight)} ({_from(report.weight_source)})")
    say(f"Waiting: {report.standing.pending}, running: {report.standing.running}")
    for window, used in report.windows.items():
        images, seconds = _amounts(used)
        say(f"{f'This {window}:':13} {images} images, {seconds} s of device time")
    if not report.limits:
        say("No limits.")
        return
    rows = [
        (
            each.name,
            _from(each.source) + (" together" if each.scope == "together" else ""),
            _number(each.value),
            _number(each.used),
            _number(each.remaining),
            "" if each.resets_at is None else f"{each.resets_at[:16]} UTC",
        )
        for each in report.limits
    ]
    say()
    print_table(("limit", "of", "value", "used", "left", "starts again"), rows)


def _last(found: Sequence[UserLine]) -> str:
    return found[-1].email if found else ""


def _amounts(used: Used) -> tuple[str, str]:
    return str(used.images), f"{used.engine_us / 1e6:.1f}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _from(source: Source) -> str:
    if source.kind == "group":
        return f"group {source.name}"
    return {"user": "own", "everyone": "everyone", "default": "default"}[source.kind]
