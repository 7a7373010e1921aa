"""The nodes that a text-to-image graph of InvokeAI may have, and what their fields mean here.

Types, fields and defaults are the reference's (invocations of 6.14; its section 7.2 and 7.3). What a field has no
meaning for here stands with the reason, because that is what the client is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

Scalar: TypeAlias = Literal["integer", "number", "text"]


@dataclass(frozen=True, slots=True)
class Value:
    """A number or text that says something about the picture: written into the node, or from a primitive's edge."""

    kind: Scalar
    default: Any
    linkable: bool = True


@dataclass(frozen=True, slots=True)
class Fixed:
    """A field that has these values and no others, because `why`."""

    allowed: tuple[Any, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Idle:
    """A field that changes how, and not what, is made; any value of this type is taken and none has an effect."""

    kind: Literal["boolean", "integer", "number"]


@dataclass(frozen=True, slots=True)
class Link:
    """An input that only edges reach, from one of these outputs (type and field)."""

    sources: frozenset[tuple[str, str]]
    needed: bool = True
    many: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """An input that must stay empty, because `why`."""

    why: str


@dataclass(frozen=True, slots=True)
class Special:
    """A field with a reader of its own (`specials`)."""

    reader: Literal["model", "board", "size"]


Field: TypeAlias = Value | Fixed | Idle | Link | Closed | Special


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of node. `open`: it only describes, and takes any field, or `DESCRIBED` in its place."""

    outputs: frozenset[str]
    fields: Mapping[str, Field] = field(default_factory=lambda: MappingProxyType({}))
    open: bool = False


#: Fields that all nodes have; of no meaning here but for `is_intermediate` of the output.
COMMON: Final = frozenset({"id", "type", "is_intermediate", "use_cache", "version"})

PRIMITIVES: Final[Mapping[str, frozenset[Scalar]]] = MappingProxyType(
    {
        "integer": frozenset({"integer", "number"}),
        "float": frozenset({"number"}),
        "string": frozenset({"text"}),
    }
)

LOADERS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"main_model_loader": frozenset({"sd-1", "sd-2"}), "sdxl_model_loader": frozenset({"sdxl"})}
)
OUTPUT: Final = "l2i"
METADATA: Final = "core_metadata"

_IMG2IMG = "pictures are made from noise alone here, not from other pictures"
_CONTROL = "this host has no control adapters"


def _link(*sources: str, needed: bool = True, many: bool = False) -> Link:
    """Outputs are written as `type.field`."""
    pairs = (source.split(".") for source in sources)
    return Link(frozenset((kind, name) for kind, name in pairs), needed, many)


def _kind(*outputs: str, **fields: Field) -> Kind:
    return Kind(frozenset(outputs), MappingProxyType(fields))


_CONDITIONING = ("collect.collection", "compel.conditioning", "sdxl_compel_prompt.conditioning")
_SDXL_SIZE = Special("size")
_NO_CROP = Fixed((0,), "pictures are not cropped; leave it 0")

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "integer": _kind("value", value=Value("integer", 0, linkable=False)),
        "float": _kind("value", value=Value("number", 0.0, linkable=False)),
        "string": _kind("value", value=Value("text", "", linkable=False)),
        "main_model_loader": _kind("unet", "clip", "vae", model=Special("model")),
        "sdxl_model_loader": _kind("unet", "clip", "clip2", "vae", model=Special("model")),
        "clip_skip": _kind(
            "clip",
            clip=_link("main_model_loader.clip"),
            skipped_layers=Fixed((0,), "this host uses all layers of the text encoder; send 0, or leave the node out"),
        ),
        "compel": _kind(
            "conditioning",
            prompt=Value("text", ""),
            clip=_link("main_model_loader.clip", "clip_skip.clip"),
            mask=Closed("prompts for a part of the picture are not supported"),
        ),
        "sdxl_compel_prompt": _kind(
            "conditioning",
            prompt=Value("text", ""),
            style=Value("text", ""),
            clip=_link("sdxl_model_loader.clip"),
            clip2=_link("sdxl_model_loader.clip2"),
            original_width=_SDXL_SIZE,
            original_height=_SDXL_SIZE,
            target_width=_SDXL_SIZE,
            target_height=_SDXL_SIZE,
            crop_top=_NO_CROP,
            crop_left=_NO_CROP,
            mask=Closed("prompts for a part of the picture are not supported"),
        ),
        "collect": _kind(
            "collection",
            item=_link("compel.conditioning", "sdxl_compel_prompt.conditioning"),
            collection=Closed("connect the prompt to item"),
        ),
        "noise": _kind(
            "noise",
            "width",
            "height",
            seed=Value("integer", 0),
            width=Value("integer", 512),
            height=Value("integer", 512),
            use_cpu=Fixed(
                (True,), "noise is drawn on the CPU, so that a seed makes the same picture on all devices; send true"
            ),
            noise_type=Fixed(("SD",), "only the noise of Stable Diffusion is there; send 'SD'"),
        ),
        "denoise_latents": _kind(
            "latents",
            "width",
            "height",
            unet=_link("main_model_loader.unet", "sdxl_model_loader.unet"),
            positive_conditioning=_link(*_CONDITIONING),
            negative_conditioning=_link(*_CONDITIONING),
            noise=_link("noise.noise"),
            steps=Value("integer", 10),
            cfg_scale=Value("number", 7.5),
            scheduler=Value("text", "euler", linkable=False),
            cfg_rescale_multiplier=Fixed((0, 0.0), "guidance is not rescaled here; send 0"),
            denoising_start=Fixed((0, 0.0), f"{_IMG2IMG}; send 0"),
            denoising_end=Fixed((1, 1.0), "there is no refiner, so denoising goes to its end; send 1"),
            latents=Closed(_IMG2IMG),
            denoise_mask=Closed("there is no inpainting here"),
            control=Closed(_CONTROL),
            ip_adapter=Closed(_CONTROL),
            t2i_adapter=Closed(_CONTROL),
            hidiffusion=Fixed((False,), "HiDiffusion is not there; send false"),
            hidiffusion_raunet=Idle("boolean"),
            hidiffusion_window_attn=Idle("boolean"),
            hidiffusion_t1_ratio=Idle("number"),
            hidiffusion_t2_ratio=Idle("number"),
        ),
        "l2i": _kind(
            "image",
            "width",
            "height",
            latents=_link("denoise_latents.latents"),
            vae=_link("main_model_loader.vae", "sdxl_model_loader.vae"),
            fp32=Idle("boolean"),
            tiled=Idle("boolean"),
            tile_size=Idle("integer"),
            board=Special("board"),
            metadata=_link("core_metadata.metadata", needed=False),
        ),
        "core_metadata": Kind(frozenset({"metadata"}), open=True),
    }
)

#: Outputs that may be described. None of them comes of what a description leads to, so nothing goes round in a circle.
DESCRIBED: Final = frozenset(
    {("integer", "value"), ("float", "value"), ("string", "value"), ("noise", "width"), ("noise", "height")}
)

#: What to do about types that are something else in InvokeAI, by how they begin; the first that fits.
_ADVICE: Final[tuple[tuple[str, str], ...]] = (
    ("i2l", f"{_IMG2IMG}; leave out the node and send denoising_start 0"),
    ("img_resize", "pictures are made at the size that is asked for; set it at the noise node and leave this node out"),
    ("img_nsfw", "this host does not look for nudity; leave the node out"),
    ("img_watermark", "this host sets no watermarks; leave the node out"),
    ("vae_loader", "the model's own VAE is used; connect vae of the model loader instead"),
    ("seamless", "seamless tiling is not there; connect the model loader without it"),
    ("lora", "there are no LoRAs on this host; leave the node out and connect the model loader directly"),
    ("sdxl_lora", "there are no LoRAs on this host; leave the node out and connect the model loader directly"),
    ("sdxl_refiner", "there is no refiner on this host; leave the node out"),
    ("controlnet", f"{_CONTROL}; leave the node out"),
    ("ip_adapter", f"{_CONTROL}; leave the node out"),
    ("t2i_adapter", f"{_CONTROL}; leave the node out"),
    ("create_gradient_mask", "there is no inpainting here"),
    ("create_denoise_mask", "there is no inpainting here"),
    ("rand", "ask for random seeds by drawing them at the client, or leave the seed to POST .../generate"),
    ("flux", "only Stable Diffusion 1, 2 and XL graphs are read"),
    ("sd3", "only Stable Diffusion 1, 2 and XL graphs are read"),
    ("cogview", "only Stable Diffusion 1, 2 and XL graphs are read"),
)


def advice(kind: str) -> str:
    """What to do about a node of a type that is not there."""
    for beginning, text in _ADVICE:
        if kind.startswith(beginning):
            return f"nodes of the type {kind[:60]!r} are not supported: {text}"
    return (
        f"nodes of the type {kind[:60]!r} are not supported: this host makes pictures from text, with the nodes "
        f"{', '.join(KINDS)}"
    )
