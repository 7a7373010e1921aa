"""The image routes, with the paths, names and success codes that InvokeAI clients know."""

from __future__ import annotations

from invoke_host.images.routes import changes, downloads, gallery, media, reads, trash, uploads
from invoke_host.web import Route

ROUTES: tuple[Route, ...] = (
    *reads.ROUTES,
    *gallery.ROUTES,
    *changes.ROUTES,
    *trash.ROUTES,
    *media.ROUTES,
    *uploads.ROUTES,
    *downloads.ROUTES,
)
