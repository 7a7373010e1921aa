"""What becomes of a picture: upright, sRGB, eight bits, encoded anew, and nothing in it that was not asked for."""

from __future__ import annotations

import io
import json

import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from invoke_host.api import InvalidInput

from . import samples


def opened(done) -> Image.Image:
    image = Image.open(done.image)
    image.load()
    assert image.format == "PNG"
    return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_the_three_kinds_come_out_as_png_with_a_webp_thumbnail(decoder, put, kind):
    done = await put(decoder, samples.encoded(Image.new("RGB", (640, 320), "navy"), kind))
    assert (done.width, done.height) == opened(done).size == (640, 320)
    thumbnail = Image.open(done.thumbnail)
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (256, 128))
    assert done.size_bytes == done.image.stat().st_size


async def test_a_small_picture_has_a_thumbnail_of_its_own_size(decoder, put):
    done = await put(decoder, samples.png(10, 3))
    assert Image.open(done.thumbnail).size == (10, 3)


async def test_a_thumbnail_can_have_another_size(decoder, put):
    assert Image.open((await put(decoder, samples.png(640, 320), thumbnail_px=64)).thumbnail).size == (64, 32)


@pytest.mark.parametrize(
    ("mode", "color", "wanted"),
    [
        ("RGB", (10, 200, 30), ("RGB", (10, 200, 30))),
        ("RGBA", (10, 200, 30, 77), ("RGBA", (10, 200, 30, 77))),
        ("L", 99, ("RGB", (99, 99, 99))),
        ("LA", (99, 50), ("RGBA", (99, 99, 99, 50))),
        ("1", 1, ("RGB", (255, 255, 255))),
        ("P", 0, ("RGB", (0, 0, 0))),
        ("I;16", 40_000, ("RGB", (156, 156, 156))),
    ],
)
async def test_every_mode_becomes_rgb_or_rgba(decoder, put, mode, color, wanted):
    image = opened(await put(decoder, samples.png(mode=mode, color=color)))
    assert (image.mode, image.getpixel((3, 3))) == wanted


async def test_a_palette_with_a_transparent_color_becomes_rgba(decoder, put):
    image = opened(await put(decoder, samples.png(mode="P", color=0, transparency=0)))
    assert (image.mode, image.getpixel((0, 0))[3]) == ("RGBA", 0)


async def test_cmyk_becomes_rgb(decoder, put):
    done = await put(decoder, samples.encoded(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG", quality=95))
    red, green, blue = opened(done).getpixel((5, 5))
    assert (red > 200, green < 60, blue < 60) == (True, True, True)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_is_turned_as_its_exif_says_and_loses_it(decoder, put, kind):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Artist] = "Secret Name"
    image = opened(done := await put(decoder, samples.encoded(Image.new("RGB", (40, 20)), kind, exif=exif)))
    assert image.size == (20, 40) == (done.width, done.height)
    assert b"Secret Name" not in done.image.read_bytes() + done.thumbnail.read_bytes()
    assert not image.getexif()


async def test_nothing_that_a_file_says_is_left_but_our_three_texts(decoder, put):
    info = PngInfo()
    for chunk in ("Comment", "XML:com.adobe.xmp", "invoke_host", "parameters"):
        info.add_text(chunk, "Secret Name")
    info.add_text("invokeai_metadata", '{"seed": 1}')
    info.add_itxt("invokeai_workflow", '{"name": "größer 😀"}')
    content = samples.png(pnginfo=info, icc_profile=samples.srgb_profile(), dpi=(300, 300))
    done = await put(decoder, content)
    assert dict(done.texts) == {"invokeai_metadata": '{"seed": 1}', "invokeai_workflow": '{"name": "größer 😀"}'}
    assert opened(done).text == done.texts
    assert set(opened(done).info) == set(done.texts)
    assert b"Secret Name" not in done.image.read_bytes()


async def test_texts_are_dropped_where_nobody_wants_them(decoder, put):
    done = await put(decoder, samples.with_texts({"invokeai_metadata": "{}"}), keep_texts=False)
    assert (dict(done.texts), opened(done).text) == ({}, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[1]",
        '"x"',
        "null",
        "1",
        "{",
        '{"a": NaN}',
        "[" * 100_000,
        '{"a": "' + "x" * 2**20 + '"}',
        '{"a":' * 101 + "0" + "}" * 101,
    ],
)
async def test_a_text_that_is_no_json_object_or_too_long_is_dropped_without_costing_the_picture(decoder, put, text):
    content = samples.with_texts({"invokeai_metadata": text, "invokeai_graph": '{"nodes": {}}'})
    assert dict((await put(decoder, content)).texts) == {"invokeai_graph": '{"nodes": {}}'}


async def test_given_texts_replace_those_of_the_file(decoder, put):
    content = samples.with_texts({"invokeai_metadata": '{"seed": 1}', "invokeai_graph": "{}"})
    done = await put(decoder, content, texts={"invokeai_metadata": '{"seed": 2}'})
    assert dict(done.texts) == opened(done).text == {"invokeai_metadata": '{"seed": 2}', "invokeai_graph": "{}"}


async def test_a_compressed_text_of_ordinary_size_is_read(decoder, put):
    text = json.dumps({"nodes": ["x" * 100] * 1000})
    done = await put(decoder, samples.with_texts({"invokeai_workflow": text}, compressed=True))
    assert done.texts["invokeai_workflow"] == text


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_of_an_animation_the_first_frame_is_taken(decoder, put, kind):
    image = opened(await put(decoder, samples.animated(kind)))
    assert (getattr(image, "n_frames", 1), image.getpixel((5, 5))[:3]) == (1, (255, 0, 0))


async def test_a_foreign_color_profile_is_converted_to_srgb(decoder, put, tmp_path):
    swapped = _swapped_profile()
    done = await put(decoder, samples.png(color=(255, 0, 0), icc_profile=swapped))
    image = opened(done)
    assert "icc_profile" not in image.info
    assert image.getpixel((0, 0)) != (255, 0, 0)


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 5000, samples.lab_profile(), samples.srgb_profile()[:200]])
@pytest.mark.parametrize(("mode", "color"), [("RGB", (9, 8, 7)), ("L", 9), ("RGBA", (9, 8, 7, 6))])
async def test_a_color_profile_that_does_not_fit_is_dropped(decoder, put, profile, mode, color):
    image = opened(await put(decoder, samples.png(mode=mode, color=color, icc_profile=profile)))
    assert image.getpixel((0, 0))[0] == 9
    assert "icc_profile" not in image.info


async def test_the_transparent_border_is_cut_off_where_that_is_wanted(decoder, put):
    image = Image.new("RGBA", (50, 40))
    image.paste((1, 2, 3, 255), (10, 5, 30, 15))
    content = samples.encoded(image)
    assert opened(await put(decoder, content, crop_visible=True)).size == (20, 10)
    assert opened(await put(decoder, content)).size == (50, 40)


@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
async def test_a_picture_without_a_visible_part_or_a_border_stays_as_it_is(decoder, put, mode):
    assert opened(await put(decoder, samples.png(mode=mode, color=0), crop_visible=True)).size == (32, 16)


async def test_a_picture_is_resized_after_it_is_cropped(decoder, put):
    image = Image.new("RGBA", (50, 40))
    image.paste((1, 2, 3, 255), (10, 5, 30, 15))
    done = await put(decoder, samples.encoded(image), crop_visible=True, resize=(64, 32))
    assert (done.width, done.height) == opened(done).size == (64, 32)
    assert opened(done).getpixel((1, 1)) == (1, 2, 3, 255)


async def test_bytes_behind_the_picture_do_not_survive(decoder, put):
    for content in (samples.png() + samples.HTML, samples.encoded(Image.new("RGB", (9, 9)), "JPEG") + b"PK\3\4evil"):
        data = (await put(decoder, content)).image.read_bytes()
        assert b"script" not in data
        assert b"evil" not in data


async def test_names_and_declared_types_mean_nothing(decoder, put):
    for name in ("x.html", "x.svg", "x.png.exe", "x"):
        assert (await put(decoder, samples.encoded(Image.new("RGB", (9, 9)), "WEBP"), name=name)).width == 9


async def test_the_same_picture_gives_the_same_bytes(decoder, put):
    first, second = [await put(decoder, samples.png()) for _ in range(2)]
    assert (first.sha256, first.thumbnail_sha256) == (second.sha256, second.thumbnail_sha256)


async def test_the_limit_of_pixels_is_met_exactly(decoder, put):
    assert (await put(decoder, samples.png(32, 16), max_pixels=512)).width == 32
    with pytest.raises(InvalidInput, match=r"more than 0\.000511 million pixels"):
        await put(decoder, samples.png(32, 16), max_pixels=511)


def _swapped_profile() -> bytes:
    """sRGB with the red and green colorants exchanged."""
    raw = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(raw[128:132], "big")
    tags = {bytes(raw[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    raw[red : red + 4], raw[green : green + 4] = b"gXYZ", b"rXYZ"
    text = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(bytes(raw)))).strip()
    wide = text.encode("utf-16-be")
    at = raw.find(wide)
    raw[at : at + 2] = "x".encode("utf-16-be")  # another name, or it is taken for sRGB
    return bytes(raw)
