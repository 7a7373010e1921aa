"""What is written into a picture: the reference's `invokeai_metadata` keys, so its readers can recall it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke_host import __version__
from invoke_host.models.service import ModelRecord

#: PNG text chunks: the reference's, and our own with what the reference has no word for.
CORE_CHUNK = "invokeai_metadata"
OWN_CHUNK = "invoke_host"


def core_metadata(request: Mapping[str, Any], record: ModelRecord) -> dict[str, Any]:
    """The `core_metadata` of a text-to-image picture from the fields of a resolved request and its model."""
    offer = record.offer
    return {
        "generation_mode": "txt2img",
        **request,
        "cfg_rescale_multiplier": 0.0,
        "rand_device": "cpu",  # noise is always drawn on the CPU: the same seed gives the same picture on every device
        "clip_skip": 0,
        "model": {"key": offer.key, "hash": record.hash, "name": offer.name, "base": offer.base, "type": offer.type},
        "app_version": f"invoke-host {__version__}",
    }
