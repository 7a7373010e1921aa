"""`make run`: start the host, make a first picture through its own HTTP API, say where it is, and serve until Ctrl-C.

With `--once` it stops after the picture: exit status 0 means that a picture came out of the real queue, database and
model. Without, the picture is made only where the gallery is still empty.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from invoke_host.cli.client import connect
from invoke_host.cli.errors import CliError
from invoke_host.cli.making import make
from invoke_host.cli.progress import progress_bar
from scripts.client import ask
from scripts.host_process import HostStartError, running_host

PROMPT = "a red apple"
#: The first start makes the database and loads the model; a machine that needs longer than this is stuck.
START_TIMEOUT_S = 300
PICTURE_TIMEOUT_S = 600


class FirstPictureError(Exception):
    """No picture came out; the message is for the user."""


def main() -> int:
    """0 when everything went well, also after Ctrl-C: that is how a host is meant to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--once", action="store_true", help="stop after the picture")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        return _run(arguments.root, arguments.port, once=arguments.once)
    except (HostStartError, FirstPictureError, CliError, OSError) as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _run(root: Path, port: int, *, once: bool) -> int:
    if not _is_free(port):
        print(f"Port {port} is in use, maybe by another Invoke Host. Stop that program or choose another port:")
        print(f"  make run PORT={port + 1}")
        return 1
    with running_host(root, port=port, timeout_s=START_TIMEOUT_S) as host:
        if once or not ask(f"{host.url}/api/v1/images/?limit=1")["items"]:
            _first_picture(host.url, root / "first-picture.png")
        if not once:
            _say(f"Serving on {host.url}/ until Ctrl-C")
            host.process.wait()
    # With --once the end of the block has stopped the host, which must have ended as well as it has served.
    if status := host.process.returncode:
        raise HostStartError(f"the host ended with exit status {status}")
    return 0


def _first_picture(url: str, file: Path) -> None:
    """What `invoke-host generate` does; raises FirstPictureError when no picture is there in the end."""
    _say(f'Making a first picture: "{PROMPT}"')
    started = time.monotonic()
    try:
        result = asyncio.run(_make(url, file))
    except TimeoutError:
        raise FirstPictureError(
            f"there was no picture after {PICTURE_TIMEOUT_S} s; the log above may tell why"
        ) from None
    if not result["images"]:
        reason = result["failed"][0]["error"] if result["failed"] else "the queue did not take it"
        raise FirstPictureError(f"the first picture was not made: {reason}")
    if not file.read_bytes().startswith(b"\x89PNG\r\n\x1a\n"):
        raise FirstPictureError(f"{file} is not a PNG file")
    _say(f"Here it is, after {time.monotonic() - started:.1f} s:")
    _say(f"  the picture   {url}/api/v1/images/i/{result['images'][0]['image_name']}/full")
    _say(f"  as a file     {file}")
    _say(f"  all pictures  {url}/")


async def _make(url: str, file: Path) -> dict[str, Any]:
    body = {"positive_prompt": PROMPT, "seed": 1, "count": 1}
    async with connect(url) as client, asyncio.timeout(PICTURE_TIMEOUT_S):
        with progress_bar(enabled=True, now=lambda: client.host_time) as changed:
            return await make(client, body, file, changed)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
