"""The API description, OpenAPI 3.1, made from the route table: what is enforced is what is described."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from invoke_host.api import Access, Route
from invoke_host.web.errors import PROBLEM_TYPE
from invoke_host.web.origin import SAFE_METHODS
from invoke_host.web.table import parameters

_REF = "#/components/schemas/{model}"
_PATTERN = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*):[^{}]*\}")
_REASONS = {
    200: "Done",
    201: "Made",
    202: "Accepted",
    204: "Done, nothing to say",
    308: "Elsewhere",
    400: "Not to be done as asked, or damaged on the way",
    401: "Nobody is logged in",
    403: "Not permitted",
    404: "Not there, or not visible to you",
    409: "In a state that rules this out",
    410: "Its file is damaged or missing",
    413: "The body is over the limit",
    415: "The body is of another content type",
    422: "Fields are wrong; all of them are listed",
    429: "A limit was reached; try again later",
    503: "Not possible now; try again",
    507: "No room on the disk",
}


Schemas = Mapping[tuple[str, JsonSchemaMode], dict[str, Any]]


class Problem(BaseModel):
    """An error (RFC 9457). `error_id` stands in the server's log, beside the cause."""

    type: str
    title: str
    status: int
    detail: str
    error_id: str | None = None


class InvalidField(BaseModel):
    """One wrong field: `loc` is its path, such as `["body", "width"]`, `type` a stable word."""

    loc: list[str | int]
    msg: str
    type: str


class InvalidInputProblem(BaseModel):
    """Everything that is wrong with the input, at once."""

    type: str
    title: str
    status: int
    detail: list[InvalidField]


def describe(routes: Sequence[Route], *, title: str, version: str, login: bool) -> dict[str, Any]:
    """The whole document. `login` says whether callers need a credential (multi-user mode)."""
    schemas: Schemas
    schemas, definitions = TypeAdapter.json_schemas(list(_models(routes)), ref_template=_REF)
    models = definitions.get("$defs", {})
    # Query models are listed parameter by parameter, so they are looked up here instead of referred to.
    schemas = {
        key: models.get(schema.get("$ref", "").rpartition("/")[2], schema) if key[0].endswith(" query") else schema
        for key, schema in schemas.items()
    }
    paths: dict[str, dict[str, Any]] = {}
    names = _operation_ids(routes)
    for route, name in zip(routes, names, strict=True):
        operations = paths.setdefault(_PATTERN.sub(r"{\1}", route.path), {})
        operations[route.method.lower()] = _operation(route, name, schemas, login)
    components: dict[str, Any] = {"schemas": dict(sorted(models.items()))}
    if login:
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": dict(sorted(paths.items())),
        "components": components,
        "tags": [{"name": tag} for tag in sorted({route.tag for route in routes if route.tag})],
    }


def _models(routes: Iterable[Route]) -> Iterable[tuple[str, JsonSchemaMode, TypeAdapter[Any]]]:
    for model in (Problem, InvalidInputProblem):
        yield model.__name__, "serialization", TypeAdapter(model)
    for route in routes:
        if route.body is not None:
            yield _key(route, "body"), "validation", TypeAdapter(route.body)
        if route.query is not None:
            yield _key(route, "query"), "validation", TypeAdapter(route.query)
        for status, model in route.responses:
            if model is not None:
                yield _key(route, status), "serialization", TypeAdapter(model)


def _key(route: Route, part: str | int) -> str:
    return f"{route.method} {route.path} {part}"


def _operation(route: Route, name: str, schemas: Schemas, login: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": name, "x-access": _access_words(route.access)}
    if route.tag:
        operation["tags"] = [route.tag]
    if route.summary:
        operation["summary"] = route.summary
    if text := inspect.getdoc(route.handler):
        operation["description"] = text
    if where := [*_path_parameters(route), *_query_parameters(route, schemas)]:
        operation["parameters"] = where
    if route.body is not None:
        schema = schemas[_key(route, "body"), "validation"]
        operation["requestBody"] = {"required": True, "content": {route.consumes: {"schema": schema}}}
    elif route.consumes != "application/json":
        operation["requestBody"] = {"required": True, "content": {route.consumes: {}}}
    operation["responses"] = _responses(route, schemas, login)
    if login:
        operation["security"] = [] if route.access.level == "public" else [{"bearer": []}]
        if route.access.level != "public":
            operation["x-token-scope"] = route.needed_scope
    return operation


def _access_words(access: Access) -> str:
    return f"requires {access.action} on {{{access.id_from}}}" if access.level == "requires" else access.level


def _path_parameters(route: Route) -> Iterable[dict[str, Any]]:
    for name in parameters(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(route: Route, schemas: Schemas) -> Iterable[dict[str, Any]]:
    if route.query is None:
        return
    schema = schemas[_key(route, "query"), "validation"]
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        parameter = {"name": name, "in": "query", "required": name in required, "schema": each}
        if "description" in each:
            parameter["description"] = each["description"]
        yield parameter


def _responses(route: Route, schemas: Schemas, login: bool) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, model in route.responses:
        answer: dict[str, Any] = {"description": _REASONS.get(status, "Answer")}
        if status >= 400 and model is None:
            answer["content"] = _problem(status)
        elif route.media is not None and status < 400:
            answer["content"] = {route.media: {}}
        elif model is not None:
            answer["content"] = {"application/json": {"schema": schemas[_key(route, status), "serialization"]}}
        answers[str(status)] = answer
    for status in sorted(_refusals(route, login)):
        answers.setdefault(str(status), {"description": _REASONS[status], "content": _problem(status)})
    return answers


def _refusals(route: Route, login: bool) -> set[int]:
    """The errors that the host itself answers with on this route, before the handler runs."""
    statuses: set[int] = set()
    level = route.access.level
    if login and level != "public":
        statuses |= {401, 403}  # 403: an API token without the scope
    if level == "requires":
        statuses |= {403, 404}
    if level == "admin" or route.stream or route.method not in SAFE_METHODS:
        statuses.add(403)
    if route.body is not None or route.consumes != "application/json":
        statuses |= {413, 415}
    if route.body is not None or route.query is not None:
        statuses.add(422)
    return statuses


def _problem(status: int) -> dict[str, Any]:
    model = InvalidInputProblem if status == 422 else Problem
    return {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(model=model.__name__)}}}


def _operation_ids(routes: Sequence[Route]) -> list[str]:
    """The handlers' names; where two share one, method and path are added, so that ids stay when routes are added."""
    handlers = [getattr(route.handler, "__name__", "handler").strip("_") for route in routes]
    return [
        name if handlers.count(name) == 1 else f"{name}_{route.method.lower()}{re.sub('[^a-z0-9]+', '_', route.path)}"
        for route, name in zip(routes, handlers, strict=True)
    ]
