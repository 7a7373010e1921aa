"""Uploading pictures."""

from __future__ import annotations

from typing import Final

from invoke_host.api import FieldProblem, InvalidInput
from invoke_host.images.routes.common import ROOT
from invoke_host.images.schema import ImageDTO
from invoke_host.images.services.uploading import ImageUploader, Upload
from invoke_host.images.upload_schema import ResizeTo, UploadQuery
from invoke_host.jsondepth import MAX_DEPTH
from invoke_host.pictures.values import METADATA, TEXT_LIMITS, is_text
from invoke_host.web import LOGGED_IN, Route, actor_of, json_response, query_of, web
from invoke_host.web.multipart import MULTIPART, FileField, Form, TextField, read_form

UPLOADER: Final = web.AppKey("image uploader", ImageUploader)

_FIELDS = (TextField("resize_to", 200, model=ResizeTo), TextField("metadata", TEXT_LIMITS[METADATA]))

#: Beside the file: the fields, and the lines between the parts.
_MORE_BYTES = TEXT_LIMITS[METADATA] + 64 * 1024

#: What `[images] max_upload_mb` can be set to at most; the handler knows what it is set to.
_LARGEST_BYTES = 1024 * 1024 * 1024 + _MORE_BYTES


async def upload_image(request: web.Request) -> web.Response:
    """Upload a PNG, JPEG or WebP picture, told by its content, as a form.

    Fields: `file`; `resize_to`, JSON (`{"width": 512, "height": 512}` or `[512, 512]`); `metadata`, a JSON object as
    text, which replaces what the file says. The picture is encoded anew: its own metadata, workflow and graph stay,
    everything else that the file says is dropped.
    """
    query, actor, uploader = query_of(request, UploadQuery), actor_of(request), request.app[UPLOADER]
    await uploader.check_board(actor, query.board_id)
    async with uploader.staging(actor) as folder:
        form = await read_form(
            request,
            folder=folder,
            limit_bytes=uploader.limit_bytes + _MORE_BYTES,
            fields=_FIELDS,
            files=[FileField("file", uploader.limit_bytes)],
        )
        image = await uploader.store(actor, form.files["file"].path, _upload(query, form))
    return json_response(image, status=201, headers={"Location": f"{ROOT}/i/{image['image_name']}"})


def _upload(query: UploadQuery, form: Form) -> Upload:
    metadata = form.texts.get("metadata")
    if metadata is not None and not is_text(METADATA, metadata):
        message = f"must be the JSON of an object, nested no deeper than {MAX_DEPTH} levels"
        raise InvalidInput([FieldProblem(("body", "metadata"), message, "json_invalid")])
    resize = form.value("resize_to", ResizeTo)
    return Upload(
        category=query.image_category,
        is_intermediate=query.is_intermediate,
        board_id=query.board_id,
        session_id=query.session_id,
        crop_visible=query.crop_visible,
        resize=None if resize is None else (resize.width, resize.height),
        metadata=metadata,
    )


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        f"{ROOT}/upload",
        upload_image,
        LOGGED_IN,
        summary="Upload an image",
        tag="images",
        query=UploadQuery,
        responses=((201, ImageDTO), *((status, None) for status in (400, 403, 404, 422, 429, 503, 507))),
        body_limit_bytes=_LARGEST_BYTES,
        consumes=MULTIPART,
    ),
)
