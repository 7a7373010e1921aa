"""`/api/v1/system_prompts`: instructions for language models that write prompts, with the paths of InvokeAI.

LOGGED_IN and not `requires(...)`: the transaction that reads or changes a prompt asks the access engine.
"""

from __future__ import annotations

from typing import Final

from invoke_host.publishing import visibility_of
from invoke_host.system_prompts.schema import (
    NewSystemPrompt,
    SystemPromptDTO,
    SystemPromptPatch,
    SystemPromptsQuery,
)
from invoke_host.system_prompts.service import SystemPromptService
from invoke_host.system_prompts.store import Change
from invoke_host.web import LOGGED_IN, Route, actor_of, body_of, json_response, origin_of, query_of, web

SYSTEM_PROMPTS: Final = web.AppKey("system_prompts", SystemPromptService)

#: A prompt of the greatest length, every character of it escaped in JSON, with room to spare.
_BODY_BYTES = 256 * 1024


async def list_system_prompts(request: web.Request) -> web.Response:
    """What the caller may see, in the order of the names; at most a thousand at once."""
    query = query_of(request, SystemPromptsQuery)
    service = request.app[SYSTEM_PROMPTS]
    return json_response(await service.visible(actor_of(request), limit=query.limit, offset=query.offset))


async def get_system_prompt(request: web.Request) -> web.Response:
    """One system prompt."""
    return json_response(await request.app[SYSTEM_PROMPTS].get(actor_of(request), _id(request)))


async def create_system_prompt(request: web.Request) -> web.Response:
    """Make a system prompt."""
    body = body_of(request, NewSystemPrompt)
    service = request.app[SYSTEM_PROMPTS]
    made = await service.create(actor_of(request), body.name, body.content, is_public=body.is_public is True)
    return json_response(made)


async def change_system_prompt(request: web.Request) -> web.Response:
    """Change a system prompt; what is left out stays."""
    body = body_of(request, SystemPromptPatch)
    visibility = None if body.is_public is None else visibility_of(is_public=body.is_public)
    change = Change(body.name, body.content, visibility)
    service = request.app[SYSTEM_PROMPTS]
    return json_response(await service.change(actor_of(request), origin_of(request), _id(request), change))


async def delete_system_prompt(request: web.Request) -> web.Response:
    """Delete a system prompt."""
    await request.app[SYSTEM_PROMPTS].delete(actor_of(request), origin_of(request), _id(request))
    return json_response(None)


def _id(request: web.Request) -> str:
    return request.match_info["prompt_id"]


_ROOT = "/api/v1/system_prompts/"
_ONE = "/api/v1/system_prompts/i/{prompt_id}"
_TAG = "system prompts"

ROUTES: tuple[Route, ...] = (
    Route("GET", _ROOT, list_system_prompts, LOGGED_IN, "List system prompts", _TAG, query=SystemPromptsQuery,
          responses=((200, list[SystemPromptDTO]),)),
    Route("POST", _ROOT, create_system_prompt, LOGGED_IN, "Make a system prompt", _TAG, body=NewSystemPrompt,
          responses=((200, SystemPromptDTO),), body_limit_bytes=_BODY_BYTES),
    Route("GET", _ONE, get_system_prompt, LOGGED_IN, "Get a system prompt", _TAG,
          responses=((200, SystemPromptDTO), (404, None))),
    Route("PATCH", _ONE, change_system_prompt, LOGGED_IN, "Change a system prompt", _TAG, body=SystemPromptPatch,
          responses=((200, SystemPromptDTO), (403, None), (404, None)), body_limit_bytes=_BODY_BYTES),
    Route("DELETE", _ONE, delete_system_prompt, LOGGED_IN, "Delete a system prompt", _TAG,
          responses=((200, None), (403, None), (404, None))),
)  # fmt: skip
