"""The packages of the npm registry that hold drawings and names: pinned by version and hash, fetched once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tarfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from invoke_model_emoji.errors import DataError

#: Where npm packages come from; another mirror is set as npm itself is told of it.
REGISTRY = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")


@dataclass(frozen=True, slots=True)
class Source:
    """One package. `sha512` is the registry's own integrity value, base64."""

    name: str
    version: str
    sha512: str
    licence: str
    author: str

    @property
    def file_name(self) -> str:
        return f"{self.name.rpartition('/')[2]}-{self.version}.tgz"

    @property
    def url(self) -> str:
        return f"{REGISTRY}/{self.name}/-/{self.file_name}"


NOTO = Source(
    "@iconify-json/noto",
    "1.2.9",
    "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
    "Apache-2.0",
    "Google Inc.",
)

FLUENT = Source(
    "@iconify-json/fluent-emoji-flat",
    "1.2.6",
    "RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
    "MIT",
    "Microsoft Corporation",
)

#: Names, keywords and groups of emoji: CLDR's, in one file.
NAMES = Source(
    "emojibase-data",
    "17.0.0",
    "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
    "MIT, with data of Unicode CLDR under Unicode-3.0",
    "Miles Johnson; Unicode, Inc.",
)

#: Drawings by style. The first one is what a caption without a word for the style means.
STYLES = {"noto": NOTO, "flat": FLUENT}


def fetch(source: Source, cache: Path, tell: Callable[[str], None] = lambda _: None) -> Path:
    """Download a package unless it is there; returns its tarball.

    Raises DataError where it can't be had or is not what was pinned.
    """
    target = cache / source.file_name
    if not target.exists():
        tell(f"fetching {source.name} {source.version}")
        cache.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        try:
            # the registry is the operator's own setting; what comes is checked against the pinned hash
            with urllib.request.urlopen(source.url, timeout=60) as answer:  # noqa: S310
                part.write_bytes(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise DataError(
                f"{source.url}: {error}. Is the registry reachable? NPM_CONFIG_REGISTRY names another."
            ) from error
        part.replace(target)
    digest = base64.b64encode(hashlib.sha512(target.read_bytes()).digest()).decode()
    if digest != source.sha512:
        target.unlink()
        raise DataError(
            f"{source.url} has the hash {digest}, not the pinned {source.sha512}: it was removed from {cache}"
        )
    return target


def read_json(package: Path, name: str) -> Any:
    """One JSON file of a package."""
    with tarfile.open(package) as archive:
        try:
            file = archive.extractfile(f"package/{name}")
        except KeyError:
            file = None
        if file is None:
            raise DataError(f"{package} has no file {name}: is it the package that was pinned?")
        return json.load(file)
