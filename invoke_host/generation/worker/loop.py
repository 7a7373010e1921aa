"""The worker's life: configure, import torch, take a device, then one job after another."""

from __future__ import annotations

from invoke_host.generation.protocol import Refused
from invoke_host.generation.worker.channel import Channel


def serve(channel: Channel) -> None:
    """Serve one host. Returns only if it can't be served at all; else the process ends with the socket."""
    config = channel.configure()
    try:
        # Takes seconds and may fail; by now the heartbeat tells the host that somebody is there.
        from invoke_host.generation.worker.engine import Engine

        engine = Engine(channel, config)
    except ImportError as error:
        channel.send(Refused(f"{error}; install the worker's libraries with: pip install 'invoke-host[worker]'"))
        return
    except ValueError as error:
        channel.send(Refused(str(error)))
        return
    while True:
        channel.grant()
        engine.run(channel.next_job())
