"""`invoke-host serve`: run a host until it is told to stop."""

from __future__ import annotations

import rich_click as click

from invoke_host.cli.context import CliContext, pass_cli


@click.command()
@click.option("--host", help="Address to listen on (configuration: server.host).")
@click.option("--port", help="TCP port; 0 takes any free one (configuration: server.port).")
@click.option("--threads", help="CPU threads per worker; 0 = automatic (configuration: generation.threads).")
@pass_cli
def serve(cli: CliContext, host: str | None, port: str | None, threads: str | None) -> int:
    """Run the host of the root folder until Ctrl-C or SIGTERM.

    What runs then gets `queue.drain_s` seconds to finish; the rest is queued again.
    """
    # Values stay text here: the configuration judges them like all others and names the flag.
    loaded = cli.read({"server.host": host, "server.port": port, "generation.threads": threads})
    from invoke_host.host import serve as run

    return run(loaded)
