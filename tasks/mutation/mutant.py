"""What a near miss is: calls that are almost the reference's, or its end state with an answer that is almost right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from artifacts.agent_task import AgentTask, Scalar, ToolCall
from artifacts.observation import RowChange
from artifacts.toolset import Tool
from containers.answers import matches
from containers.reference import UnresolvedReference, resolve
from tasks.mutation.places import leaves_of, places_of
from tasks.trials.workbench import Workbench

Kind = Literal[
    "write dropped",
    "writes swapped",
    "another value",
    "neighbour's value",
    "boundary value",
    "another entity",
    "done twice",
    "done and undone",
    "extra write",
    "misread",
    "answer without work",
    "missing answer",
    "wrong answer",
    "partial answer",
    "every candidate",
]


class Deed(NamedTuple):
    """One call of a near miss. `slot` is the reference's call whose result it stands for, None for a call that is not there.

    `altered` calls are what the near miss is about: where one is refused, nothing of the kind was done.
    """

    slot: int | None
    call: ToolCall
    altered: bool = False


class Mutant(NamedTuple):
    """One near miss. `deeds` is None where the reference's own end state stands; `followed` answers what the deeds gave, at `places`.

    `places` are where each expected value stands in the results (a path as in `$ref`), None for a value that stands nowhere.
    """

    kind: Kind
    detail: str
    deeds: tuple[Deed, ...] | None
    answer: object
    followed: bool = False
    places: tuple[str | None, ...] = ()


class Subject(NamedTuple):
    """A task whose reference succeeds: the results and changes that it gives, and the arguments that its references stand for.

    `writes` are the calls that may change something, `referred` those whose results are referred to, `deeds` all of them;
    `every_place` tells where each value of the answer stands in the results, the last first; `twice` are the
    values that the answer's other values tell too, so that nobody can see whether they are told rightly: no near miss is made of them.
    """

    task: AgentTask
    bench: Workbench
    results: tuple[Any, ...]
    arguments: tuple[dict[str, Any], ...]
    gold: tuple[RowChange, ...]
    writes: tuple[int, ...]
    referred: frozenset[int]
    deeds: tuple[Deed, ...]
    tools: dict[str, Tool]
    every_place: tuple[tuple[str, ...], ...]
    twice: tuple[Scalar, ...]

    @property
    def places(self) -> tuple[str | None, ...]:
        """The last place of each value of the answer."""
        return tuple(next(iter(found), None) for found in self.every_place)

    @property
    def answer(self) -> list[Any] | None:
        """The right answer as an agent would give it."""
        return None if self.task.answer is None else list(self.task.answer)

    def tool(self, name: str) -> Tool:
        """A tool by its name."""
        return self.tools[name]


def subject_of(task: AgentTask, bench: Workbench) -> Subject | None:
    """What there is to mutate; None for a reference that fails."""
    done, gold = bench.reference(task)
    if done.failed_at is not None:
        return None
    results = [observation.result for observation in done.observations]
    arguments = tuple(resolve(call.arguments, results[:index]) for index, call in enumerate(task.solution))
    writes = tuple(index for index, call in enumerate(task.solution) if bench.usages[call.tool].writes)
    referred = frozenset(int(found) for call in task.solution for found in _REFERRED.findall(repr(call.arguments)))
    deeds = tuple(Deed(slot, call) for slot, call in enumerate(task.solution))
    tools = {tool.name: tool for tool in bench.tools}
    places = tuple(map(tuple, _places(task.answer, results)))
    return Subject(
        task, bench, tuple(results), arguments, gold, writes, referred, deeds, tools, places, tuple(told_twice(task.answer or ()))
    )


def told_twice(answer: Sequence[Scalar]) -> Iterator[Scalar]:
    """The values of an answer that its other values hold, as "14 Mill Lane, Ashford" holds "Ashford"."""
    for index, value in enumerate(answer):
        others = [*answer[:index], *answer[index + 1 :]]
        if others and (value in others or matches([value], others)):
            yield value


def _places(answer: Sequence[Scalar] | None, results: Sequence[Any]) -> list[list[str]]:
    leaves = leaves_of(results) if answer else ()
    return [places_of(value, leaves) for value in answer or ()]


_REFERRED = re.compile(r"'\$ref': '(\d+)")


def replaced(deeds: Sequence[Deed], slot: int, arguments: dict[str, Any]) -> tuple[Deed, ...]:
    """The deeds with other arguments in one call."""
    return tuple(
        Deed(slot, deed.call.model_copy(update={"arguments": arguments}), altered=True) if deed.slot == slot else deed for deed in deeds
    )


def perform(mutant: Mutant, subject: Subject) -> list[Any] | None:
    """Does what a near miss does, from the initial state, and gives the results by slot; None where it cannot be done.

    A call that merely follows is done with what the reference gave it where its own references name nothing any more, and
    passed over where it is refused: a careless agent goes on.
    """
    environment = subject.bench.environment
    environment.reset()
    results: list[Any] = [None] * len(subject.results)
    strayed = False
    for position, deed in enumerate(subject.deeds if mutant.deeds is None else mutant.deeds):
        strayed = strayed or not (position < len(results) and deed.call is subject.task.solution[position])
        if deed.slot is not None and _needless(deed.slot, strayed, mutant, subject):
            environment.call_tool("")  # an unknown tool changes nothing but the clock
            results[deed.slot] = None if strayed else subject.results[deed.slot]
            continue
        arguments = _arguments(deed, mutant, subject, results)
        observation = None if arguments is None else environment.call_tool(deed.call.tool, arguments)
        if observation is not None and observation.ok:
            if deed.slot is not None:
                results[deed.slot] = observation.result
        elif deed.altered or mutant.followed:
            return None
    return results


def _needless(slot: int, strayed: bool, mutant: Mutant, subject: Subject) -> bool:
    """Whether a read gives what the reference saw, since nothing was done otherwise yet, or what nobody looks at any more."""
    return slot not in subject.writes and not (strayed and (mutant.followed or slot in subject.referred))


def _arguments(deed: Deed, mutant: Mutant, subject: Subject, results: list[Any]) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = resolve(deed.call.arguments, results)
    except UnresolvedReference:
        return None if mutant.followed or deed.slot is None else subject.arguments[deed.slot]
    else:
        return found
