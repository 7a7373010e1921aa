"""Checks answers against what their route declares, so that the API description can be believed."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from invoke_host.api import Route
from invoke_host.web.openapi import InvalidInputProblem, Problem


def assert_matches_schema(route: Route, status: int, content: Any) -> None:
    """Raise AssertionError unless the route declares an answer like this one.

    Strict: a key that the model does not declare is wrong too, because it would be a promise nobody made, or a leak.
    Errors that the host answers with on its own (401, 404, 422, ...) need no declaration.
    """
    name = f"{route.method} {route.path}"
    declared = dict(route.responses)
    if status not in declared:
        assert status >= 400, f"{name} answered {status}, declared are {sorted(declared)}"
    model = declared.get(status)
    if model is None and status >= 400:
        model = InvalidInputProblem if status == 422 else Problem
    if model is None:
        assert content is None, f"{name} declares no content for {status}, and answered {content!r}"
        return
    wrong = sorted(_validator(model).iter_errors(content), key=lambda error: list(error.path))
    assert not wrong, f"{name}, {status}: " + "; ".join(f"{error.json_path}: {error.message}" for error in wrong)


@cache  # making it takes longer than most answers
def _validator(model: Any) -> Draft202012Validator:
    return Draft202012Validator(_closed(TypeAdapter(model).json_schema(mode="serialization")))


def _closed(schema: Any) -> Any:
    """The schema with unknown keys ruled out."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed
