"""What a training run shows in the Prefect UI: a bar and the newest figures while it goes on, a table and a summary when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from tasks.teaching.launching import Figures
from tasks.teaching.order import TrainOrder

MOST_ROWS = 40
EVERY_SECONDS = 3.0
"""How often the bar moves at most: each move is a request to the server."""

SHOWN = ("step", "epoch", "loss", "reward", "success", "learning_rate", "gradient", "samples", "tokens", "too_long", "seconds")
"""Reward and success are GRPO's alone."""


def table(steps: list[Figures]) -> list[dict[str, Any]]:
    """The figures of a run, of at most 40 steps evenly apart, the first and the last among them."""
    last = len(steps) - 1
    places = range(len(steps)) if last < MOST_ROWS else sorted({round(last * number / (MOST_ROWS - 1)) for number in range(MOST_ROWS)})
    return [{name: steps[place][name] for name in SHOWN if name in steps[place]} for place in places]


def summary(order: TrainOrder, steps: list[Figures], out: str) -> str:
    """A run in short, as Markdown."""
    if not steps:
        return f"No step was taken. The log is `{out}/train.log`."
    first, last = steps[0], steps[-1]
    seconds = sum(float(step["seconds"]) for step in steps)
    return "\n".join(
        [
            f"**{order.job}**, {order.ranks} ranks, ZeRO {order.zero}: step {last['step']} of {order.steps}, epoch {last['epoch']}.",
            "",
            f"- {said_of(first)} at step {first['step']}, {said_of(last)} at step {last['step']}",
            f"- {last['samples']} samples; {sum(step['tokens'] for step in steps):,} tokens that counted in {seconds:.0f} s of steps",
            f"- {sum(step['too_long'] for step in steps)} turns were too long and left out",
            f"- checkpoints and policy: `{out}/checkpoints`; the table `checkpoints` names them",
        ]
    )


def said_of(figures: Figures) -> str:
    """How a step went: its loss, and in environments the share of successes; no loss where nothing was learned."""
    loss = "nothing to learn" if figures["loss"] is None else f"loss {figures['loss']:.4f}"
    return f"{loss}, success {figures['success']:.1%}" if "success" in figures else loss


class TrainBoard:
    """The cards of the flow run in hand."""

    def __init__(self, order: TrainOrder, out: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._order = order
        self._out = out
        self._clock = clock
        self._moved = float("-inf")
        self._bar: UUID | None = None
        self._steps: list[Figures] = []

    def listen(self, figures: Figures) -> None:
        """Keeps a step's figures, and moves the bar now and then."""
        self._steps.append(figures)
        if self._clock() - self._moved >= EVERY_SECONDS:
            self._moved = self._clock()
            self._show()

    def close(self) -> None:
        """Moves the bar for the last time, and posts the table and the summary."""
        if self._steps:
            self._show()
            create_table_artifact(table(self._steps), key="worldloom-training-steps", description="Figures of the steps")
        said = summary(self._order, self._steps, self._out)
        create_markdown_artifact(said, key="worldloom-training", description="The training run in short")

    def _show(self) -> None:
        last = self._steps[-1]
        percent = round(100 * last["step"] / self._order.steps, 1)
        about = f"Step {last['step']} of {self._order.steps}, {said_of(last)}"
        if self._bar is None:
            self._bar = create_progress_artifact(percent, key="worldloom-training-progress", description=about)  # type: ignore[assignment]  # in a flow that is not async it is an id
        else:
            update_progress_artifact(self._bar, percent, description=about)
