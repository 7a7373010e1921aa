"""The route table: checks it before anything listens and mounts it on the router."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from invoke_host.api import Access, InvokeHostError, PluginError, Route, StartupError
from invoke_host.web.endpoint import Endpoint

if TYPE_CHECKING:
    from invoke_host.access import AccessEngine

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::[^{}]*)?\}")
_PLUGIN_PATH = re.compile(r"/[^\s?#%\\]*")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def parameters(path: str) -> list[str]:
    """Names of the parameters in a path template, in order."""
    return _PARAMETER.findall(path)


def plugin_table(routes: Mapping[str, Sequence[Route]]) -> Iterator[tuple[str, Route]]:
    """The plugins' routes at their place, `/x/<plugin>/...`. Raises PluginError for a path that would be elsewhere."""
    for plugin, own in routes.items():
        for route in own:
            if not isinstance(route, Route):
                raise PluginError(plugin, f"invoke_routes returned {route!r}, want Route objects")
            if not _PLUGIN_PATH.fullmatch(route.path) or "/../" in f"{route.path}/" or route.path.startswith("/x/"):
                raise PluginError(
                    plugin,
                    f"route path {route.path!r} must be an absolute path below the plugin's own /x/{plugin}/, "
                    f"such as '/things/{{id}}'",
                )
            yield plugin, replace(route, path=f"/x/{plugin}{route.path}")


def check_table(routes: Iterable[Route], access: AccessEngine) -> None:
    """Refuse a table that can't be served safely.

    Raises:
        StartupError: no Access, unknown action, missing path parameter, duplicate, no coroutine; names the route.
    """
    seen: dict[tuple[str, str], Route] = {}
    for route in routes:
        name = f"{route.method} {route.path}"
        if not isinstance(route.access, Access):
            raise StartupError(
                f"route {name} does not say who may call it; give it access=PUBLIC, LOGGED_IN, ADMIN or requires(...)"
            )
        if route.method not in METHODS:
            raise StartupError(f"route {name}: unknown method; use one of {', '.join(METHODS)}")
        if not route.path.startswith("/") or "//" in route.path:
            raise StartupError(f"route {name}: the path must start with one slash and have no empty part")
        if not inspect.iscoroutinefunction(route.handler):
            raise StartupError(f"route {name}: the handler must be an `async def` function")
        _check_requirement(name, route, access)
        key = (route.method, _PARAMETER.sub("{}", route.path))
        if key in seen:
            raise StartupError(
                f"route {name} is there twice ({seen[key].path}); each method and path needs one handler"
            )
        seen[key] = route


def mount(router: web.UrlDispatcher, endpoints: Sequence[Endpoint]) -> None:
    """Put all endpoints on the router; GET answers HEAD too, and collections are found without their final slash."""
    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.route.path, []).append(endpoint)
    for path, here in by_path.items():
        resource = router.add_resource(path)
        for endpoint in here:
            resource.add_route(endpoint.route.method, endpoint.handle)
            if endpoint.route.method == "GET" and not endpoint.route.stream:
                resource.add_route("HEAD", endpoint.handle)
    for path in by_path:
        bare = path.rstrip("/")
        if bare and bare != path and bare not in by_path:
            router.add_resource(bare).add_route("*", _to_collection)


async def _to_collection(request: web.Request) -> web.StreamResponse:
    # 308 keeps method and body; a path relative to this host, so that no proxy or Host header can lead elsewhere.
    location = request.rel_url.raw_path + "/" + (f"?{request.rel_url.raw_query_string}" if request.query_string else "")
    return web.Response(status=308, headers={"Location": location})


def _check_requirement(name: str, route: Route, access: AccessEngine) -> None:
    action, id_from = route.access.action, route.access.id_from
    if route.access.level != "requires":
        return
    if action is None or id_from is None:
        raise StartupError(f"route {name}: build its access with requires(action, id_from=...)")
    if id_from not in parameters(route.path):
        raise StartupError(
            f"route {name}: requires({action!r}, id_from={id_from!r}), but the path has no {{{id_from}}}"
        )
    try:
        access.action(action)
    except InvokeHostError as error:
        raise StartupError(f"route {name}: {error}") from error
