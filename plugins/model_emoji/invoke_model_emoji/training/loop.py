"""Runs a stage until its budget is spent: weights averaged over processes and time, checkpoints, log, progress."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import distributed, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from invoke_model_emoji.training.log import Log
from invoke_model_emoji.training.settings import Budget, Settings
from invoke_model_emoji.training.stages import Stage
from invoke_model_emoji.training.supply import Supply

_START_STEPS = 300
#: After so many steps, the processes average their weights, and the moving average takes them in.
_TOGETHER_EVERY = 8
_CLIP = 1.0
_BETAS = (0.9, 0.98)

#: Told after every step: the loss, and the share of the budget that is spent.
Told = Callable[[float, float], None]


def train(
    name: str, stage: Stage, supply: Supply, settings: Settings, rank: int, log: Log | None, told: Told
) -> dict[str, torch.Tensor]:
    """Train the stage to the end of its budget, from its last checkpoint if any; returns its averaged state."""
    budget = settings.budgets[name]
    if settings.device == "cuda":
        stage.to(memory_format=torch.channels_last)
    else:
        _channels_last(stage)
    rates = stage.rates()
    groups = [{"params": params, "share": share} for params, share in rates]
    learning = [each for params, _ in rates for each in params]
    optimizer = torch.optim.AdamW(groups, lr=budget.rate, betas=_BETAS, weight_decay=0.0, fused=True)
    average = AveragedModel(stage, multi_avg_fn=_averaging(budget.ema**_TOGETHER_EVERY))
    file = settings.folder / f"{name}.checkpoint"
    step, spent = _resume(file, stage, average, optimizer, settings.device)
    model: nn.Module = stage
    if settings.compile:
        model = torch.compile(stage, dynamic=False)
    saved = started = time.monotonic()
    before = spent
    while (progress := _progress(budget, step, spent)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = budget.rate * group["share"] * _rate(progress, step, budget)
        torch.manual_seed(hash((settings.seed, rank, step)) % 2**31)
        batch = supply.batch(step, rank, budget.batch, unnamed=stage.unnamed)
        with torch.autocast(settings.device, torch.bfloat16):
            loss = model(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(learning, _CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        together = step % _TOGETHER_EVERY == 0 or step == budget.steps
        if together:
            if settings.processes > 1:
                _average(learning, settings.processes)
            average.update_parameters(stage)
            spent = _agreed(before + time.monotonic() - started, settings.processes)
        if rank == 0:
            now = float(loss.detach())
            told(now, _progress(budget, step, spent))
            if log is not None:
                samples = step * budget.batch * settings.processes
                log.row(name, step, samples, spent, now, optimizer.param_groups[0]["lr"])
            if together and time.monotonic() - saved > settings.checkpoint_s:
                _save(file, stage, average, optimizer, step, spent)
                saved = time.monotonic()
    if rank == 0:
        _save(file, stage, average, optimizer, step, spent)
        if log is not None:
            log.end()
    return {key: value.cpu() for key, value in average.module.state_dict().items()}


@contextmanager
def processes(rank: int, count: int, port: int) -> Iterator[None]:
    """Join the group of processes that average their weights."""
    if count == 1:
        yield
        return
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=count)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _averaging(decay: float) -> Callable[[list[torch.Tensor], list[torch.Tensor], torch.Tensor | int], None]:
    """A moving average that forgets faster at the start, when what it remembers is noise."""

    def update(kept: list[torch.Tensor], new: list[torch.Tensor], updates: torch.Tensor | int) -> None:
        count = int(updates)
        get_ema_multi_avg_fn(min(decay, (1 + count) / (10 + count)))(kept, new, updates)

    return update


def _average(learning: list[nn.Parameter], count: int) -> None:
    """Give all processes the mean of their weights (local SGD, Stich 2019, arXiv 1805.09767).

    Torch's own averager loses the memory format of the weights, and with it half of the speed.
    """
    with torch.no_grad():
        flat = torch.cat([each.reshape(-1) for each in learning])
        distributed.all_reduce(flat)
        for each, mean in zip(learning, flat.div_(count).split([each.numel() for each in learning]), strict=True):
            each.copy_(mean.view_as(each))


def _progress(budget: Budget, step: int, spent_s: float) -> float:
    share = step / budget.steps
    return share if budget.minutes is None else max(share, spent_s / (60 * budget.minutes))


def _rate(progress: float, step: int, budget: Budget) -> float:
    start = min(1.0, (step + 1) / min(_START_STEPS, max(1, budget.steps // 10)))
    if progress <= 1 - budget.cooling:
        return start
    return start * 0.5 * (1 + math.cos(math.pi * (progress - 1 + budget.cooling) / budget.cooling))


def _agreed(seconds: float, count: int) -> float:
    """The time all processes go by: the first one's."""
    if count == 1:
        return seconds
    clock = torch.tensor([seconds], dtype=torch.float64)
    distributed.broadcast(clock, 0)
    return float(clock)


def _channels_last(stage: Stage) -> None:
    """On CPUs, too, convolutions are several times faster with channels last."""
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)


def _save(
    file: Path, stage: Stage, average: AveragedModel, optimizer: torch.optim.Optimizer, step: int, spent: float
) -> None:
    part = file.with_suffix(".part")
    torch.save(
        {
            "stage": stage.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
            "spent_s": spent,
        },
        part,
    )
    part.replace(file)


def _resume(
    file: Path, stage: Stage, average: AveragedModel, optimizer: torch.optim.Optimizer, device: str
) -> tuple[int, float]:
    if not file.exists():
        return 0, 0.0
    state = torch.load(file, map_location=device, weights_only=True)
    stage.load_state_dict(state["stage"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), float(state["spent_s"])


def wait_for_all(count: int) -> None:
    """Return when all processes have come here."""
    if count > 1:
        distributed.barrier()
