"""A decoder, and a way to put bytes through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import structlog

from invoke_host.pictures.client import PictureDecoder
from invoke_host.pictures.process import DecoderSettings


@pytest.fixture
async def make_decoder() -> AsyncIterator[Callable[..., PictureDecoder]]:
    """Decoders with settings; all of them end with the test."""
    made: list[PictureDecoder] = []

    def make(**settings: object) -> PictureDecoder:
        made.append(PictureDecoder(structlog.get_logger(), DecoderSettings(**settings)))
        return made[-1]

    yield make
    for decoder in made:
        await decoder.close()


@pytest.fixture
def decoder(make_decoder) -> PictureDecoder:
    """One with the settings of a host."""
    return make_decoder()


@pytest.fixture
def put(tmp_path: Path):
    """Decode some bytes in a folder of their own."""
    number = iter(range(10_000))

    async def decode(decoder: PictureDecoder, content: bytes, *, name: str = "x.upload", **options: object):
        folder = tmp_path / str(next(number))
        folder.mkdir()
        source = folder / name
        source.write_bytes(content)
        return await decoder.decode(source, folder, **{"owner": "alice", **options})

    return decode
