"""Files made to hurt: each is refused with a sentence in bounded time, and the decoder goes on."""

from __future__ import annotations

import asyncio
import errno
import os
import resource

import psutil
import pytest
from PIL import Image

from invoke_host.api import InvalidInput, UnsupportedMedia

from . import samples

NO_PICTURE = {
    "SVG": samples.SVG,
    "HTML": samples.HTML,
    "EPS": samples.EPS,
    "GIF": samples.encoded(Image.new("P", (4, 4)), "GIF"),
    "BMP": samples.encoded(Image.new("RGB", (4, 4)), "BMP"),
    "TIFF": samples.encoded(Image.new("RGB", (4, 4)), "TIFF"),
    "ICO": samples.encoded(Image.new("RGB", (16, 16)), "ICO"),
    "AVI, a RIFF file as WebP is": b"RIFF\x00\x01\x00\x00AVI LIST",
    "ZIP": b"PK\3\4" + b"\0" * 60,
    "nothing": b"",
    "one byte": b"\x89",
    "a picture behind a space": b" " + samples.png(),
    "a GIF that ends as PNG": b"GIF89a" + samples.png(),
}

DAMAGED = {
    "PNG signature only": samples.PNG_START,
    "JPEG signature only": b"\xff\xd8\xff",
    "WebP signature only": b"RIFF\x04\0\0\0WEBP",
    "cut PNG": samples.png(200, 200)[:-40],
    "PNG cut in its header": samples.png()[:20],
    "cut JPEG": samples.encoded(Image.effect_noise((200, 200), 90).convert("RGB"), "JPEG")[:-2000],
    "cut WebP": samples.encoded(Image.effect_noise((200, 200), 90).convert("RGB"), "WEBP")[:-2000],
    "wrong checksum of pixels": samples.corrupted(b"IDAT"),
    "wrong checksum of the header": samples.corrupted(b"IHDR"),
    "fewer pixels than claimed": samples.claiming(500, 500),
    "no width": samples.claiming(0, 5),
    "sixteen-bit palette": samples.claiming(5, 5, 16, 3),
    "no pixel data": samples.PNG_START + samples.header(5, 5) + samples.chunk(b"IEND", b""),
    "JPEG that is HTML": b"\xff\xd8\xff" + samples.HTML,
    "PNG that is HTML": samples.PNG_START + samples.HTML,
    "WebP that is HTML": b"RIFF\xff\0\0\0WEBP" + samples.HTML,
    "a zTXt bomb": samples.text_bomb(b"zTXt", 50 * 1024 * 1024),
    "an iTXt bomb": samples.text_bomb(b"iTXt", 50 * 1024 * 1024),
    "many middle-sized texts": samples.text_bomb(b"zTXt", 3 * 1024 * 1024, count=40),
}

TOO_LARGE = {
    "50,000 x 50,000 in the header": samples.claiming(50_000, 50_000),
    "2^31 x 2^31 in the header": samples.claiming(2**31 - 1, 2**31 - 1),
    "a whole picture of 81 million pixels": samples.flat(9_000, 9_000),
    "179 million pixels and more": samples.flat(20_000, 12_000),
    "one row of 100,000": samples.claiming(100_000, 1),
    "a JPEG that says 65,500 x 65,500": samples.encoded(Image.new("L", (8, 8)), "JPEG").replace(
        b"\xff\xc0\0\x0b\x08\0\x08\0\x08", b"\xff\xc0\0\x0b\x08\xff\xdc\xff\xdc"
    ),
}


async def test_the_next_picture_is_decoded_after_each_bad_one_by_the_same_process(decoder, put):
    assert (await put(decoder, samples.png())).width == 32
    pid = decoder.pid
    for content in (*NO_PICTURE.values(), *DAMAGED.values(), *TOO_LARGE.values()):
        with pytest.raises((InvalidInput, UnsupportedMedia)):
            await put(decoder, content)
    assert (await put(decoder, samples.png())).width == 32
    assert decoder.pid == pid


@pytest.mark.parametrize("kind", sorted(NO_PICTURE))
async def test_anything_but_the_three_kinds_is_415_whatever_its_name(decoder, put, kind):
    with pytest.raises(UnsupportedMedia, match="no PNG, JPEG or WebP"):
        await put(decoder, NO_PICTURE[kind], name="picture.png")


@pytest.mark.parametrize("kind", sorted(DAMAGED))
async def test_a_damaged_file_is_422_and_names_the_field(decoder, put, kind, tmp_path):
    with pytest.raises(InvalidInput) as caught:
        await put(decoder, DAMAGED[kind], field="image")
    (problem,) = caught.value.problems
    assert (problem.loc, problem.kind) == (("body", "image"), "picture_damaged")
    assert str(tmp_path) not in problem.message


@pytest.mark.parametrize("kind", sorted(TOO_LARGE))
async def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(decoder, put, kind):
    await put(decoder, samples.png())
    process = psutil.Process(decoder.pid)
    before = process.memory_info().rss
    with pytest.raises(InvalidInput) as caught:
        await put(decoder, TOO_LARGE[kind])
    assert caught.value.problems[0].kind == "picture_too_large"
    assert process.memory_info().rss - before < 16 * 1024 * 1024


async def test_an_icc_bomb_is_refused_and_costs_no_memory(decoder, put):
    await put(decoder, samples.png())
    process = psutil.Process(decoder.pid)
    with pytest.raises(InvalidInput, match="damaged"):
        await put(decoder, samples.text_bomb(b"iCCP", 200 * 1024 * 1024))
    assert process.memory_info().rss < 300 * 1024 * 1024


async def test_the_largest_picture_that_is_allowed_fits_into_the_memory_that_is(make_decoder, put):
    decoder = make_decoder(max_pixels=16_000_000)
    content = samples.encoded(Image.new("RGBA", (4000, 4000), (1, 2, 3, 4)), compress_level=1)
    done = await put(decoder, content, resize=(3999, 4000))
    assert (done.width, done.height) == (3999, 4000)


async def test_a_picture_that_takes_more_memory_than_it_should_is_refused(make_decoder, put):
    decoder = make_decoder(max_pixels=1_000_000)
    await put(decoder, samples.png())
    limit = resource.prlimit(decoder.pid, resource.RLIMIT_AS)
    assert limit[0] < 1024 * 1024 * 1024
    used = psutil.Process(decoder.pid).memory_info().vms
    resource.prlimit(decoder.pid, resource.RLIMIT_AS, (used + 1024 * 1024, limit[1]))
    with pytest.raises(InvalidInput) as caught:
        await put(decoder, samples.png(1000, 1000))
    assert caught.value.problems[0].kind == "picture_too_costly"


async def test_a_full_disk_is_no_fault_of_the_picture(decoder, put):
    await put(decoder, samples.png())
    resource.prlimit(decoder.pid, resource.RLIMIT_FSIZE, (100, 100))
    with pytest.raises(OSError) as caught:
        await put(decoder, samples.encoded(Image.effect_noise((300, 300), 90)))
    assert caught.value.errno == errno.ENOSPC


async def test_limits_and_surroundings_of_the_process(make_decoder, put, monkeypatch):
    monkeypatch.setenv("INVOKE_HOST_SECRET_THING", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    decoder = make_decoder(max_pixels=1_000_000)
    await put(decoder, samples.png())
    pid = decoder.pid
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
    assert resource.prlimit(pid, resource.RLIMIT_AS)[1] < 2**30
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[1] < 2**26
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE)[1] == 64
    assert resource.prlimit(pid, resource.RLIMIT_CPU)[0] < 60
    assert b"hush" not in await asyncio.to_thread(_environment, pid)
    assert psutil.Process(pid).nice() >= min(5 + os.nice(0), 19)


def _environment(pid: int) -> bytes:
    with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
        return file.read()
