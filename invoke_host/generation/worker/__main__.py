"""`python -m invoke_host.generation.worker FD PARENT_PID`: started by the host only, on one end of a socket pair."""

from __future__ import annotations

import signal
import socket
import sys

from invoke_host.generation.worker.channel import Channel
from invoke_host.generation.worker.loop import serve
from invoke_host.lifeline import die_with_parent


def main() -> None:
    """Serve until the host closes the socket or dies."""
    fd, parent_pid = int(sys.argv[1]), int(sys.argv[2])
    # The host decides when a worker ends: Ctrl-C and a service manager's SIGTERM reach the whole process group, and the
    # running picture is to be finished. Without a host the worker ends at once (lifeline, end of the socket).
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent(parent_pid)
    serve(Channel(socket.socket(fileno=fd)))


if __name__ == "__main__":
    main()
