"""What the hook specifications say, read from `invoke_host.api.hookspecs` itself so that it is written once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import get_args, get_type_hints

from invoke_host.api import PROJECT_NAME, hookspecs

#: Longest time in seconds that the coroutine hooks may take, each plugin by itself.
TIMEOUTS_S: Mapping[str, float] = MappingProxyType(
    {"invoke_startup": 30.0, "invoke_shutdown": 10.0, "invoke_event": 5.0}
)


@dataclass(frozen=True, slots=True)
class HookSpec:
    """A hook: a coroutine with a timeout, or a registration hook that returns an iterable of `item`."""

    name: str
    is_async: bool
    arguments: tuple[str, ...]
    item: type | None


@cache
def hook_specs() -> Mapping[str, HookSpec]:
    """All hooks in the order of the file. Cached: it is derived from a module that never changes while running."""
    specs: dict[str, HookSpec] = {}
    for name, function in vars(hookspecs).items():
        if inspect.isfunction(function) and hasattr(function, f"{PROJECT_NAME}_spec"):
            items = get_args(get_type_hints(function).get("return"))
            specs[name] = HookSpec(
                name,
                inspect.iscoroutinefunction(function),
                tuple(inspect.signature(function).parameters),
                items[0] if items else None,
            )
    return MappingProxyType(specs)
