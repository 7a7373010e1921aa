"""The trained parts as one folder that `StableDiffusionPipeline.from_pretrained` loads: float16 safetensors."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers.utils import logging as diffusers_logging
from transformers import CLIPTokenizer, logging

from invoke_model_emoji.data import drawings, vocabulary
from invoke_model_emoji.networks import build_scheduler, build_text_encoder, build_unet, build_vae
from invoke_model_emoji.training.settings import Settings


def export(settings: Settings) -> Path:
    """Write `folder/model` from the finished stages; a stage still in training gives its last checkpoint's average.

    Beside the pipeline's parts lies `concepts.json`, the words that the model was trained on.
    """
    _quiet()
    from diffusers import StableDiffusionPipeline  # slow, and the processes that train don't need it

    tokenizer = CLIPTokenizer.from_pretrained(settings.folder / "tokenizer")
    vae = build_vae(settings.widths)
    decoder, encoder, denoiser = (_state(settings.folder, each) for each in ("decoder", "encoder", "denoiser"))
    vae.decoder.load_state_dict(_below(decoder, "decoder."))
    vae.post_quant_conv.load_state_dict(_below(decoder, "post."))
    vae.encoder.load_state_dict(_below(encoder, "encoder."))
    vae.quant_conv.load_state_dict(_below(encoder, "quant."))
    unet = build_unet(settings.widths)
    unet.load_state_dict(_below(denoiser, "unet."))
    text = build_text_encoder(settings.widths, len(tokenizer), start=tokenizer.bos_token_id, end=tokenizer.eos_token_id)
    text.load_state_dict(_below(denoiser, "text."))
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to(dtype=torch.float16)
    target = settings.folder / "model"
    pipeline.save_pretrained(target)
    vocabulary.write(drawings.load(settings.cache, settings.styles), target)
    return target


def _quiet() -> None:
    """No bars of the libraries and no hints: of torchvision, which isn't needed, and of float16, which is meant."""
    for each in (logging, diffusers_logging):
        each.set_verbosity_error()
        each.disable_progress_bar()


def _state(folder: Path, stage: str) -> dict[str, torch.Tensor]:
    finished = folder / f"{stage}.finished"
    if finished.exists():
        state: dict[str, torch.Tensor] = torch.load(finished, weights_only=True)
        return state
    average = torch.load(folder / f"{stage}.checkpoint", map_location="cpu", weights_only=True)["average"]
    return {key.removeprefix("module."): value for key, value in average.items() if key.startswith("module.")}


def _below(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
