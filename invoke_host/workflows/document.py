"""A workflow as a client sends it: checked for its shape, kept as the very text that came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import ValidationError

from invoke_host.api import FieldProblem, InvalidInput, PayloadTooLarge
from invoke_host.workflows import rawjson
from invoke_host.workflows.rawjson import Member, NotJsonError
from invoke_host.workflows.schema import MAX_TAG, MAX_TAGS, Workflow

#: The type of the node that hands out a workflow's result; there is at most one.
RETURN_NODE = "workflow_return"

_WHERE = ("body", "workflow")


@dataclass(frozen=True, slots=True)
class Document:
    """A valid workflow. `text` is its JSON as it came, `id` what it says of itself; the rest is what is listed."""

    text: str
    size_bytes: int
    id: str | None
    name: str
    description: str
    category: Literal["user", "project"]
    tags: tuple[str, ...]


def read(raw: bytes, *, max_bytes: int) -> Document:
    """The value of `workflow` in the JSON of a request.

    Raises:
        PayloadTooLarge: its text is longer than `max_bytes`.
        InvalidInput: no JSON, or not of the shape of a workflow; with everything that is wrong.
    """
    try:
        text = rawjson.decode(raw)
        body = rawjson.document(text, _REQUEST)
    except NotJsonError as error:
        raise InvalidInput([FieldProblem(("body",), f"Invalid JSON: {error}", "json_invalid")]) from None
    if not isinstance(body, dict):
        raise InvalidInput([FieldProblem(("body",), "expected an object with a `workflow`", "dict_type")])
    if "workflow" not in body:
        raise InvalidInput([FieldProblem(_WHERE, "Field required", "missing")])
    member: Member = body["workflow"]
    if not isinstance(member.value, dict):
        raise InvalidInput([FieldProblem(_WHERE, "expected an object", "dict_type")])
    own_text = text[member.start : member.end]
    size_bytes = len(own_text.encode())
    if size_bytes > max_bytes:
        raise PayloadTooLarge(
            f"the workflow has {size_bytes} bytes, the limit is {max_bytes} ([stored] max_workflow_kb)"
        )
    shape = _shape({name: inner.value for name, inner in member.value.items()})
    return Document(
        text=own_text,
        size_bytes=size_bytes,
        id=shape.id,
        name=shape.name,
        description=shape.description,
        category="project" if shape.meta.category == "project" else "user",
        tags=split_tags(shape.tags),
    )


def split_tags(text: str) -> tuple[str, ...]:
    """The tags in a workflow's own text of them, parted by commas, each once."""
    return tuple(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip())))


def _outline(item: Any) -> Any:
    """As much of a node or an edge as is looked at."""
    if not isinstance(item, dict):
        return item
    return {"data": {"type": RETURN_NODE}} if _type(item) == RETURN_NODE else _PLAIN


_PLAIN: dict[str, Any] = {}
_ITEMS = partial(rawjson.array, outline=_outline)
_WORKFLOW = partial(rawjson.members, readers={"nodes": _ITEMS, "edges": _ITEMS})
_REQUEST = partial(rawjson.members, readers={"workflow": _WORKFLOW}, unique=True)


def _shape(values: dict[str, Any]) -> Workflow:
    try:
        shape = Workflow.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(
            [
                FieldProblem((*_WHERE, *each["loc"]), each["msg"], each["type"])
                for each in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from None
    if problems := list(_problems(shape)):
        raise InvalidInput(problems)
    return shape


def _problems(shape: Workflow) -> Iterator[FieldProblem]:
    for name in ("id", "name", "description", "tags"):  # those that become columns
        if "\0" in (getattr(shape, name) or ""):
            yield FieldProblem((*_WHERE, name), "must not contain the NUL character", "nul")
    if shape.meta.category == "default":
        yield FieldProblem(
            (*_WHERE, "meta", "category"), "default workflows come with the host; save it as `user`", "read_only"
        )
    tags = split_tags(shape.tags)
    if len(tags) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in tags):
        yield FieldProblem((*_WHERE, "tags"), f"at most {MAX_TAGS} tags of at most {MAX_TAG} characters", "too_long")
    if sum(_type(node) == RETURN_NODE for node in shape.nodes) > 1:
        yield FieldProblem((*_WHERE, "nodes"), f"at most one node of the type {RETURN_NODE}", "too_many")


def _type(node: dict[str, Any]) -> object:
    data = node.get("data")
    return data.get("type") if isinstance(data, dict) else None
