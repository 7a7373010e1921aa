"""Starring, changing and deleting images.

They are LOGGED_IN and not `requires(...)`: every unit of work asks the access engine in the transaction that changes
the image, so that a check of its own before it would only cost a second query.
"""

from __future__ import annotations

from typing import Final

from invoke_host.images.changes import Changed
from invoke_host.images.routes.common import ONE, ROOT, name_of, names_route, route
from invoke_host.images.schema import (
    DeletedImages,
    ImageChanges,
    ImageDTO,
    ImageNames,
    StarredImages,
    UncategorizedQuery,
    UnstarredImages,
)
from invoke_host.images.services.changing import ImageChanger
from invoke_host.web import ADMIN, Route, actor_of, body_of, json_response, origin_of, query_of, web

CHANGER: Final = web.AppKey("image changer", ImageChanger)


async def patch_image(request: web.Request) -> web.Response:
    """Change one image."""
    change = body_of(request, ImageChanges).patch()
    return json_response(await request.app[CHANGER].patch(actor_of(request), name_of(request), change))


async def delete_image(request: web.Request) -> web.Response:
    """Delete one image."""
    return _deleted(await request.app[CHANGER].delete(actor_of(request), name_of(request), origin_of(request)))


async def delete_images(request: web.Request) -> web.Response:
    """Delete the named images."""
    names = body_of(request, ImageNames).image_names
    return _deleted(await request.app[CHANGER].delete_many(actor_of(request), names, origin_of(request)))


async def star(request: web.Request) -> web.Response:
    """Star the named images."""
    return await _star(request, "starred_images", starred=True)


async def unstar(request: web.Request) -> web.Response:
    """Take the star off the named images."""
    return await _star(request, "unstarred_images", starred=False)


async def clear_intermediates(request: web.Request) -> web.Response:
    """Delete all intermediate images."""
    return json_response(await request.app[CHANGER].clear_intermediates(actor_of(request), origin_of(request)))


async def delete_uncategorized(request: web.Request) -> web.Response:
    """Delete the caller's images that `board_id=none` lists, or with `all=true` (administrators) everybody's.

    On a host with one user all are the caller's.
    """
    everybodys = query_of(request, UncategorizedQuery).all
    done = await request.app[CHANGER].delete_uncategorized(actor_of(request), origin_of(request), everybodys=everybodys)
    return _deleted(Changed(done, [], []))


async def _star(request: web.Request, key: str, *, starred: bool) -> web.Response:
    names = body_of(request, ImageNames).image_names
    result = await request.app[CHANGER].star(actor_of(request), names, starred=starred)
    return json_response({key: result.done, "failed_images": result.failed, "affected_boards": result.boards})


def _deleted(result: Changed) -> web.Response:
    return json_response(
        {"deleted_images": result.done, "failed_images": result.failed, "affected_boards": result.boards}
    )


ROUTES: tuple[Route, ...] = (
    names_route("delete", delete_images, "Delete images", DeletedImages),
    names_route("star", star, "Star images", StarredImages),
    names_route("unstar", unstar, "Unstar images", UnstarredImages),
    route("DELETE", f"{ROOT}/intermediates", clear_intermediates, "Delete all intermediate images", int, access=ADMIN),
    route(
        "DELETE",
        f"{ROOT}/uncategorized",
        delete_uncategorized,
        "Delete the caller's images on no board",
        DeletedImages,
        query=UncategorizedQuery,
        refusals=(403,),
    ),
    route("PATCH", ONE, patch_image, "Change an image", ImageDTO, body=ImageChanges, refusals=(403, 404)),
    route("DELETE", ONE, delete_image, "Delete an image", DeletedImages, refusals=(403, 404)),
)
