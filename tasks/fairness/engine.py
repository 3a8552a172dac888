"""Carrying out other right ways of a task, and counting those that are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask, Scalar, ToolCall
from artifacts.measures import FairnessFigures, Measures
from containers.answers import matches
from containers.reference import resolve
from tasks.fairness.orders import loose_needs, needs_of, order_matters, orders_of, reordered
from tasks.fairness.policies import prose_of, rewritten
from tasks.fairness.ways import Kind, Step, Way, given_answer, steps_of, walk
from tasks.fairness.wordings import Worded, fuzzily, other_wording
from tasks.trials.prober import bad_calls, key_parameters
from tasks.trials.workbench import Workbench

MAX_READS = 2
"""How many of the world's reads that the reference does not make are put into a way; all of them when thorough."""


class Refused(NamedTuple):
    """A right way that did not earn 1: its kind, what it did, and what the score said of it."""

    kind: Kind
    detail: str
    said: str


class Fairness(NamedTuple):
    """What was found of one task: the totals, the totals of each kind of way, and the ways that were refused."""

    figures: FairnessFigures
    by_kind: dict[str, FairnessFigures]
    refused: tuple[Refused, ...]


def fairness_of(task: AgentTask, bench: Workbench, thorough: bool = False) -> Fairness:
    """Goes the other right ways of a task; a few of each kind, or all of them when thorough.

    Remembered on the workbench: a stage measures what its gates have just judged, and sealing judges it again.
    """
    key, plain = f"fairness of {task.id}, {thorough=}", task.model_copy(update={"measures": Measures()})
    known = bench.probed.get(key)
    if not isinstance(known, _Known) or known.task != plain:
        known = bench.probed[key] = _Known(plain, _fairness(plain, bench, thorough))
    return known.fairness


class _Known(NamedTuple):
    """What a workbench remembers of a task, whatever was measured of it."""

    task: AgentTask
    fairness: Fairness


def _fairness(task: AgentTask, bench: Workbench, thorough: bool) -> Fairness:
    ways: Counter[str] = Counter()
    refused: list[Refused] = []
    for way in ways_of(task, bench, thorough):
        detail = _fate(way, task, bench)
        if detail is None:
            continue
        ways[way.kind] += 1
        if detail:
            refused.append(Refused(way.kind, _told(way), detail))
    lost: Counter[str] = Counter(found.kind for found in refused)
    by_kind = {kind: FairnessFigures(ways=count, accepted=count - lost[kind]) for kind, count in sorted(ways.items())}
    return Fairness(FairnessFigures(ways=ways.total(), accepted=ways.total() - len(refused)), by_kind, tuple(refused))


def _told(way: Way) -> str:
    return way.detail if way.steps is not None else f"{way.detail}: {str(way.answer)[:200]!r}"


def _fate(way: Way, task: AgentTask, bench: Workbench) -> str | None:
    """Why a way is refused, "" where it earns 1, None where it cannot be gone."""
    if way.steps is None and not any(":answer" in check.sql for check in task.checks):
        return "" if matches(task.answer or (), way.answer, task.decoys, bench.environment.today) else "the answer does not match"
    if walk(way.steps or steps_of(task), len(task.solution), bench).problem:
        return None
    score = bench.environment.score(task, way.answer)
    return "" if score.reward == 1 else score.detail or score.outcome


def ways_of(task: AgentTask, bench: Workbench, thorough: bool = False) -> Iterator[Way]:
    """The other right ways of a task, the same every time."""
    yield from _orders(task, bench, thorough)
    yield from _reads(task, bench, thorough)
    yield from _mistakes(task, bench, thorough)
    yield from _texts(task, bench, thorough)
    if task.answer is not None:
        worded = Worded(task, _money(task, bench), bench.draft.clock.start)
        for detail, answer in worded.answers():
            yield Way("answer worded otherwise", detail, None, answer)


def _orders(task: AgentTask, bench: Workbench, thorough: bool) -> Iterator[Way]:
    given = given_answer(task)
    strict, loose = needs_of(task, bench), loose_needs(task, bench)
    orders = list(orders_of(strict, thorough))
    for order in orders:
        yield Way("another order", f"calls in the order {_shown(order)}", reordered(task, order), given)
    for order in orders_of(loose, thorough) if loose != strict else ():
        if order not in orders and not order_matters(task, order, bench) and _same_results(task, order, bench):
            yield Way("another order", f"calls in the order {_shown(order)}", reordered(task, order), given)


def _shown(order: Sequence[int]) -> str:
    return ", ".join(map(str, order))


def _same_results(task: AgentTask, order: Sequence[int], bench: Workbench) -> bool:
    """Whether every call gives the same in another order, the numbers of new rows apart: then neither knew of the other."""
    done, _ = bench.reference(task)
    walked = walk(reordered(task, tuple(order)), len(task.solution), bench)
    own = [observation.result for observation in done.observations]
    return not walked.problem and list(map(_without_ids, walked.results)) == list(map(_without_ids, own))


def _without_ids(result: Any) -> Any:
    if isinstance(result, dict):
        return {key: _without_ids(value) for key, value in result.items() if key != "id" and not key.endswith("_id")}
    return list(map(_without_ids, result)) if isinstance(result, list) else result


def _reads(task: AgentTask, bench: Workbench, thorough: bool) -> Iterator[Way]:
    used = {call.tool for call in task.solution}
    readers = [tool for tool in bench.tools if bench.usages[tool.name].only_reads and not tool.prepare]
    others = [ToolCall(tool=tool.name, arguments=tool.example) for tool in readers if tool.name not in used]
    extra = [Step(call, None) for call in (others if thorough else others[:MAX_READS])]
    own = steps_of(task)
    again = [step for one in own for step in ([one, *extra, one._replace(of=None)] if bench.usages[one.call.tool].only_reads else [one])]
    yield Way("extra reads", "other reads before, between and after, and each read twice", (*extra, *again, *extra), given_answer(task))


def _mistakes(task: AgentTask, bench: Workbench, thorough: bool) -> Iterator[Way]:
    """Calls that must fail, each before the right one: an unknown tool, unknown ids, wrong arguments."""
    done, _ = bench.reference(task)
    results = [observation.result for observation in done.observations]
    steps: list[Step] = [Step(ToolCall(tool="no_such_tool"), None, True)]
    for step in steps_of(task):
        wrong = [Step(call, None, True) for call in _wrong(step.call, results, bench)]
        steps += [*(wrong if thorough else wrong[:1]), step]
    yield Way(
        "failed call first",
        "an unknown tool, then an unknown id or a wrong argument before each right call",
        tuple(steps),
        given_answer(task),
    )


def _wrong(call: ToolCall, results: Sequence[Any], bench: Workbench) -> Iterator[ToolCall]:
    tool = next(tool for tool in bench.tools if tool.name == call.tool)
    good = resolve(call.arguments, results)
    keys = key_parameters(tool, bench.usages[tool.name].links, bench.catalog)
    bad = [one for one in bad_calls(tool, good, keys) if isinstance(one.arguments, dict)]
    unknown = [one for one in bad if not one.refused]
    yield from (ToolCall(tool=call.tool, arguments=one.arguments) for one in (*unknown, *(one for one in bad if one.refused)))


def _texts(task: AgentTask, bench: Workbench, thorough: bool) -> Iterator[Way]:
    given = given_answer(task)
    for prose in prose_of(task, (*task.free_columns, *task.fuzzy_columns), bench):
        place = f"{prose.parameter} of call {prose.call}"
        if prose.column in task.free_columns:
            yield Way("other words", f"{place} in other words", rewritten(task, prose, other_wording(prose.text)), given)
        else:
            variants = list(fuzzily(prose.text))
            for text in variants if thorough else variants[:1]:
                yield Way("fuzzy text", f"{place} as {text!r}", rewritten(task, prose, text), given)


def _money(task: AgentTask, bench: Workbench) -> frozenset[Scalar]:
    """Values of the answer that stand in a result under a name that says that they count minor units."""
    done, _ = bench.reference(task)
    named = {value for observation in done.observations for value in _cents(observation.result)}
    return frozenset(value for value in task.answer or () if not isinstance(value, bool | str) and value in named)


def _cents(result: Any) -> Iterator[Any]:
    if isinstance(result, dict):
        yield from (value for key, value in result.items() if key.endswith("_cents") and isinstance(value, int))
        for value in result.values():
            yield from _cents(value)
    elif isinstance(result, list):
        for value in result:
            yield from _cents(value)
