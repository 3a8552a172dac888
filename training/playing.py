"""Who speaks for the policy during a step's episodes: its own weights in this process, or a server that is given them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from training import checkpoints, crew
from training.decoder import load_policy
from training.endpoint import Endpoint
from training.generating import Prompt, Said, Say, generate
from training.settings import GrpoSettings

Refresh = Callable[[], None]
"""Gives whoever speaks the weights of now; every rank takes part."""


def speaker(settings: GrpoSettings, engine: Any, start: Path, tokenizer: Any) -> tuple[Say, Refresh]:
    """Who speaks, and how it is given new weights."""
    if settings.endpoint is not None:
        return _served(settings, engine, tokenizer)
    model = engine.module if settings.zero < 3 else load_policy(start).to(engine.device, next(engine.module.parameters()).dtype)

    def say(prompts: Sequence[Prompt]) -> list[Said]:
        return generate(model, tokenizer, prompts, temperature=settings.temperature, most=settings.reply, batch=settings.speaking)

    return say, (lambda: None) if settings.zero < 3 else (lambda: copy_weights(engine, model))


def copy_weights(engine: Any, model: Any) -> None:
    """Copies weights that lie in parts on the ranks (ZeRO 3) into a whole model on each."""
    zero: Any = import_module("deepspeed").zero  # it carries no types
    for source, target in zip(engine.module.parameters(), model.parameters(), strict=True):
        with zero.GatheredParameters([source]), torch.no_grad():
            target.copy_(source)


def _served(settings: GrpoSettings, engine: Any, tokenizer: Any) -> tuple[Say, Refresh]:
    endpoint = Endpoint(str(settings.endpoint), settings.temperature, settings.reply)
    folder = settings.folder / "speaking"

    def refresh() -> None:
        checkpoints.export(engine, tokenizer, folder, crew.first())
        if crew.first():
            endpoint.reload(folder)
        crew.gather(None)

    return endpoint.say, refresh
