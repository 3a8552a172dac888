"""The candidates that an answer had to choose from: values of the same field in the lists that the reference read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from typing import Any

from artifacts.agent_task import AgentTask, Scalar
from containers.answers import matches
from containers.guesses import Plain
from containers.mentions import Answer, answer_of, mentions
from containers.plain_text import plain_text
from tasks.fairness.wordings import Worded
from tasks.trials.workbench import Workbench

MAX_DECOYS = 24
"""The most decoys of one task: in turn one for each value of the answer, the first that the reference saw."""


def with_decoys(task: AgentTask, bench: Workbench) -> AgentTask:
    """The task with the values that its reference's results offered beside the right ones.

    Left out are values that the instruction itself mentions (an answer may repeat them), unless it mentions the right one too.
    """
    if not task.answer:
        return task.model_copy(update={"decoys": ()})
    done, _ = bench.reference(task)
    fields = list(_fields([observation.result for observation in done.observations]))
    instruction = answer_of(task.instruction)
    asked = [value for value in task.answer if value is not None and not isinstance(value, bool)]
    rounds = zip_longest(*(_beside(value, fields, instruction) for value in asked))
    found = dict.fromkeys(decoy for turn in rounds for decoy in turn if decoy is not None)
    kept = tuple(islice((decoy for decoy in found if not _asked_for(decoy, asked)), MAX_DECOYS))
    told = task.model_copy(update={"decoys": ()})
    fair = _fair(told, kept, bench.environment.today)
    return task if fair == task.decoys else task.model_copy(update={"decoys": fair})


def _fair(task: AgentTask, decoys: tuple[Plain, ...], today: str) -> tuple[Plain, ...]:
    """The decoys that leave every way of writing the right answer right; the others occur in it by chance."""
    answers = [list(task.answer or ()), *(answer for _, answer in Worded(task, frozenset(), today).answers())]

    def right(some: tuple[Plain, ...]) -> bool:
        return all(matches(task.answer or (), answer, some, today) for answer in answers)

    if right(decoys) or not right(()):
        return decoys
    kept = tuple(decoy for decoy in decoys if right((decoy,)))
    return kept if right(kept) else ()


def _beside(value: Plain, fields: Sequence[Sequence[Scalar]], instruction: Answer | None) -> Iterator[Plain]:
    """The other values of the fields in which a value stands."""
    said = _mentioned(instruction, value)
    for field in fields:
        if any(_same(value, other) for other in field):
            others = (other for other in dict.fromkeys(field) if other is not None and not isinstance(other, bool))
            yield from (other for other in others if said or not _mentioned(instruction, other))


def _mentioned(text: Answer | None, value: Plain) -> bool:
    return text is not None and any(True for _ in mentions(text, value))


def _same(one: Scalar, other: Scalar) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return plain_text(one) == plain_text(other)
    return type(other) is not bool and not isinstance(one, str) and one == other


def _asked_for(decoy: Plain, asked: Sequence[Plain]) -> bool:
    """Whether a candidate is one of the right values, or another way of writing one."""
    alike = [value for value in asked if isinstance(value, str) is isinstance(decoy, str)]
    return any(_same(value, decoy) for value in alike) or any(plain_text(str(value)) == plain_text(str(decoy)) for value in asked)


def _fields(results: Sequence[Any]) -> Iterator[list[Scalar]]:
    """The columns of every list of objects, and every list of plain values, in the results."""
    for result in results:
        waiting = [result]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                waiting.extend(value.values())
            elif isinstance(value, list):
                rows = [row for row in value if isinstance(row, dict)]
                for key in rows[0] if rows else ():
                    if key == "id" or key.endswith("_id"):
                        continue
                    column = [row.get(key) for row in rows]
                    if len(rows) > 1 and not any(isinstance(part, dict | list) for part in column):
                        yield column
                plain = [part for part in value if not isinstance(part, dict | list)]
                if len(plain) > 1:
                    yield plain
                waiting.extend(value)
