"""The host's own routes, all of them, as the composition root mounts them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from invoke_host.api import Route
from invoke_host.clock import SystemClock
from invoke_host.compose import ROUTES as SLICE_ROUTES
from invoke_host.web.pages import page_routes
from invoke_host.web.settings import WebSettings
from invoke_host.web.system import system_routes


@dataclass(frozen=True, slots=True)
class Row:
    """A route and the regular expression of its path."""

    route: Route
    pattern: str

    @property
    def line(self) -> str:
        """Method, path, access level and tag, as routes.txt has them."""
        access = self.route.access
        level = access.level if access.level != "requires" else f"requires({access.action})"
        return f"{self.route.method:6} {self.route.path:52} {level:10} {self.route.tag or '-'}".rstrip()

    def matches(self, bare: str) -> bool:
        """Is that path, without its query, one of this route's?"""
        return re.fullmatch(self.pattern, bare) is not None


def _row(route: Route) -> Row:
    parts = re.split(r"\{[^{}]+\}", route.path)
    return Row(route, "[^/]+".join(re.escape(part) for part in parts))


#: What stands for the parameters of a path where nothing of that name has to be there.
PARAMETERS = {
    "queue_id": "default",
    "item_id": "1",
    "batch_id": "00000000-0000-4000-8000-000000000000",
    "name": "a.png",
    "destination": "x",
}


def concrete(path: str, **values: str) -> str:
    """A path template with something in the place of each parameter."""
    known = PARAMETERS | values
    return re.sub(r"\{([^{}]+)\}", lambda found: known.get(found.group(1), "none-such"), path)


def _all() -> tuple[Row, ...]:
    settings = WebSettings()
    described = [*system_routes(settings, [], SystemClock()), *SLICE_ROUTES]
    return tuple(_row(route) for route in [*described, *page_routes(settings, described)])


ROUTES: tuple[Row, ...] = _all()
