"""The model `emoji-baseline`: a Stable Diffusion pipeline of 26 MB that makes 64 px pictures of 209 emoji."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from invoke_host.api import ModelDefaults, ModelOffer, PluginManifest, hookimpl

#: Samplers that agree with the default at 12 to 50 steps; the table of measurements is in README.md.
SCHEDULERS = frozenset(
    {
        "ddim",
        "ddpm",
        "deis",
        "dpmpp_2m",
        "dpmpp_2m_sde",
        "dpmpp_2s",
        "dpmpp_3m",
        "dpmpp_sde",
        "dpmpp_sde_k",
        "euler",
        "euler_a",
        "euler_k",
        "lcm",
        "lms",
        "lms_k",
        "pndm",
        "tcd",
        "unipc",
    }
)

_TOO_NOISY = "the model's largest sigma is 20,291, with which it loses all precision in the first step"
_SAME_STEP = "with the model's noise schedule Karras spacing puts several steps on one timestep, which it can't solve"

#: Why the others are not offered.
REFUSALS = {
    **dict.fromkeys(("heun", "heun_k", "kdpm_2", "kdpm_2_k", "kdpm_2_a", "kdpm_2_a_k"), _TOO_NOISY),
    **dict.fromkeys(("deis_k", "dpmpp_2s_k", "dpmpp_2m_k", "dpmpp_2m_sde_k", "dpmpp_3m_k", "unipc_k"), _SAME_STEP),
}

OFFER = ModelOffer(
    key="emoji-baseline",
    name="Emoji Baseline",
    path=Path(__file__).parent / "emoji_baseline",
    description="Small pictures of some 200 emoji concepts on plain or coloured ground; made at 64 px, then scaled.",
    source="invoke-host-model-emoji",
    native_size=(64, 64),
    schedulers=SCHEDULERS,
    refusals=REFUSALS,
    default=True,
    defaults=ModelDefaults(width=256, height=256, steps=12, cfg_scale=3.0, scheduler="dpmpp_2m"),
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
