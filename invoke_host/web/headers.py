"""Headers that every answer carries, set just before it is sent, so that no handler, error or file can lack them."""

from __future__ import annotations

from aiohttp import web
from multidict import istr

from invoke_host.api._web_keys import RequestKeys

#: Answers of the API are data: nothing in them may run, load, frame or be framed, whatever a browser makes of the type.
API_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"

#: Our own pages: everything from this origin, no inline code, no inline style, no frames, no plug-ins.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: Swagger UI draws its icons from data: URLs.
DOCS_POLICY = PAGE_POLICY.replace("img-src 'self'", "img-src 'self' data:")

#: Names are `istr` because a plain name is folded to lower case at each look-up.
_DEFAULTS = tuple(
    (istr(name), value)
    for name, value in (
        ("Content-Security-Policy", API_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    )
)


async def set_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """`on_response_prepare` handler: adds what is not there yet, so that a handler can be stricter or allow caching."""
    headers = response.headers
    for name, value in _DEFAULTS:
        headers.setdefault(name, value)
    headers["Server"] = "invoke-host"  # aiohttp has put its own and Python's version there
    request_id = request.get(RequestKeys.REQUEST_ID)
    if request_id is not None:
        headers["X-Request-Id"] = request_id
