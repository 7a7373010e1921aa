"""`invoke-host generate`: from a prompt to PNG files, over a running host or one started for the call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import rich_click as click

from invoke_host.cli.commands.queue.options import Host, on_host
from invoke_host.cli.errors import CliError, ExitCode
from invoke_host.cli.output import json_option, print_json


@click.command()
@click.argument("prompt", required=False)
@click.option(
    "--prompts",
    "prompts_file",
    type=click.File(encoding="utf-8"),
    help="File with one prompt per line instead of PROMPT; `-` is standard input.",
)
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
@click.option(
    "--count", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many pictures of each prompt."
)
@on_host
@json_option
def generate(
    host: Host,
    /,
    prompt: str | None,
    prompts_file: IO[str] | None,
    output: Path,
    count: int,
    as_json: bool,
    **wish: Any,
) -> int:
    """Generate pictures from PROMPT. What is left open is up to the model.

    Talks to the host that runs in the root folder, or to --url; if none runs, starts one for this call.
    """
    prompts = _prompts(prompt, prompts_file)
    if output.suffix.lower() != ".png":
        raise click.BadParameter(f"{output}: pictures are PNG files; name it {output.with_suffix('.png').name}")
    if not output.absolute().parent.is_dir():
        raise click.BadParameter(f"{output}: there is no folder {output.absolute().parent}")
    names = {"negative": "negative_prompt", "cfg": "cfg_scale"}
    body = {**_making(prompts, count), **{names.get(k, k): value for k, value in wish.items() if value is not None}}
    result = asyncio.run(_run(host, body, output, quiet=as_json))
    if as_json:
        print_json(result)
    else:
        for image in result["images"]:
            click.echo(image["file"])
    for failure in result["failed"]:
        click.echo(f"error: item {failure['item_id']} {failure['status']}: {failure['error'] or 'no reason'}", err=True)
    wanted = count * len(prompts)
    if result["enqueued"] < wanted:
        reason = _why_fewer(result["limited_by"])
        click.echo(f"error: {reason}: {result['enqueued']} of {wanted} pictures were enqueued", err=True)
    return ExitCode.OK if len(result["images"]) >= wanted else ExitCode.FAILED


def _prompts(prompt: str | None, file: IO[str] | None) -> list[str]:
    """The one prompt, or those of the file, whose empty lines count for nothing."""
    if (prompt is None) == (file is None):
        raise click.UsageError("name a PROMPT, or --prompts FILE (one of the two)")
    if file is None:
        return [prompt or ""]
    try:
        found = [line.strip() for line in file if line.strip()]
    except UnicodeDecodeError as error:
        raise CliError(f"{file.name}: is not UTF-8 text ({error})", ExitCode.USAGE) from error
    if not found:
        raise CliError(f"{file.name}: holds no prompt", ExitCode.USAGE)
    return found


def _making(prompts: list[str], count: int) -> dict[str, Any]:
    """The part of the request that says how many pictures of what."""
    if len(prompts) == 1:
        return {"positive_prompt": prompts[0], "count": count}
    return {"data": [[{"field_name": "positive_prompt", "items": prompts}]], "count": count}


def _why_fewer(limit: Mapping[str, Any] | None) -> str:
    if limit is None:
        return "the queue is full, try again later"
    value = "" if limit.get("value") is None else f" ({limit['value']:g})"
    resets = f", until {limit['resets_at']} UTC" if limit.get("resets_at") else ""
    return f"the limit {limit['limit']}{value} is reached{resets}"


async def _run(host: Host, body: dict[str, Any], output: Path, *, quiet: bool) -> dict[str, Any]:
    from invoke_host.cli.client import connect
    from invoke_host.cli.making import make
    from invoke_host.cli.progress import progress_bar
    from invoke_host.cli.running import found_or_started

    async with (
        found_or_started(host.cli.root, host.url) as url,
        connect(url, host.token, host.queue_id) as client,
    ):
        with progress_bar(enabled=not quiet, now=lambda: client.host_time) as changed:
            return await make(client, body, output, changed)
