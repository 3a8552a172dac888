"""A store with tasks to practise on, and a small policy that does them right about half the time: something for GRPO to decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch

from artifacts.agent_task import AgentTask
from artifacts.history import places
from artifacts.world import World
from containers.episodes.episode import FORMS
from containers.episodes.turns import Answer, Asked, Calls, in_order
from training.decoder import Shape, inputs_of, loss_of, new_decoder
from training.examples import Example, counted, examples_of, row_of
from training.tokens import new_tokenizer, texts_of

FORM = FORMS["native"]
SHAPE = Shape(vocabulary=400, hidden=48, layers=2, heads=2, context=512)
LESSONS, BATCH, PACE = 160, 8, 4e-3


def conversation(world: World, task: AgentTask, answer: str) -> list[dict[str, Any]]:
    """An episode: the note is read, and an answer given."""
    asked = Asked("read_note", {}, "call_0_0")
    back = {"result": [{"text": f"note {world.recipe.seed}"}]}
    return [
        *FORM.opening(task.instruction),
        FORM.encode(Calls((asked,)), 0),
        *FORM.results([(asked, back)]),
        FORM.encode(Answer(answer), 1),
    ]


def undecided_policy(worlds: Sequence[World], folder: Path) -> None:
    """Saves a policy that reads the note, and then tells it or says nothing of it."""
    torch.manual_seed(0)
    pairs = [(world, task, answer) for world in worlds for task in world.tasks for answer in (f"note {world.recipe.seed}", "nothing")]
    played = [(world, conversation(world, task, answer)) for world, task, answer in pairs]
    tokenizer = new_tokenizer((text for _, messages in played for text in texts_of(messages)), SHAPE.vocabulary)
    examples = [example for world, messages in played for example in shown(tokenizer, world, messages)]
    model = new_decoder(SHAPE, tokenizer, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PACE)
    draws = Random(0)  # noqa: S311  # variety, not secrecy
    for _ in range(LESSONS):
        rows = [row_of([one]) for one in draws.sample(examples, BATCH)]
        optimizer.zero_grad()
        torch.autograd.backward(loss_of(model, inputs_of(rows, tokenizer.pad_token_id)) / counted(rows))
        optimizer.step()
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def shown(tokenizer: Any, world: World, messages: list[dict[str, Any]]) -> tuple[Example, ...]:
    """The examples of an episode, with the tools as they stand in its requests."""
    listing = in_order(tuple({"name": t.name, "description": t.description, "inputSchema": t.parameters} for t in world.tools))
    return examples_of(tokenizer, messages, places(messages), most=10_000, tools=FORM.options(listing)["tools"]).examples
