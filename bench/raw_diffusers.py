"""The peer of bench.overhead: StableDiffusionPipeline in one process, nothing around it.

`python -m bench.raw_diffusers MODEL THREADS` loads the model, then answers each JSON line on stdin (prompt, seed,
count, steps, cfg_scale, scheduler, width, height) with one on stdout: wall and CPU seconds, SHA-256 of each picture's
pixels.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from typing import Any

import diffusers
import torch
from diffusers import StableDiffusionPipeline

from invoke_host.generation.schedulers import SCHEDULERS


def main() -> None:
    """Serve requests from stdin until it ends."""
    torch.set_num_threads(int(sys.argv[2]))
    torch.set_grad_enabled(False)
    pipeline = StableDiffusionPipeline.from_pretrained(sys.argv[1], safety_checker=None, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_serve(pipeline, json.loads(line))), flush=True)


def _serve(pipeline: Any, wish: dict[str, Any]) -> dict[str, Any]:

    spec = SCHEDULERS[wish["scheduler"]]
    scheduler_class = getattr(diffusers, spec.diffusers_class)
    pipeline.scheduler = scheduler_class.from_config(pipeline.scheduler.config, **spec.overrides)
    started, cpu_started, digests = time.monotonic(), time.process_time(), []
    for index in range(wish["count"]):
        image = pipeline(
            prompt=wish["prompt"],
            num_inference_steps=wish["steps"],
            guidance_scale=wish["cfg_scale"],
            width=wish["width"],
            height=wish["height"],
            generator=torch.Generator("cpu").manual_seed(wish["seed"] + index),
        ).images[0]
        digests.append(hashlib.sha256(image.tobytes()).hexdigest())
    return {"wall_s": time.monotonic() - started, "cpu_s": time.process_time() - cpu_started, "sha256": digests}


if __name__ == "__main__":
    main()
