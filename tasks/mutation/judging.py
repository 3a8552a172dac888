"""What becomes of one near miss: carried out, scored, and where it is paid as right, held against the reference's end."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, NamedTuple

from artifacts.observation import RowChange
from containers.answers import matches
from containers.comparison import compare
from tasks.mutation.ends import Columns, Difference, clock_columns, differing, left_to_agent, same_end
from tasks.mutation.mutant import Mutant, Subject, perform
from tasks.mutation.places import found_at, same_answer
from tasks.mutation.undoing import takes_back

Fate = Literal["rejected", "equivalent", "free", "survives", "moot"]
"""`moot` is what could not be done, or is no near miss once it is done; it is not counted."""


class Verdict(NamedTuple):
    """A near miss's fate; `differences` are the columns in which an end that is paid as right is another one."""

    fate: Fate
    differences: tuple[Difference, ...] = ()


MOOT = Verdict("moot")


class Judge:
    """Judges the near misses of one task; the environment stays in the reference's end state between those that only answer.

    All are scored whole if `thorough`; else what the scoring's own comparison of rows, or of answers, refuses is not scored
    by the rest too.
    """

    def __init__(self, subject: Subject, thorough: bool = False) -> None:
        self.subject, self.thorough = subject, thorough
        self.environment = subject.bench.environment
        self._at_end = False

    def verdict(self, mutant: Mutant) -> Verdict:
        """Does it, scores it, and says what that means."""
        done = mutant.deeds is None and self._at_end
        results = list(self.subject.results) if done else perform(mutant, self.subject)
        self._at_end = mutant.deeds is None
        if results is None:
            return MOOT
        answer = self._answer(mutant, results)
        if answer is _NOTHING:
            return MOOT
        if mutant.deeds is None:
            return Verdict("survives" if self._paid(answer, None) else "rejected")
        changes = self.environment.difference()
        if mutant.kind == "done and undone" and not takes_back(changes, self.subject.gold):
            return MOOT
        if not self._paid(answer, changes):
            return Verdict("rejected")
        return self._end(changes, mutant.followed) if same_answer(self.subject.answer, answer) else Verdict("survives")

    def _paid(self, answer: object, changes: tuple[RowChange, ...] | None) -> bool:
        """Whether an end with these changes (the reference's, where None) and an answer earns 1."""
        task = self.subject.task
        if not self.thorough and changes is None and not matches(task.answer or (), answer):
            return False
        if not self.thorough and changes is not None:
            tables = self.subject.bench.blueprint.tables
            found = compare(changes, self.subject.gold, tables, task.free_columns, task.fuzzy_columns)
            if found.collateral or found.missing:
                return False
        return self.environment.score(task, answer).reward >= 1

    def _answer(self, mutant: Mutant, results: list[Any]) -> object:
        """What is answered; nothing where the results hold no value to tell."""
        if not mutant.followed or self.subject.answer is None:
            return mutant.answer
        found = [found_at(place, results) if place else value for place, value in zip(mutant.places, self.subject.answer, strict=True)]
        if any(value is None and place for place, value in zip(mutant.places, found, strict=True)):
            return _NOTHING
        return found

    def _end(self, changes: tuple[RowChange, ...], followed: bool) -> Verdict:
        """A right answer: is the end the reference's too, or another one?

        What was read otherwise, to no other end, is no near miss: whether an agent would have told the same cannot be known.
        """
        gold, tables = self.subject.gold, self.subject.bench.blueprint.tables
        if changes == gold or same_end(changes, gold, tables, self.clock):
            return MOOT if followed else Verdict("equivalent")
        task = self.subject.task
        open_columns = {_pair(name) for name in (*task.free_columns, *task.fuzzy_columns)} - self.clock
        if not same_end(changes, gold, tables, self.clock | open_columns):
            return Verdict("survives", differing(changes, gold, _all_columns(self.subject)))
        fuzzy = {_pair(name) for name in task.fuzzy_columns}
        found = differing(changes, gold, open_columns - fuzzy)
        left = all(left_to_agent(difference, task.instruction) for difference in found)
        worded = found or differing(changes, gold, fuzzy)
        return Verdict("free" if worded and left else "survives", found)

    @cached_property
    def clock(self) -> Columns:
        """What the clock fills. The environment's state is lost."""
        self._at_end = False
        return clock_columns(self.subject.task.solution, self.subject.gold, self.subject.bench)


_NOTHING = object()


def _pair(name: str) -> tuple[str, str]:
    table, _, column = name.partition(".")
    return table, column


def _all_columns(subject: Subject) -> set[tuple[str, str]]:
    tables = subject.bench.blueprint.tables
    return {(name, column) for name in {change.table for change in subject.gold} for column in tables[name].columns}
