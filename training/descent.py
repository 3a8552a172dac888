"""One optimizer step of all ranks: gradients of portions that need not be equally many, and a stop where a figure is no number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

import torch
import torch.distributed as dist

from artifacts.errors import TerminalError
from training import crew
from training.settings import JobSettings, config_of

Portion = TypeVar("Portion")


class Descent(NamedTuple):
    """What a step was: the mean loss, the learning rate, and the gradient's norm before clipping where it is known."""

    loss: float
    learning_rate: float
    gradient: float | None


def engine_of(settings: JobSettings, model: Any, reshaped: bool) -> Any:
    """DeepSpeed's engine around a model; `reshaped` where it is to load what another number of ranks saved."""
    deepspeed: Any = import_module("deepspeed")
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.decay, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (settings.warmup + 1)))
    return deepspeed.initialize(model=model, optimizer=optimizer, lr_scheduler=schedule, config=config_of(settings, reshaped))[0]


def descend(engine: Any, portions: Sequence[Portion], loss_of: Callable[[Portion | None], torch.Tensor], count: int, step: int) -> Descent:
    """One step on the sum of the portions' losses over all ranks, divided by `count`.

    A rank with fewer portions than another takes part with None, which must give a loss of 0 that depends on the model.
    Raises TerminalError where the loss or the gradient is no number; the step is then not kept.
    """
    rounds = max(1, int(crew.agreed([float(len(portions))], "max", engine.device)[0]))
    share = dist.get_world_size() / max(count, 1)
    total = 0.0
    for number in range(rounds):
        loss = loss_of(portions[number] if number < len(portions) else None)
        engine.set_gradient_accumulation_boundary(number == rounds - 1)
        engine.backward(loss * share)
        total += float(loss.detach())
    mean = crew.agreed([total], "sum", engine.device)[0] / max(count, 1)
    if not math.isfinite(mean):
        raise _no_number(f"The loss is {mean} at step {step}: training stopped before it took the step.")
    rate = float(engine.get_lr()[0])
    engine.step()
    norm = engine.get_global_grad_norm()
    if norm is not None and not math.isfinite(float(norm)):
        raise _no_number(f"The gradient's norm is {float(norm)} at step {step}: training stopped, and this step is not kept.")
    return Descent(mean, rate, None if norm is None else float(norm))


def _no_number(message: str) -> TerminalError:
    return TerminalError(message, "Lower --learning-rate, and resume from the last checkpoint with --resume.")
