"""The part of `invoke-host users` about getting in and about who owns what: activity, logins, identities, transfer."""

from __future__ import annotations

import rich_click as click

from invoke_host.cli.accounts import opened
from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.cli.output import json_option, print_json, print_table
from invoke_host.cli.users import changing, logins, removing
from invoke_host.cli.users.finding import person
from invoke_host.cli.users.showing import NOTE, in_words, say, say_done, user_json


@click.command()
@click.argument("email")
@json_option
@pass_cli
def activate(cli: CliContext, email: str, as_json: bool) -> None:
    """Let a user in again. Sessions and API tokens that ended do not come back."""
    _set_active(cli, email, active=True, as_json=as_json)


@click.command()
@click.argument("email")
@json_option
@pass_cli
def deactivate(cli: CliContext, email: str, as_json: bool) -> None:
    """Log a user out everywhere, stop their work, and let them in no more. Nothing they own is touched."""
    _set_active(cli, email, active=False, as_json=as_json)


@click.command()
@click.option("--from", "source", metavar="EMAIL", required=True, help="Who owns it now; `system` for the host itself.")
@click.option("--to", "target", metavar="EMAIL", required=True, help="Who is to own it; `system` for the host itself.")
@click.option("--only", metavar="KINDS", help="Kinds to hand over, separated by commas, such as `images,queue`.")
@json_option
@pass_cli
def transfer(cli: CliContext, source: str, target: str, only: str | None, as_json: bool) -> None:
    """Hand over what a user owns, such as what single-user mode made for `system`."""
    parts = None if only is None else _parts(only)
    with opened(cli) as accounts:
        giver, taker = person(accounts, source), person(accounts, target)
        moved = removing.transfer(accounts, giver, taker, parts)
    if as_json:
        counts = {share.name: share.count for share in moved}
        print_json({"from": giver.email, "to": taker.email, "transferred": counts})
        return
    say_done(f"transferred from {giver.email} to {taker.email}: {in_words(moved)}")
    say(NOTE)


@click.command()
@click.argument("email")
@click.option("--end", "ended", metavar="ID", help="End this session.")
@click.option("--end-all", is_flag=True, help="End all sessions: log out everywhere. API tokens stay.")
@json_option
@pass_cli
def sessions(cli: CliContext, email: str, ended: str | None, end_all: bool, as_json: bool) -> None:
    """List the logins of a user that are good now, or end them."""
    if ended is not None and end_all:
        raise click.UsageError("--end and --end-all exclude each other")
    with opened(cli) as accounts:
        user = person(accounts, email)
        if ended is not None or end_all:
            count = logins.end(accounts, user.id, ended)
            _tell_ended(count, as_json=as_json)
            return
        found = logins.logins(accounts, user.id)
    columns = ("id", "created_at", "last_seen_at", "ends_at", "address", "user_agent")
    if as_json:
        print_json([{name: getattr(each, name) for name in (*columns, "provider", "remember")} for each in found])
    elif found:
        titles = ["session", "since", "last seen", "ends", "address", "client"]
        print_table(titles, [[str(getattr(each, name)) for name in columns] for each in found])
    else:
        say(f"{user.email} is not logged in anywhere")


@click.command()
@click.argument("email")
@click.argument("provider")
@click.argument("subject")
@json_option
@pass_cli
def link(cli: CliContext, email: str, provider: str, subject: str, as_json: bool) -> None:
    """Let a user log in with an identity at a login provider. The audit log tells the SUBJECT that was refused."""
    with opened(cli) as accounts:
        user = person(accounts, email)
        accounts.run(accounts.users.link(user.id, provider, subject, subject, accounts.origin))
    _tell_identity("linked", user_json(user), provider, subject, as_json=as_json)


@click.command()
@click.argument("email")
@click.argument("provider")
@click.argument("subject")
@json_option
@pass_cli
def unlink(cli: CliContext, email: str, provider: str, subject: str, as_json: bool) -> None:
    """Take an identity away from a user: they can't log in with it any more."""
    with opened(cli) as accounts:
        user = person(accounts, email)
        accounts.run(accounts.users.unlink(user.id, provider, subject, accounts.origin))
    _tell_identity("unlinked", user_json(user), provider, subject, as_json=as_json)


def _set_active(cli: CliContext, email: str, *, active: bool, as_json: bool) -> None:
    with opened(cli) as accounts:
        user = changing.change(accounts, email, changing.Changes(active=active))
    if user is None:
        raise CliError(f"nothing was changed for {email}")
    if as_json:
        print_json(user_json(user))
        return
    say_done(f"{'activated' if active else 'deactivated'} {user.email}")
    say(NOTE)


def _parts(only: str) -> frozenset[str]:
    from invoke_host.owned import OWNED

    known = [each.name for each in OWNED]
    parts = frozenset(part.strip() for part in only.split(",") if part.strip())
    unknown = sorted(parts - frozenset(known))
    if unknown or not parts:
        what = ", ".join(map(repr, unknown)) or "nothing"
        raise CliError(f"--only: {what} can't be handed over; there are {', '.join(known)}", ExitCode.USAGE)
    return parts


def _tell_ended(count: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"ended": count})
        return
    say_done(f"ended {count} session{'' if count == 1 else 's'}")
    say(NOTE)


def _tell_identity(done: str, user: dict[str, object], provider: str, subject: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"user": user, "provider": provider, "subject": subject})
        return
    say_done(f"{done} {user['email']}: {provider} {subject}")
