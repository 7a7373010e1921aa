"""From any picture to upright sRGB in eight bits, with or without transparency."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image, ImageCms, ImageOps


def plain(image: Image.Image) -> Image.Image:
    """The first frame as RGB, or RGBA where something may be transparent, turned as its EXIF says."""
    # A damaged EXIF block, colour profile or palette hint must not cost the picture.
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    profile = _profile(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    space = "" if profile is None else profile.profile.xcolor_space.strip()
    if profile is not None and (space, image.mode) in (("CMYK", "CMYK"), ("GRAY", "L")):
        with suppress(ImageCms.PyCMSError, ValueError, OSError):
            image = _to_srgb(image, profile) or image
            profile = None
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if profile is not None and space == "RGB":
        with suppress(ImageCms.PyCMSError, ValueError, OSError):
            ImageCms.profileToProfile(image, profile, _SRGB, inPlace=True)
    return image


def visible_part(image: Image.Image) -> Image.Image:
    """Without the fully transparent border; a picture that is all transparent stays as it is."""
    if image.mode != "RGBA":
        return image
    box = image.getbbox(alpha_only=True)
    return image if box is None or box == (0, 0, *image.size) else image.crop(box)


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """The picture within `side` by `side`; never larger than it is."""
    factor = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


_SRGB = ImageCms.createProfile("sRGB")


def _profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """The colour profile, unless there is none that can be read, or it is the one that is wanted anyway."""
    raw = image.info.get("icc_profile")
    if not isinstance(raw, bytes) or not raw:
        return None
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(raw))
        return None if ImageCms.getProfileDescription(found).startswith("sRGB") else found
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image | None:
    return ImageCms.profileToProfile(image, profile, _SRGB, outputMode="RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen bits of grey to eight. Pillow's own conversion cuts off everything above 255."""
    image.info.pop("transparency", None)  # a sixteen-bit value, no grey of the result
    if image.mode == "F":
        return image.convert("L")
    return image.point(lambda value: value * (1 / 256)).convert("L")
