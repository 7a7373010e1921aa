"""The model `emoji`: a Stable Diffusion pipeline of 50 MB that draws a thousand things as pictures of 128 px."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from invoke_host.api import ModelDefaults, ModelOffer, PluginManifest, hookimpl

#: What requests get that say nothing: the best that stays below a second on two cores, as MODEL_CARD.md has measured.
DEFAULTS = ModelDefaults(width=256, height=256, steps=8, cfg_scale=3.0, scheduler="dpmpp_2m")

#: Samplers that draw what was asked for; the table of measurements is in README.md.
SCHEDULERS = frozenset(
    {
        "ddim",
        "ddpm",
        "deis",
        "deis_k",
        "dpmpp_2m",
        "dpmpp_2m_k",
        "dpmpp_2m_sde",
        "dpmpp_2m_sde_k",
        "dpmpp_2s",
        "dpmpp_2s_k",
        "dpmpp_3m",
        "dpmpp_3m_k",
        "dpmpp_sde",
        "dpmpp_sde_k",
        "euler",
        "euler_a",
        "euler_k",
        "heun",
        "heun_k",
        "kdpm_2",
        "kdpm_2_a",
        "kdpm_2_a_k",
        "kdpm_2_k",
        "lcm",
        "lms",
        "lms_k",
        "pndm",
        "tcd",
        "unipc",
        "unipc_k",
    }
)

#: Why the others are not offered.
REFUSALS: dict[str, str] = {}

OFFER = ModelOffer(
    key="emoji",
    name="Emoji",
    path=Path(__file__).parent / "emoji",
    description="About a thousand emoji concepts, in eleven colours, on coloured grounds, alone or in pairs; "
    "made at 128 px, then scaled.",
    source="invoke-host-model-emoji",
    native_size=(128, 128),
    schedulers=SCHEDULERS,
    refusals=REFUSALS,
    formerly=("emoji-baseline", "Emoji Baseline"),
    default=True,
    defaults=DEFAULTS,
)


class EmojiModelPlugin:
    """What the entry point `model_emoji` names."""

    manifest = PluginManifest(
        name="model_emoji",
        api=">=1.0,<2",
        provides=frozenset({"model"}),
        description="The small built-in text-to-image model.",
    )

    @hookimpl
    def invoke_models(self) -> Iterable[ModelOffer]:
        """The one model of this package."""
        return [OFFER]


plugin = EmojiModelPlugin()
