"""The services behind the image routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke_host.access import AccessEngine
from invoke_host.api import BlobStore
from invoke_host.clock import Clock
from invoke_host.config.schema import ImagesConfig
from invoke_host.images.removal import Undertaker
from invoke_host.images.routes.changes import CHANGER
from invoke_host.images.routes.media import FILES
from invoke_host.images.routes.reads import READER
from invoke_host.images.routes.trash import TRASH
from invoke_host.images.services.changing import ImageChanger
from invoke_host.images.services.files import ImageFiles
from invoke_host.images.services.reading import ImageReader
from invoke_host.images.services.trashing import ImageTrash
from invoke_host.storage import Storage
from invoke_host.web import web


def image_services(
    storage: Storage,
    blobs: BlobStore,
    access: AccessEngine,
    clock: Clock,
    *,
    config: ImagesConfig,
    multi_user: bool,
) -> Mapping[web.AppKey[Any], object]:
    """What the routes ask for, by the key under which they do."""
    undertaker = Undertaker(storage, blobs)
    return {
        READER: ImageReader(storage, access),
        FILES: ImageFiles(storage, blobs, access, multi_user=multi_user),
        CHANGER: ImageChanger(
            storage, access, clock, undertaker, keep_deleted=config.trash_days > 0, multi_user=multi_user
        ),
        TRASH: ImageTrash(storage, blobs, access, clock, undertaker, multi_user=multi_user),
    }
