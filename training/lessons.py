"""From played turns to what GRPO computes on: each turn in the very context that it was said in, side by side in rows.

Turns of an episode whose contexts continue one another, token for token, share a strand; where the window moved on, or a reply is not
written as it was said, a strand of its own begins. So no token of any prompt differs from what the policy was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from training.decoder import Inputs, inputs_of
from training.examples import IGNORED, Row, first_fit


class Lesson(NamedTuple):
    """One turn: what was shown, what was said with the log-probability of each token then, and how good it was."""

    prompt: tuple[int, ...]
    said: tuple[int, ...]
    logprobs: tuple[float, ...]
    advantage: float


class Strand(NamedTuple):
    """Lessons whose contexts continue one another: the tokens, and for each lesson where what was said begins."""

    tokens: tuple[int, ...]
    lessons: tuple[tuple[int, Lesson], ...]


class Sheet(NamedTuple):
    """Rows as tensors, and for each token that counts its place, lesson and old log-probability; an advantage a lesson.

    `places` are those in the flattened rows of the token before, whose logits foretell it.
    """

    inputs: Inputs
    places: torch.Tensor
    lesson: torch.Tensor
    old: torch.Tensor
    advantage: torch.Tensor

    @property
    def lessons(self) -> int:
        """Lessons on the sheet."""
        return len(self.advantage)


def strands_of(episode: Iterable[Lesson]) -> tuple[Strand, ...]:
    """The lessons of one episode, in their order, as few strands as their contexts allow."""
    found: list[Strand] = []
    for lesson in episode:
        begun = found.pop() if found and _continues(found[-1], lesson) else Strand((), ())
        found.append(Strand((*lesson.prompt, *lesson.said), (*begun.lessons, (len(lesson.prompt), lesson))))
    return tuple(found)


def _continues(strand: Strand, lesson: Lesson) -> bool:
    return strand.tokens == lesson.prompt[: len(strand.tokens)]


def within(episode: Sequence[Lesson], most: int) -> tuple[tuple[Lesson, ...], int]:
    """The lessons of at most `most` tokens, and how many are longer, or had no room to say anything."""
    kept = tuple(one for one in episode if one.said and len(one.prompt) + len(one.said) <= most)
    return kept, len(episode) - len(kept)


def bins(strands: Sequence[Strand], length: int, micro: int) -> list[list[list[Strand]]]:
    """The strands in rows of at most `length` tokens, `micro` rows at a time."""
    rows = [[strands[place] for place in row] for row in first_fit([len(one.tokens) for one in strands], length)]
    return [rows[start : start + micro] for start in range(0, len(rows), micro)]


def sheet_of(rows: Sequence[Sequence[Strand]], pad: int, device: torch.device | str = "cpu") -> Sheet:
    """Rows of strands as tensors. Without any, a row of one token that does not count."""
    inputs = inputs_of([_row(row) for row in rows] or [Row((pad,), (0,), (0,), (IGNORED,))], pad, device)
    width = inputs.tokens.shape[1]
    places: list[int] = []
    lessons: list[Lesson] = []
    owners: list[int] = []
    for number, row in enumerate(rows):
        start = number * width
        for strand in row:
            for begin, lesson in strand.lessons:
                places += range(start + begin - 1, start + begin - 1 + len(lesson.said))
                owners += [len(lessons)] * len(lesson.said)
                lessons.append(lesson)
            start += len(strand.tokens)
    return Sheet(
        inputs,
        torch.tensor(places, dtype=torch.long, device=device),
        torch.tensor(owners, dtype=torch.long, device=device),
        torch.tensor([value for one in lessons for value in one.logprobs], dtype=torch.float32, device=device),
        torch.tensor([one.advantage for one in lessons], dtype=torch.float32, device=device),
    )


def _row(strands: Sequence[Strand]) -> Row:
    """Strands side by side; what counts is named by the sheet, not by targets."""
    return Row(
        tuple(token for one in strands for token in one.tokens),
        tuple(number for number, one in enumerate(strands) for _ in one.tokens),
        tuple(place for one in strands for place in range(len(one.tokens))),
        tuple(target for one in strands for target in (*one.tokens[1:], IGNORED)),
    )


def logprobs_of(model: object, sheet: Sheet, temperature: float) -> torch.Tensor:
    """The log-probability of each token that counts, under the model at this temperature, in float32.

    Only the logits of those tokens are made into float32: a row is mostly prompt.
    """
    inputs = sheet.inputs
    logits = model(  # type: ignore[operator]  # a model of transformers, or DeepSpeed's engine around one
        input_ids=inputs.tokens, position_ids=inputs.positions, attention_mask=inputs.sees, use_cache=False
    ).logits
    chosen = logits.flatten(0, 1)[sheet.places].float() / temperature
    said = inputs.targets.flatten()[sheet.places]
    return torch.log_softmax(chosen, -1).gather(1, said[:, None])[:, 0]
