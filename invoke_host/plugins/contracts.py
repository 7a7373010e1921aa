"""Does an object that a plugin hands out have the methods its role promises, coroutine where coroutine is due?"""

from __future__ import annotations

import inspect
from abc import ABC


def wrong_methods(value: object, role: type) -> list[str]:
    """What is wrong, one phrase each: a coroutine method written as plain function or the other way round, no name."""
    if not issubclass(role, ABC):
        return []
    problems = []
    if "name" in role.__annotations__ and not (isinstance(name := getattr(value, "name", None), str) and name):
        problems.append("it has no `name`")
    for name, promised in vars(role).items():
        if name.startswith("_") or not inspect.isfunction(promised):
            continue
        actual = getattr(value, name)
        want = inspect.iscoroutinefunction(promised)
        if want and not inspect.iscoroutinefunction(actual):
            problems.append(f"its method {name} must be `async def`")
        elif not want and inspect.iscoroutinefunction(actual):
            problems.append(f"its method {name} must be a plain `def`")
    return problems
