"""What the whole host costs per picture: 50 queued items against StableDiffusionPipeline in one process.

Same model folder, size, steps, scheduler, seeds and torch threads; the pixels must be equal. Rounds alternate while the
other side is idle, so that a busy neighbour of this machine hits both.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psutil
from PIL import Image

from bench.measure import ROOT, median, report, tree_cpu_s
from scripts.client import ask, fetch
from scripts.host_process import running_host

ITEMS = 50
ROUNDS = 3
THREADS = 1
BAR_RATIO = 0.95
#: Everything that the raw pipeline must be told too, so that no default can differ.
WISH: dict[str, Any] = {"steps": 12, "cfg_scale": 3.5, "scheduler": "dpmpp_2m", "width": 64, "height": 64}
PROMPT = "a red apple"
POLL_S = 0.1
CONFIG = f"""
[generation]
devices = ["cpu"]
threads = {THREADS}
default_model = "bench"
"""


class Raw:
    """The peer process of bench.raw_diffusers, with its model loaded."""

    def __init__(self, model: Path, log: IO[bytes]) -> None:
        command = [sys.executable, "-m", "bench.raw_diffusers", str(model), str(THREADS)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=log, text=True)
        self._answer()

    def make(self, seed: int, count: int) -> dict[str, Any]:
        """Seconds and digests of `count` pictures, seeds from `seed` on."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"prompt": PROMPT, "seed": seed, "count": count, **WISH}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"bench.raw_diffusers ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def through_host(url: str, process: psutil.Process, seed: int, count: int) -> dict[str, Any]:
    """The same through queue, worker, save protocol and database; digests are those of the pictures as served."""
    cpu_before, started = tree_cpu_s(process), time.time()
    body = {"positive_prompt": PROMPT, "seed": seed, "count": count, **WISH}
    enqueued = ask(f"{url}/api/v1/queue/default/generate", body)
    status_url = f"{url}/api/v1/queue/default/b/{enqueued['batch']['batch_id']}/status"
    while (status := ask(status_url))["pending"] + status["in_progress"] > 0:
        time.sleep(POLL_S)
    if status["completed"] != count:
        raise SystemExit(f"the host completed {status['completed']} of {count} items: {status}")
    cpu_s = tree_cpu_s(process) - cpu_before
    items = ask(f"{url}/api/v1/queue/default/items_by_ids", {"item_ids": enqueued["item_ids"]})
    items.sort(key=lambda item: item["item_id"])
    ended = max(datetime.fromisoformat(item["completed_at"]).replace(tzinfo=UTC).timestamp() for item in items)
    digests = [_pixels(fetch(f"{url}/api/v1/images/i/{item['image_names'][0]}/full")) for item in items]
    return {"wall_s": ended - started, "cpu_s": cpu_s, "sha256": digests}


def _pixels(png: bytes) -> str:
    with Image.open(io.BytesIO(png)) as image:
        return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def main() -> dict[str, Any]:
    """Warm both up with one picture, then the rounds; prints the line."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("wb") as output:
        root = Path(folder, "root")
        model = root / "models" / "bench"
        shutil.copytree(next(ROOT.glob("plugins/model_emoji/**/model_index.json")).parent, model)
        (root / "invoke-host.toml").write_text(CONFIG)
        raw = Raw(model, output)
        try:
            with running_host(root, output=output) as host:
                process = psutil.Process(host.process.pid)
                raw.make(0, 1)
                through_host(host.url, process, 0, 1)
                ours, theirs = [], []
                for number in range(ROUNDS):
                    seed = 1000 * number
                    theirs.append(raw.make(seed, ITEMS))
                    ours.append(through_host(host.url, process, seed, ITEMS))
        finally:
            raw.close()
    equal = sum(a == b for mine, peer in zip(ours, theirs, strict=True) for a, b in _pairs(mine, peer))
    ratios = [peer["wall_s"] / mine["wall_s"] for mine, peer in zip(ours, theirs, strict=True)]
    host_cpu, raw_cpu = (median([one["cpu_s"] / ITEMS for one in side]) for side in (ours, theirs))
    return report(
        "overhead",
        {
            "images_per_s_ratio": (median(ratios), ">=", BAR_RATIO),
            "equal_pictures_share": (equal / (ITEMS * ROUNDS), ">=", 1.0),
        },
        host={"images_per_s": ITEMS / median([one["wall_s"] for one in ours]), "cpu_s_per_image": host_cpu},
        raw_diffusers={"images_per_s": ITEMS / median([one["wall_s"] for one in theirs]), "cpu_s_per_image": raw_cpu},
        cpu_ratio=host_cpu / raw_cpu,
        ratios=ratios,
        items=ITEMS,
        rounds=ROUNDS,
        threads=THREADS,
        settings=WISH,
    )


def _pairs(mine: dict[str, Any], peer: dict[str, Any]) -> list[tuple[str, str]]:
    return list(zip(mine["sha256"], peer["sha256"], strict=True))


if __name__ == "__main__":
    main()
