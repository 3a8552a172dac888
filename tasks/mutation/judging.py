"""What becomes of one near miss: carried out, scored, and where it is paid as right, held against the reference's end."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, NamedTuple

from artifacts.observation import RowChange
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
    """Judges the near misses of one task; the environment stays in the reference's end state between those that only answer."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.environment = subject.bench.environment
        self._at_end = False

    def moved(self) -> None:
        """Says that the environment is in another state than it was left in."""
        self._at_end = False

    def verdict(self, mutant: Mutant) -> Verdict:
        """Does it, scores it, and says what that means."""
        done = mutant.deeds is None and self._at_end
        results = list(self.subject.results) if done else perform(mutant, self.subject)
        self._at_end = mutant.deeds is None
        if results is None:
            return MOOT
        answer, known = self._answer(mutant, results)
        if answer is _NOTHING:
            return MOOT
        if mutant.kind == "done and undone" and not takes_back(self.environment.difference(), self.subject.gold):
            return MOOT
        if self.environment.score(self.subject.task, answer).reward < 1:
            return Verdict("rejected")
        if mutant.deeds is None or not same_answer(self.subject.answer, answer):
            return Verdict("survives")
        return self._end(self.environment.difference(), known)

    def _answer(self, mutant: Mutant, results: list[Any]) -> tuple[object, bool]:
        """What is answered, and whether all of it comes from the results; nothing where they hold no value to tell."""
        if not mutant.followed or self.subject.answer is None:
            return mutant.answer, True
        found = [found_at(place, results) if place else value for place, value in zip(mutant.places, self.subject.answer, strict=True)]
        if any(value is None and place for place, value in zip(mutant.places, found, strict=True)):
            return _NOTHING, False
        return found, all(mutant.places)

    def _end(self, changes: tuple[RowChange, ...], known: bool) -> Verdict:
        """A right answer: is the end the reference's too, or another one?"""
        gold, tables = self.subject.gold, self.subject.bench.blueprint.tables
        if changes == gold or same_end(changes, gold, tables, self.clock):
            return Verdict("equivalent") if known else MOOT
        task = self.subject.task
        open_columns = {_pair(name) for name in (*task.free_columns, *task.fuzzy_columns)} - self.clock
        if not same_end(changes, gold, tables, self.clock | open_columns):
            return Verdict("survives", differing(changes, gold, _all_columns(self.subject)))
        fuzzy = {_pair(name) for name in task.fuzzy_columns}
        found = differing(changes, gold, open_columns - fuzzy)
        left = all(left_to_agent(difference, task.instruction) for difference in found)
        return Verdict("free" if left else "survives", found)

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
