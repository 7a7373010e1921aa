"""The peer of the HTTP benchmarks: a bare aiohttp application on uvloop. `python -m bench.peer PORT [PAGE]`.

`/constant` is what the bars are judged by: the least that aiohttp can do, bytes made beforehand. `/` makes a small
object in JSON, as aiohttp's documentation writes it. `/page` makes JSON of the object in the file PAGE at each request,
the least that an answer of that size costs; without PAGE there is no such path.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiohttp import web

PAGE: web.AppKey[Any] = web.AppKey("page", object)


async def small(request: web.Request) -> web.Response:
    """A small object."""
    return web.json_response({"version": "0.1.0"})


async def constant(request: web.Request) -> web.Response:
    """Constant bytes."""
    return web.Response(body=b'{"version": "0.1.0"}', content_type="application/json")


async def page(request: web.Request) -> web.Response:
    """An object as large as a page of images."""
    return web.Response(body=orjson.dumps(request.app[PAGE]), content_type="application/json")


def main() -> None:
    """Serve on loopback until SIGTERM."""
    app = web.Application()
    app.add_routes([web.get("/", small), web.get("/constant", constant)])
    for file in sys.argv[2:]:
        app[PAGE] = orjson.loads(Path(file).read_bytes())
        app.router.add_get("/page", page)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
