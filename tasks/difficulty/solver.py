"""A scripted solver of limited lookahead: no language, only literals, schemas and results. How often it succeeds tests the levels.

It first looks around, then makes changes that place what was said, each chosen by what a few calls ahead show, and answers with
rows that hold what was said. It is told nothing of the verdict but whether a try was `completed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from random import Random
from statistics import fmean
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask
from containers.answers import SPARE_NUMBERS
from containers.environment import Environment
from tasks.difficulty.chance import stream
from tasks.difficulty.filling import Call, Memory, call_of
from tasks.difficulty.literals import Said, said_in
from tasks.difficulty.sight import Row, choices_of, handle_of, rows_in
from tasks.trials.workbench import Workbench

Part = dict[str, Any]
"""A part of an answer: values by their names."""

CHANGES = (0, 0, 0, 1, 1, 2, 2, 3, 4, 6)
"""The most changes of a try, drawn from these: whether anything is to be changed takes language to know."""

DRAWS = 3
"""How often each tool is filled by chance before a step is chosen."""

NOISE = 0.6
"""How far chance may move the worth of a call; one placed literal is worth 1."""


class Limits(NamedTuple):
    """How far the solver goes: calls in all, how many of them to look around, tries, steps ahead, and calls tried at each step."""

    calls: int = 400
    looking: int = 40
    tries: int = 16
    ahead: int = 2
    beam: int = 4


class Attempt(NamedTuple):
    """One run of the solver: whether a try was completed, after how many tries and calls."""

    solved: bool
    tries: int
    calls: int


class LookaheadSolver:
    """Solves, or fails to solve, the tasks of one world; the same seed gives the same run."""

    def __init__(self, bench: Workbench, limits: Limits | None = None) -> None:
        self.environment: Environment = bench.environment
        self.limits = limits or Limits()
        self.handles = tuple(handle_of(tool, bench.draft.schema_sql) for tool in bench.tools)
        self.choices = tuple(choices_of(self.handles))

    def attempt(self, task: AgentTask, seed: int) -> Attempt:
        """One run: looks around once, then tries until one is completed or the calls are used up."""
        run = _Run(self, said_in(task.instruction, self.choices), stream(task.id, task.instruction, seed))
        run.look_around()
        for number in range(1, self.limits.tries + 1):
            run.change()
            if self.environment.score(task, run.answer()).reward == 1.0:
                return Attempt(True, number, run.calls)
            if run.calls >= self.limits.calls:
                break
        return Attempt(False, number, run.calls)

    def success_rate(self, task: AgentTask, seeds: Iterable[int]) -> float:
        """The share of the runs that succeed."""
        return fmean(self.attempt(task, seed).solved for seed in seeds)


def success_rate(task: AgentTask, bench: Workbench, seeds: Iterable[int] = range(4), limits: Limits | None = None) -> float:
    """How often the solver succeeds at a task, over seeds."""
    return LookaheadSolver(bench, limits).success_rate(task, seeds)


class _Run:
    """What one run knows and has done; the environment is brought to the state that a list of changes gives."""

    def __init__(self, solver: LookaheadSolver, said: tuple[Said, ...], random: Random) -> None:
        self.environment, self.limits, self.random = solver.environment, solver.limits, random
        self.reads = [handle for handle in solver.handles if not handle.writes]
        self.writes = [handle for handle in solver.handles if handle.writes]
        self.seen = Memory(said, {}, set())
        self.rows: list[Row] = []
        self.later: list[Row] = []
        self.asked: set[str] = set()
        self.calls = 0

    def look_around(self) -> None:
        """Reads by chance, what has not been asked yet, until the calls for that are used up or nothing new comes."""
        self.environment.reset()
        idle = 0
        while self.calls < self.limits.looking and idle < 3 * len(self.reads) + 3:
            call = call_of(self.random.choice(self.reads), self.seen, self.random) if self.reads else None
            idle += 1
            if call is not None and call.guesses < 1 and self._is_new(call):
                idle = 0
                for row in self._rows(call):
                    self.rows.append(row)
                    self.seen.add(row)

    def _is_new(self, call: Call) -> bool:
        key = repr((call.handle.name, sorted(call.arguments.items(), key=lambda item: item[0])))
        new = key not in self.asked
        self.asked.add(key)
        return new

    def _rows(self, call: Call) -> list[Row]:
        """The rows that a call shows; none where it fails."""
        observation = self._do(call)
        return list(rows_in(call.handle, observation, self.seen.said)) if observation is not _FAILED else []

    def _do(self, call: Call) -> Any:
        self.calls += 1
        observation = self.environment.call_tool(call.handle.name, call.arguments)
        return observation.result if observation.ok else _FAILED

    def change(self) -> None:
        """One try from the initial state: changes as long as one places something that was said and looks worth it."""
        self.environment.reset()
        self.later = []
        done: list[Call] = []
        open_said = frozenset(range(len(self.seen.said)))
        changes = self.random.choice(CHANGES)
        memory = self.seen.copy()
        for _ in range(changes):
            plan = self._best(done, open_said, memory, self.limits.ahead)
            if plan is None or self.calls >= self.limits.calls:
                break
            self._restore(done)
            for call in plan:
                result = self._do(call)
                done.append(call)
                open_said -= call.placed
                for row in rows_in(call.handle, result, self.seen.said) if result is not _FAILED else ():
                    self.later.append(row)
                    memory.add(row)
        self._restore(done)

    def _best(self, done: Sequence[Call], open_said: frozenset[int], memory: Memory, ahead: int) -> tuple[Call, ...] | None:
        """The call that is worth most and succeeds, or one that fails now with another before it that puts that right."""
        ranked = self._ranked(open_said, memory)[: self.limits.beam]
        for worth, call in ranked:
            if worth <= 0:
                return None
            self._restore(done)
            if self._do(call) is not _FAILED:
                return (call,)
            if ahead > 1:
                for other in self._before(call, memory):
                    self._restore(done)
                    if self._do(other) is not _FAILED and self._do(call) is not _FAILED:
                        return (other, call)
        return None

    def _ranked(self, open_said: frozenset[int], memory: Memory) -> list[tuple[float, Call]]:
        found = [call for handle in self.writes for _ in range(DRAWS) if (call := call_of(handle, memory, self.random)) is not None]
        ranked = [(worth_of(call, open_said) + self.random.gauss(0, NOISE), call) for call in found]
        return sorted(ranked, key=lambda one: -one[0])

    def _before(self, call: Call, memory: Memory) -> list[Call]:
        """Other changes about rows that were said: what might put right what keeps a call from succeeding."""
        found = [other for handle in self.writes if (other := call_of(handle, memory, self.random)) is not None]
        near = [other for other in found if other.handle.name != call.handle.name and other.placed and not other.guesses]
        return self.random.sample(near, min(len(near), self.limits.beam))

    def _restore(self, done: Sequence[Call]) -> None:
        self.environment.reset()
        for call in done:
            self.environment.call_tool(call.handle.name, call.arguments)

    def answer(self) -> list[Part]:
        """Rows that hold what was said, what the changes showed, and by chance rows, columns and totals of lists that were seen."""
        told = [row for row in self.rows if row.said]
        picked = self.random.sample(told, min(len(told), self.random.randrange(1, 5))) + self.later[:4]
        parts = [_named(row) for row in picked]
        for _ in range(self.random.randrange(3)):
            parts += self._of_a_list()
        return _bounded(parts)

    def _of_a_list(self) -> list[Part]:
        """One row of a list, one column of it, or its length and the total of a column."""
        place = self.random.choice(sorted({row.place for row in self.rows})) if self.rows else None
        rows = [row for row in self.rows if row.place == place]
        if not rows:
            return []
        column = self.random.choice([name for name, _ in rows[0].values])
        values = [value for row in rows for name, value in row.values if name == column]
        match self.random.randrange(3):
            case 0:
                return [_named(self.random.choice(rows))]
            case 1:
                return [{column: values}]
            case _:
                numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
                return [{"count": len(rows), **({"total": sum(numbers)} if numbers else {})}]


_FAILED = object()


def worth_of(call: Call, open_said: frozenset[int]) -> float:
    """What a change is worth: literals placed that no earlier change placed, less what is guessed and what is placed again."""
    return len(call.placed & open_said) - 0.5 * len(call.placed - open_said) - call.guesses


def _named(row: Row) -> Part:
    """A row's values by their names, without the keys: nobody asks for those."""
    return {name or "value": value for name, value in row.values if value is not None and name != "id" and not name.endswith("_id")}


def _bounded(parts: Iterable[Part]) -> list[Part]:
    """The parts once each, with no more numbers than an answer may always hold."""
    kept: list[Part] = []
    numbers = 0
    for part in parts:
        numbers += len(re.findall(r"\d+", str(list(part.values()))))
        if numbers > SPARE_NUMBERS:
            break
        if part not in kept:
            kept.append(part)
    return kept
