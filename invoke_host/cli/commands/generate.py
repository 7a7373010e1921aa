"""`invoke-host generate`: from a prompt to PNG files, over a running host or one started for the call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import rich_click as click

from invoke_host.cli.commands.queue import token_option, url_option
from invoke_host.cli.context import CliContext, pass_cli
from invoke_host.cli.errors import ExitCode
from invoke_host.cli.output import json_option, print_json


@click.command()
@click.argument("prompt")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="PNG file to write; with several pictures `apple.png` becomes `apple-1.png`, `apple-2.png` …",
)
@click.option("--negative", help="What the picture must not show.")
@click.option("--width", type=int, help="Pixels, a multiple of 8.")
@click.option("--height", type=int, help="Pixels, a multiple of 8.")
@click.option("--steps", type=int, help="Denoising steps.")
@click.option("--cfg", type=float, help="CFG scale; 1 = no guidance.")
@click.option("--seed", type=int, help="The same seed gives the same picture; picture k uses seed + k.")
@click.option("--scheduler", help="Sampler, such as `euler` or `dpmpp_2m`.")
@click.option("--model", help="Key or name of a model.")
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many pictures.")
@url_option
@token_option
@json_option
@pass_cli
def generate(
    cli: CliContext,
    /,
    prompt: str,
    output: Path,
    count: int,
    url: str | None,
    token: str | None,
    as_json: bool,
    **wish: Any,
) -> int:
    """Generate pictures from PROMPT. What is left open is up to the model.

    Talks to the host that runs in the root folder, or to --url; if none runs, starts one for this call.
    """
    if output.suffix.lower() != ".png":
        raise click.BadParameter(f"{output}: pictures are PNG files; name it {output.with_suffix('.png').name}")
    if not output.absolute().parent.is_dir():
        raise click.BadParameter(f"{output}: there is no folder {output.absolute().parent}")
    names = {"negative": "negative_prompt", "cfg": "cfg_scale"}
    body = {"positive_prompt": prompt, "count": count}
    body |= {names.get(key, key): value for key, value in wish.items() if value is not None}
    result = asyncio.run(_run(cli, url, token, body, output, quiet=as_json))
    if as_json:
        print_json(result)
    else:
        for image in result["images"]:
            click.echo(image["file"])
    for failure in result["failed"]:
        click.echo(f"error: item {failure['item_id']} {failure['status']}: {failure['error'] or 'no reason'}", err=True)
    if result["enqueued"] < count:
        message = f"error: the queue is full: {result['enqueued']} of {count} pictures were enqueued; try again later"
        click.echo(message, err=True)
    return ExitCode.OK if len(result["images"]) >= count else ExitCode.FAILED


async def _run(
    cli: CliContext, url: str | None, token: str | None, body: dict[str, Any], output: Path, *, quiet: bool
) -> dict[str, Any]:
    from invoke_host.cli.client import connect
    from invoke_host.cli.making import make
    from invoke_host.cli.progress import progress_bar
    from invoke_host.cli.running import found_or_started

    with progress_bar(total=body["count"], enabled=not quiet) as changed:
        async with found_or_started(cli.root, url) as found, connect(found, token) as client:
            result = await make(client, body, output, changed)
    return result
