"""The networks, as diffusers and transformers know them: a plain `StableDiffusionPipeline`, only small."""

from __future__ import annotations

from dataclasses import dataclass

from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

#: Pixels of a side, natively, and of what one latent stands for.
SIZE, PATCH = 128, 16
#: The text encoder's last tokens, one for each cell of 2 x 2 latents, row by row, say what it expects to be drawn
#: there, which spares the UNet to find out (registers, Darcet et al. 2023, arXiv 2309.16588).
REGISTERS = 16
#: Channels of the UNet that say where a latent is, and nothing else.
PLACE_CHANNELS = 32
#: Tokens of a prompt, the first and the last mark and the registers included.
PROMPT_TOKENS = 24 + REGISTERS


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels of every network."""

    latent: int = 64
    decoder: tuple[int, ...] = (32, 64, 96, 128, 128)
    text: int = 384
    text_layers: int = 2
    unet: tuple[int, ...] = (256,)
    time: int = 384
    unet_layers: int = 2


def build_vae(widths: Widths) -> AutoencoderKL:
    """(n, 3, 128, 128) in -1..1 from and to (n, latent, 8, 8)."""
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
            num_attention_heads=6,
            max_position_embeddings=PROMPT_TOKENS,
            hidden_act="gelu",
            bos_token_id=start,
            eos_token_id=end,
            pad_token_id=end,
        )
    )


def build_unet(widths: Widths) -> UNet2DConditionModel:
    """Predicts the velocity (n, latent, 8, 8); attends to the text at its lowest level, on the way up.

    `addition_embed_type="text"` adds the text, pooled by attention, to the embedding of the timestep: what a small
    network learns to follow much sooner than attention between latents and tokens.
    """
    levels = len(widths.unet)
    return UNet2DConditionModel(
        sample_size=SIZE // PATCH,
        in_channels=widths.latent,
        out_channels=widths.latent,
        block_out_channels=widths.unet,
        layers_per_block=widths.unet_layers,
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
        time_embedding_dim=widths.time,
        cross_attention_dim=widths.text,
        attention_head_dim=4,  # the number of heads, whatever its name says
        norm_num_groups=16,
        mid_block_type=None,
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
