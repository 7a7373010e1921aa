"""`/api/v1/style_presets`: pairs of prompts with a name and a picture, with the paths of InvokeAI.

Most are LOGGED_IN and not `requires(...)`: the transaction that reads or changes a preset asks the access engine. Where
a form is read first, the route asks before that as well.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

from invoke_host.api import UnsupportedMedia
from invoke_host.images import replaceable
from invoke_host.style_presets.access import EDIT
from invoke_host.style_presets.exchange import StylePresetExchange
from invoke_host.style_presets.schema import (
    Imported,
    NewStylePreset,
    StylePresetDTO,
    StylePresetPatch,
    StylePresetsQuery,
)
from invoke_host.style_presets.service import StylePresetService
from invoke_host.web import (
    ADMIN,
    LOGGED_IN,
    Route,
    actor_of,
    json_response,
    origin_of,
    query_of,
    requires,
    web,
)
from invoke_host.web.multipart import MULTIPART, SMALL_FORM_TIMEOUT_S, FileField, Form, TextField, read_form

STYLE_PRESETS: Final = web.AppKey("style_presets", StylePresetService)
EXCHANGE: Final = web.AppKey("style_preset_exchange", StylePresetExchange)

#: Two prompts of the greatest length and a name, every character of them escaped in JSON, with room to spare.
_DATA_BYTES: Final = 256 * 1024

#: Largest file that can be imported.
_IMPORT_BYTES: Final = 16 * 1024 * 1024

#: Largest picture that can be sent, and what the parts of a form take beside their contents.
_PICTURE_BYTES: Final = 10 * 1024 * 1024
_FORM_BYTES: Final = 64 * 1024

#: A form with a preset.
_PRESET_BYTES: Final = _PICTURE_BYTES + _DATA_BYTES + _FORM_BYTES

#: What an importer may say that the file is. Which of both it is, is told by its content.
_IMPORT_TYPES: Final = frozenset(
    {"", "text/csv", "application/csv", "application/json", "text/plain", "application/vnd.ms-excel",
     "application/octet-stream"}
)  # fmt: skip


async def list_style_presets(request: web.Request) -> web.Response:
    """What the caller may see, in the order of the names; at most a thousand at once."""
    query = query_of(request, StylePresetsQuery)
    service = request.app[STYLE_PRESETS]
    return json_response(await service.visible(actor_of(request), limit=query.limit, offset=query.offset))


async def get_style_preset(request: web.Request) -> web.Response:
    """One style preset."""
    return json_response(await request.app[STYLE_PRESETS].get(actor_of(request), _id(request)))


async def create_style_preset(request: web.Request) -> web.Response:
    """Make a style preset from a form: `data` is a JSON object (NewStylePreset), `image` a PNG, JPEG or WebP file."""
    service = request.app[STYLE_PRESETS]
    async with service.staging(actor_of(request)) as folder:
        form = await _form(request, folder, NewStylePreset, required=True)
        data: NewStylePreset = form.values["data"]
        return json_response(await service.create(actor_of(request), data, _image(form)))


async def change_style_preset(request: web.Request) -> web.Response:
    """Change a style preset by a form with the fields `data` (StylePresetPatch) and `image`.

    What is left out stays, the picture too; `remove_image` takes it away.
    """
    service = request.app[STYLE_PRESETS]
    async with service.staging(actor_of(request)) as folder:
        form = await _form(request, folder, StylePresetPatch, required=False)
        data: StylePresetPatch = form.values.get("data", StylePresetPatch())
        return json_response(
            await service.change(actor_of(request), origin_of(request), _id(request), data, _image(form))
        )


async def delete_style_preset(request: web.Request) -> web.Response:
    """Delete a style preset with its picture."""
    await request.app[STYLE_PRESETS].delete(actor_of(request), origin_of(request), _id(request))
    return json_response(None)


async def get_style_preset_image(request: web.Request) -> web.StreamResponse:
    """The picture of a style preset."""
    return await replaceable.send(request, partial(request.app[STYLE_PRESETS].picture, actor_of(request), _id(request)))


async def delete_style_preset_image(request: web.Request) -> web.Response:
    """Take the picture away from a style preset; no change when it has none."""
    change = StylePresetPatch(remove_image=True)
    service = request.app[STYLE_PRESETS]
    return json_response(await service.change(actor_of(request), origin_of(request), _id(request), change, None))


async def export_style_presets(request: web.Request) -> web.StreamResponse:
    """The style presets of all users as CSV."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": 'attachment; filename="prompt_templates.csv"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
    )
    pieces = request.app[EXCHANGE].exported()
    first = await anext(pieces)  # what can't be read is told with a status, before anything is sent
    await response.prepare(request)
    if request.method != "HEAD":
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
    await response.write_eof()
    return response


async def import_style_presets(request: web.Request) -> web.Response:
    """Make style presets from the form's `file`: CSV with the columns name, prompt and negative_prompt, or JSON."""
    async with request.app[STYLE_PRESETS].staging(actor_of(request)) as folder:
        file = FileField("file", _IMPORT_BYTES)
        form = await read_form(request, folder=folder, limit_bytes=_IMPORT_BYTES + _FORM_BYTES, files=[file])
        given = form.files["file"]
        if given.declared_type.partition(";")[0].strip().lower() not in _IMPORT_TYPES:
            raise UnsupportedMedia(f"style presets come as CSV or JSON, not as {given.declared_type!r}")
        return json_response({"imported": await request.app[EXCHANGE].imported(actor_of(request), given.path)})


def _id(request: web.Request) -> str:
    return request.match_info["preset_id"]


def _image(form: Form) -> Path | None:
    return None if "image" not in form.files else form.files["image"].path


async def _form(request: web.Request, folder: Path, model: Any, *, required: bool) -> Form:
    return await read_form(
        request,
        folder=folder,
        limit_bytes=_PRESET_BYTES,
        fields=[TextField("data", _DATA_BYTES, required=required, model=model)],
        files=[FileField("image", _PICTURE_BYTES, required=False)],
        timeout_s=SMALL_FORM_TIMEOUT_S,
    )


_ROOT = "/api/v1/style_presets"
_ONE = f"{_ROOT}/i/{{preset_id}}"
_TAG = "style presets"
_BUSY = ((429, None), (503, None))
_ONE_ANSWER = ((200, StylePresetDTO), (403, None), (404, None))

ROUTES: tuple[Route, ...] = (
    Route("GET", f"{_ROOT}/", list_style_presets, LOGGED_IN, "List style presets", _TAG, query=StylePresetsQuery,
          responses=((200, list[StylePresetDTO]),)),
    Route("POST", f"{_ROOT}/", create_style_preset, LOGGED_IN, "Make a style preset", _TAG, consumes=MULTIPART,
          responses=((200, StylePresetDTO), (403, None), (422, None), *_BUSY), body_limit_bytes=_PRESET_BYTES),
    Route("GET", f"{_ROOT}/export", export_style_presets, ADMIN, "Export style presets", _TAG, media="text/csv"),
    Route("POST", f"{_ROOT}/import", import_style_presets, ADMIN, "Import style presets", _TAG, consumes=MULTIPART,
          responses=((200, Imported), (422, None), *_BUSY), body_limit_bytes=_IMPORT_BYTES + _FORM_BYTES),
    Route("GET", _ONE, get_style_preset, LOGGED_IN, "Get a style preset", _TAG,
          responses=((200, StylePresetDTO), (404, None))),
    Route("PATCH", _ONE, change_style_preset, requires(EDIT.name, id_from="preset_id"), "Change a style preset", _TAG,
          consumes=MULTIPART, responses=(*_ONE_ANSWER, (422, None), *_BUSY), body_limit_bytes=_PRESET_BYTES),
    Route("DELETE", _ONE, delete_style_preset, LOGGED_IN, "Delete a style preset", _TAG,
          responses=((200, None), (403, None), (404, None))),
    Route("GET", f"{_ONE}/image", get_style_preset_image, LOGGED_IN, "The picture of a style preset", _TAG,
          responses=((200, None), (404, None), (410, None)), media="image/webp"),
    Route("DELETE", f"{_ONE}/image", delete_style_preset_image, LOGGED_IN, "Take the picture away", _TAG,
          responses=_ONE_ANSWER),
)  # fmt: skip
