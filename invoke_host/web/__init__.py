"""The HTTP side of the host: route table, access enforcement, validation, errors, API description, server.

Slices import from here in their `routes.py`, and only there. `build_app` is in `invoke_host.web.app`, the runner in
`invoke_host.web.server`; they are not imported here, so that a slice's routes cost no more than aiohttp.
"""

from __future__ import annotations

from aiohttp import web

from invoke_host.api import (
    ADMIN,
    LOGGED_IN,
    PUBLIC,
    Access,
    Route,
    actor_of,
    body_of,
    json_response,
    query_of,
    requires,
)
from invoke_host.web.callers import address_of, caller_of, origin_of, secure_of
from invoke_host.web.inputs import path_int

__all__ = [
    "ADMIN",
    "LOGGED_IN",
    "PUBLIC",
    "Access",
    "Route",
    "actor_of",
    "address_of",
    "body_of",
    "caller_of",
    "json_response",
    "origin_of",
    "path_int",
    "query_of",
    "requires",
    "secure_of",
    "web",
]
