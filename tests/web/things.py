"""A small table of things, and routes over it, one of each Access."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Column, MetaData, String, Table

from invoke_host.api import ADMIN, LOGGED_IN, PUBLIC, Action, ResourceType, Route, requires
from invoke_host.web import actor_of, body_of, json_response, query_of, web

metadata = MetaData()
things = Table("things", metadata, Column("name", String(36), primary_key=True), Column("owner", String(36)))

VIEW = Action("thing.view", "thing", "See a thing", see=True)
DELETE = Action("thing.delete", "thing", "Delete a thing")
THING = ResourceType("thing", things, things.c.name, {"owner": things.c.owner})


class Thing(BaseModel):
    """A thing with a name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=20, description="What it is called")
    size: int = Field(3, ge=1, le=9)


class Find(BaseModel):
    """What to look for."""

    limit: int = Field(10, ge=1, le=50)
    colors: list[str] = []
    big: bool = False


async def show(request: web.Request) -> web.Response:
    """One thing."""
    return json_response({"name": request.match_info["name"], "size": 3})


async def make(request: web.Request) -> web.Response:
    return json_response(body_of(request, Thing), status=201)


async def find(request: web.Request) -> web.Response:
    return json_response(query_of(request, Find))


async def whoami(request: web.Request) -> web.Response:
    return json_response({"id": actor_of(request).id})


async def done(request: web.Request) -> web.Response:
    return web.Response(status=204)


ROUTES = (
    Route("GET", "/api/v1/public", whoami, PUBLIC),
    Route("GET", "/api/v1/me", whoami, LOGGED_IN),
    Route("GET", "/api/v1/admin", whoami, ADMIN),
    Route("GET", "/api/v1/things/", find, LOGGED_IN, query=Find, responses=((200, Find),)),
    Route("POST", "/api/v1/things/", make, LOGGED_IN, body=Thing, responses=((201, Thing),), body_limit_bytes=1000),
    Route("GET", "/api/v1/things/i/{name}", show, requires("thing.view", id_from="name"), responses=((200, Thing),)),
    Route(
        "DELETE", "/api/v1/things/i/{name}", done, requires("thing.delete", id_from="name"), responses=((204, None),)
    ),
)


def a_route(path: str = "/api/v1/x", access: object = PUBLIC, **changes: object) -> Route:
    """A route that is fine unless the test changes something."""
    return Route(**{"method": "GET", "path": path, "handler": whoami, "access": access, **changes})
