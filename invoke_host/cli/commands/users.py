"""`invoke-host users`: accounts, with or without a running host. The `invoke-user…` commands are its first four."""

from __future__ import annotations

import rich_click as click

from invoke_host.cli.accounts import opened
from invoke_host.cli.commands.user_rights import activate, deactivate, link, sessions, transfer, unlink
from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.output import json_option, print_json
from invoke_host.cli.users import adding, changing, listing, removing
from invoke_host.cli.users.showing import NOTE, in_words, say, say_done, say_table, say_user, user_json

_CONTENT = {"keep": "Kept for the account `system`", "transfer": "Transferred", "purge": "Deleted with the user"}

email_option = click.option("-e", "--email", help="Whom: the e-mail address, in any spelling.")
password_option = click.option(
    "-p", "--password", help="The password. It shows in the process list and the shell's history."
)
password_stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Take the password from the first line of standard input."
)


@click.group()
def users() -> None:
    """Add, change, delete and list users. Works while a host runs and while none does."""


@users.command()
@click.option("-e", "--email", help="The e-mail address to log in with.")
@password_option
@password_stdin_option
@click.option("-n", "--name", help="The display name.")
@click.option("-a", "--admin", is_flag=True, help="Make an administrator.")
@json_option
@pass_cli
def add(
    cli: CliContext,
    email: str | None,
    password: str | None,
    password_stdin: bool,
    name: str | None,
    admin: bool,
    as_json: bool,
) -> None:
    """Add a user. At a terminal, what is missing is asked for."""
    _at_most_one({"--password": password is not None, "--password-stdin": password_stdin})
    with opened(cli) as accounts:
        user = adding.add(accounts, adding.NewAccount(email, name, password, password_stdin, admin))
    if as_json:
        print_json(user_json(user))
        return
    say_done(f"added {user.email}")
    say_user(user)


@users.command()
@email_option
@click.option("-n", "--name", help="The display name; empty takes it away.")
@password_option
@password_stdin_option
@click.option("-a", "--admin", is_flag=True, help="Make an administrator.")
@click.option("--no-admin", is_flag=True, help="Make no administrator.")
@click.option("--activate", is_flag=True, help="Let them log in again.")
@click.option("--deactivate", is_flag=True, help="Log them out everywhere, stop their work, and let them in no more.")
@click.option("--new-email", metavar="EMAIL", help="Another e-mail address to log in with.")
@json_option
@pass_cli
def mod(
    cli: CliContext,
    email: str | None,
    name: str | None,
    password: str | None,
    password_stdin: bool,
    admin: bool,
    no_admin: bool,
    activate: bool,
    deactivate: bool,
    new_email: str | None,
    as_json: bool,
) -> None:
    """Change a user. At a terminal and without a flag, each thing is asked for."""
    _at_most_one({"--password": password is not None, "--password-stdin": password_stdin})
    _at_most_one({"--admin": admin, "--no-admin": no_admin})
    _at_most_one({"--activate": activate, "--deactivate": deactivate})
    changes = changing.Changes(
        name, new_email, password, password_stdin, _either(admin, no_admin), _either(activate, deactivate)
    )
    with opened(cli) as accounts:
        user = changing.change(accounts, email, changes)
    if user is None:
        say("No changes requested", err=as_json)
    elif as_json:
        print_json(user_json(user))
    else:
        say_done(f"changed {user.email}")
        say_user(user)
        say(NOTE)


@users.command("del")
@email_option
@click.option("-f", "--force", is_flag=True, help="Do not ask; content is kept, unless a flag says otherwise.")
@click.option("--keep", is_flag=True, help="What they own goes to the host's own account, `system`.")
@click.option("--transfer", metavar="EMAIL", help="What they own goes to that user.")
@click.option("--purge", is_flag=True, help="What they own is deleted for good.")
@json_option
@pass_cli
def delete(
    cli: CliContext, email: str | None, force: bool, keep: bool, transfer: str | None, purge: bool, as_json: bool
) -> None:
    """Delete a user, after a question unless --force is given."""
    _at_most_one({"--keep": keep, "--transfer": transfer is not None, "--purge": purge})
    with opened(cli) as accounts:
        removed = removing.remove(accounts, email, removing.Fate(keep, transfer, purge), force=force)
    if as_json:
        shares = {share.name: share.count for share in removed.shares}
        print_json({"deleted": user_json(removed.user), "content": removed.content, "shares": shares})
        return
    say_done(f"deleted {removed.user.email}")
    say(f"{_CONTENT[removed.content]}: {in_words(removed.shares)}")
    say(NOTE)


@users.command("list")
@click.option("--search", default="", metavar="TEXT", help="Only those whose e-mail address or name contains this.")
@json_option
@pass_cli
def list_users(cli: CliContext, search: str, as_json: bool) -> None:
    """List all users, the newest first."""
    with opened(cli) as accounts:
        found = listing.everybody(accounts, search)
    if as_json:
        print_json([user_json(user) for user in found])
    else:
        say_table(found)


@users.command()
@click.argument("email")
@json_option
@pass_cli
def show(cli: CliContext, email: str, as_json: bool) -> None:
    """Show a user: the account, how they log in, what they own."""
    with opened(cli) as accounts:
        found = listing.everything_of(accounts, email)
    if as_json:
        print_json(found.to_json())
    else:
        found.say()


for each in (activate, deactivate, transfer, sessions, link, unlink):
    users.add_command(each)


def _at_most_one(flags: dict[str, bool]) -> None:
    given = [flag for flag, is_given in flags.items() if is_given]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other")


def _either(yes: bool, no: bool) -> bool | None:
    return True if yes else False if no else None
