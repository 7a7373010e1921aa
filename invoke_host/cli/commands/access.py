"""`invoke-host access`: who may do what, and why, with or without a running host."""

from __future__ import annotations

import rich_click as click

from invoke_host.cli.accounts import opened
from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.output import json_option, print_json, print_table
from invoke_host.cli.users.showing import say


@click.group()
def access() -> None:
    """Explain who may do what."""


@access.command()
@click.argument("user")
@click.argument("action")
@click.argument("resource")
@click.option(
    "--scope", "scopes", multiple=True, metavar="NAME", help="As a caller with an API token of this scope; repeatable."
)
@json_option
@pass_cli
def explain(cli: CliContext, user: str, action: str, resource: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Tell whether USER may do ACTION to RESOURCE, and what each policy says about it.

    USER is an e-mail address, a user's id, `system` or `anonymous`. ACTION is one of `invoke-host access actions`, such
    as `image.delete`. RESOURCE is the id of the thing; an image's id is its name.
    """
    from invoke_host.cli.explaining import answer, as_document, as_rows, caller, engine_of, sentence
    from invoke_host.masking import one_line

    with opened(cli) as accounts:
        engine = engine_of(accounts.services.offers)
        actor = caller(accounts, user, scopes)
        found = accounts.run(answer(accounts.services.storage, engine, actor, action, resource))
        if accounts.services.single_user and actor.kind != "system":
            say("note: this host is in single-user mode, so every caller is `system`", err=True)
    if as_json:
        print_json(as_document(engine, found))
        return
    say(one_line(sentence(found)))
    say()
    rows = [tuple(one_line(cell) for cell in row) for row in as_rows(engine, found.explanations)]
    print_table(["action", "on", "policy", "says", "why"], rows)


@access.command()
@json_option
@pass_cli
def actions(cli: CliContext, as_json: bool) -> None:
    """List all actions: of what, from which role on, through what, and what they mean."""
    from invoke_host.cli.explaining import engine_of, matrix

    with opened(cli) as accounts:
        found = matrix(engine_of(accounts.services.offers))
    if as_json:
        print_json(found)
        return
    rows = [(each["action"], each["role"] or "-", each["through"] or "-", each["description"]) for each in found]
    print_table(["action", "role", "through", "description"], rows)
