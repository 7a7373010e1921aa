"""The networks, as diffusers and transformers know them: a plain `StableDiffusionPipeline`, only small."""

from __future__ import annotations

from dataclasses import dataclass

from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

#: Pixels of a side, natively, and of what one latent stands for.
SIZE, PATCH = 128, 8
#: Tokens of a prompt, the first and the last mark included.
PROMPT_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels of every network."""

    latent: int = 16
    decoder: tuple[int, ...] = (32, 64, 96, 128)
    text: int = 256
    text_layers: int = 3
    unet: tuple[int, ...] = (64, 128, 288)
    unet_layers: int = 1


def build_vae(widths: Widths) -> AutoencoderKL:
    """(n, 3, 128, 128) in -1..1 from and to (n, latent, 16, 16)."""
    levels = len(widths.decoder)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=widths.decoder,
        layers_per_block=1,
        latent_channels=widths.latent,
        norm_num_groups=8,
        sample_size=SIZE,
        scaling_factor=1.0,
        force_upcast=False,
        mid_block_add_attention=False,
    )


def build_text_encoder(widths: Widths, vocabulary: int, *, start: int, end: int) -> CLIPTextModel:
    """(n, PROMPT_TOKENS) token ids to (n, PROMPT_TOKENS, text)."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=widths.text,
            intermediate_size=4 * widths.text,
            projection_dim=widths.text,
            num_hidden_layers=widths.text_layers,
            num_attention_heads=4,
            max_position_embeddings=PROMPT_TOKENS,
            hidden_act="gelu",
            bos_token_id=start,
            eos_token_id=end,
            pad_token_id=end,
        )
    )


def build_unet(widths: Widths) -> UNet2DConditionModel:
    """Predicts the velocity (n, latent, 16, 16); attends to the text at the lowest level only.

    `addition_embed_type="text"` adds the text, pooled by attention, to the embedding of the timestep: what a small
    network learns to follow much sooner than attention between latents and tokens.
    """
    lower = len(widths.unet) - 1
    return UNet2DConditionModel(
        sample_size=SIZE // PATCH,
        in_channels=widths.latent,
        out_channels=widths.latent,
        block_out_channels=widths.unet,
        layers_per_block=widths.unet_layers,
        down_block_types=("DownBlock2D",) * lower + ("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * lower,
        cross_attention_dim=widths.text,
        attention_head_dim=4,  # the number of heads, whatever its name says
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        encoder_hid_dim=widths.text,
        encoder_hid_dim_type="text_proj",
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def build_scheduler() -> DPMSolverMultistepScheduler:
    """The noise of training and the default sampler.

    The largest sigma is about 120: enough that nothing of the picture is left (the ground's colour survives a sigma of
    15, Lin et al. 2023, arXiv 2305.08891), and not so much that samplers with Karras's spacing or two stages lose all
    precision.
    """
    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.0001,
        beta_end=0.027,
        prediction_type="v_prediction",
        algorithm_type="dpmsolver++",
        solver_order=2,
        timestep_spacing="trailing",
        steps_offset=1,  # means nothing with this spacing, but the pipeline warns of any other value
    )
    # for the samplers that are made from this one: latents go beyond -1..1, and DDIM, DDPM, LCM and TCD clip by default
    scheduler.register_to_config(clip_sample=False, set_alpha_to_one=False)
    return scheduler
