"""Which rows use a file, asked by the first part of its blob key. Whoever stores files has a line here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from sqlalchemy import Connection

from invoke_host.images import tombstones as images
from invoke_host.style_presets.tables import IMAGES as PRESET_IMAGES
from invoke_host.workflows.tables import THUMBNAILS as WORKFLOW_THUMBNAILS

#: Returns those of the keys whose files a row of the slice uses, in the trash or not.
Keeper = Callable[[Connection, Collection[str]], set[str]]

KEEPERS: Mapping[str, Keeper] = MappingProxyType(
    {
        "images": images.in_use,
        "thumbnails": images.in_use,
        **{shelf.folder: shelf.in_use for shelf in (WORKFLOW_THUMBNAILS, PRESET_IMAGES)},
    }
)
