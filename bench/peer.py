"""The peer of the HTTP benchmarks: the least an aiohttp application can do, on uvloop. `python -m bench.peer PORT`."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web


async def small(request: web.Request) -> web.Response:
    """A constant JSON answer."""
    return web.Response(body=b'{"version": "0.1.0"}', content_type="application/json")


def main() -> None:
    """Serve on loopback until SIGTERM."""
    app = web.Application()
    app.router.add_get("/", small)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
