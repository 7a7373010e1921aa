"""`/api/v1/workflows`: what clients keep of their graphs, with the paths, names and success codes of InvokeAI.

LOGGED_IN and not `requires(...)`: the transaction that reads or changes a workflow asks the access engine.
"""

from __future__ import annotations

from functools import partial
from typing import Final, get_args

from invoke_host.api import FieldProblem, InvalidInput
from invoke_host.images import replaceable
from invoke_host.web import LOGGED_IN, Route, actor_of, body_of, json_response, origin_of, query_of, web
from invoke_host.web.inputs import read_limited
from invoke_host.web.multipart import MULTIPART, SMALL_FORM_TIMEOUT_S, FileField, read_form
from invoke_host.workflows.document import Document
from invoke_host.workflows.query import ListRequest, Scope, decode_cursor
from invoke_host.workflows.schema import (
    MAX_PER_PAGE,
    Category,
    CountsByTagQuery,
    ListQuery,
    PublicBody,
    ScopeQuery,
    WorkflowBody,
    WorkflowPage,
    WorkflowRecord,
)
from invoke_host.workflows.service import WorkflowService
from invoke_host.workflows.thumbnails import WorkflowThumbnails

WORKFLOWS: Final = web.AppKey("workflows", WorkflowService)
THUMBNAILS: Final = web.AppKey("workflow thumbnails", WorkflowThumbnails)

#: Largest picture that can become a thumbnail, and the form around it.
_PICTURE_BYTES = 10 * 1024 * 1024
_FORM_BYTES = _PICTURE_BYTES + 16 * 1024

#: No configuration allows a longer workflow; the service knows how long one may be here.
_BODY_BYTES = 65 * 1024 * 1024


async def list_workflows(request: web.Request) -> web.Response:
    """A page of workflows: the caller's own and the host's; with `is_public=true` everybody's public ones."""
    query = query_of(request, ListQuery)
    limit = query.per_page or MAX_PER_PAGE
    descending = query.direction == "DESC"
    cursor = decode_cursor(query.cursor, query.order_by, descending=descending) if query.cursor else None
    wanted = ListRequest(
        _scope(query),
        query.tags,
        query.query,
        query.is_callable,
        query.order_by,
        descending,
        limit,
        query.page * limit,
        cursor,
    )
    found = await request.app[WORKFLOWS].page(actor_of(request), wanted)
    return json_response(
        {
            "items": found.items,
            "page": query.page,
            "pages": -(-found.total // limit),
            "per_page": query.per_page,
            "total": found.total,
            "next_cursor": found.next_cursor,
        }
    )


async def list_tags(request: web.Request) -> web.Response:
    """All tags of these workflows, in the order of the alphabet."""
    scope = _scope(query_of(request, ScopeQuery))
    return json_response(await request.app[WORKFLOWS].tags(actor_of(request), scope))


async def counts_by_tag(request: web.Request) -> web.Response:
    """How many of these workflows carry each of the tags."""
    query = query_of(request, CountsByTagQuery)
    return json_response(
        await request.app[WORKFLOWS].counts_by_tag(actor_of(request), _scope(query), list(dict.fromkeys(query.tags)))
    )


async def counts_by_category(request: web.Request) -> web.Response:
    """How many of these workflows are of each of the categories, or of all there are."""
    query = query_of(request, ScopeQuery)
    wanted = list(dict.fromkeys(query.categories)) or list(get_args(Category))
    return json_response(await request.app[WORKFLOWS].counts_by_category(actor_of(request), _scope(query), wanted))


async def get_workflow(request: web.Request) -> web.Response:
    """One workflow. `workflow` is what was stored, to the byte."""
    return json_response(await request.app[WORKFLOWS].get(actor_of(request), _id(request)))


async def create_workflow(request: web.Request) -> web.Response:
    """Keep a workflow; with several users, nobody else sees it until it is published."""
    new = await _document(request)
    return json_response(await request.app[WORKFLOWS].create(actor_of(request), new))


async def change_workflow(request: web.Request) -> web.Response:
    """Keep another text in the place of a workflow. An `id` in it must be the one of the path."""
    workflow_id, new = _id(request), await _document(request)
    if new.id not in (None, workflow_id):
        problem = FieldProblem(("body", "workflow", "id"), "the path says which workflow; leave it out, or repeat it")
        raise InvalidInput([problem])
    return json_response(await request.app[WORKFLOWS].change(actor_of(request), origin_of(request), workflow_id, new))


async def publish_workflow(request: web.Request) -> web.Response:
    """Show a workflow to everybody, or to nobody else any more."""
    is_public = body_of(request, PublicBody).is_public
    return json_response(
        await request.app[WORKFLOWS].publish(actor_of(request), origin_of(request), _id(request), is_public=is_public)
    )


async def delete_workflow(request: web.Request) -> web.Response:
    """Delete a workflow with its thumbnail."""
    await request.app[WORKFLOWS].delete(actor_of(request), origin_of(request), _id(request))
    return json_response(None)


async def note_opened(request: web.Request) -> web.Response:
    """Note that the caller opened it; for lists of what was opened last, and for nobody else to see."""
    await request.app[WORKFLOWS].note_opened(actor_of(request), _id(request))
    return json_response(None)


async def get_thumbnail(request: web.Request) -> web.StreamResponse:
    """The thumbnail, a WebP picture."""
    return await replaceable.send(request, partial(request.app[THUMBNAILS].find, actor_of(request), _id(request)))


async def put_thumbnail(request: web.Request) -> web.Response:
    """Send a picture (PNG, JPEG or WebP, the form field `image`) that stands for the workflow in lists."""
    service, actor, workflow_id = request.app[THUMBNAILS], actor_of(request), _id(request)
    await service.require_edit(actor, workflow_id)  # before megabytes are read
    async with service.staging(actor) as folder:
        form = await read_form(
            request,
            folder=folder,
            limit_bytes=_FORM_BYTES,
            files=(FileField("image", _PICTURE_BYTES),),
            timeout_s=SMALL_FORM_TIMEOUT_S,
        )
        await service.put(actor, origin_of(request), workflow_id, form.files["image"].path)
    return json_response(None)


async def delete_thumbnail(request: web.Request) -> web.Response:
    """Take the thumbnail away; fine if there is none."""
    await request.app[THUMBNAILS].delete(actor_of(request), origin_of(request), _id(request))
    return json_response(None)


def _id(request: web.Request) -> str:
    return request.match_info["workflow_id"]


def _scope(query: ScopeQuery) -> Scope:
    return Scope(query.categories, query.is_public, query.has_been_opened)


async def _document(request: web.Request) -> Document:
    service = request.app[WORKFLOWS]
    return await service.read(await read_limited(request, service.body_limit_bytes))


_ROOT = "/api/v1/workflows"
_ONE = f"{_ROOT}/i/{{workflow_id}}"
_TAG = "workflows"
_REFUSED = ((403, None), (404, None))
_RECORD = ((200, WorkflowRecord), *_REFUSED)
_DONE = ((200, None), *_REFUSED)

ROUTES: tuple[Route, ...] = (
    Route("GET", f"{_ROOT}/", list_workflows, LOGGED_IN, "List workflows", _TAG, query=ListQuery,
          responses=((200, WorkflowPage),)),
    Route("POST", f"{_ROOT}/", create_workflow, LOGGED_IN, "Keep a workflow", _TAG, body=WorkflowBody, raw_body=True,
          responses=((200, WorkflowRecord),), body_limit_bytes=_BODY_BYTES),
    Route("GET", f"{_ROOT}/tags", list_tags, LOGGED_IN, "List tags", _TAG, query=ScopeQuery,
          responses=((200, list[str]),)),
    Route("GET", f"{_ROOT}/counts_by_tag", counts_by_tag, LOGGED_IN, "Count workflows by tag", _TAG,
          query=CountsByTagQuery, responses=((200, dict[str, int]),)),
    Route("GET", f"{_ROOT}/counts_by_category", counts_by_category, LOGGED_IN, "Count workflows by category", _TAG,
          query=ScopeQuery, responses=((200, dict[str, int]),)),
    Route("GET", _ONE, get_workflow, LOGGED_IN, "Get a workflow", _TAG, responses=((200, WorkflowRecord), (404, None))),
    Route("PATCH", _ONE, change_workflow, LOGGED_IN, "Change a workflow", _TAG, body=WorkflowBody, raw_body=True,
          responses=_RECORD, body_limit_bytes=_BODY_BYTES),
    Route("DELETE", _ONE, delete_workflow, LOGGED_IN, "Delete a workflow", _TAG, responses=_DONE),
    Route("PATCH", f"{_ONE}/is_public", publish_workflow, LOGGED_IN, "Publish a workflow, or no longer", _TAG,
          body=PublicBody, responses=_RECORD),
    Route("PUT", f"{_ONE}/opened_at", note_opened, LOGGED_IN, "Note that a workflow was opened", _TAG,
          responses=((200, None), (404, None))),
    Route("GET", f"{_ONE}/thumbnail", get_thumbnail, LOGGED_IN, "The thumbnail of a workflow", _TAG,
          media="image/webp", responses=((200, None), (404, None), (410, None))),
    Route("PUT", f"{_ONE}/thumbnail", put_thumbnail, LOGGED_IN, "Set the thumbnail of a workflow", _TAG,
          consumes=MULTIPART, body_limit_bytes=_FORM_BYTES,
          responses=(*_DONE, *((status, None) for status in (415, 429, 503)))),
    Route("DELETE", f"{_ONE}/thumbnail", delete_thumbnail, LOGGED_IN, "Take the thumbnail away", _TAG,
          responses=_DONE),
)  # fmt: skip
