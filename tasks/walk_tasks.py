"""The share of a world's tasks that begins with a walk: choosing walks, and holding their words to what they have to say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from artifacts.agent_task import AgentTask
from artifacts.identity import seed_of
from artifacts.verdict import Diagnostic, Reject
from artifacts.world import Draft
from tasks.acceptance import finished
from tasks.difficulty.measures import difficulty_of
from tasks.difficulty.spread import chosen, open_places, quotas
from tasks.gates import STAGE_GATES
from tasks.instructions.extremes import superlatives
from tasks.instructions.saying import Saying, saying_of
from tasks.trials.workbench import Workbench, workbench_of
from tasks.walks.walk import SUPERLATIVES, Said, Walk
from tasks.walks.walking import MISSES, walks_of

LOOK_AHEAD = 10
"""Walks that are looked at for each place where a spread of difficulty was asked for."""

MOST_OF_A_TOOL = 2
"""How often a tool may be the first to change something in the walks of one world."""

UNSAID = "To be put into words."
_LATER = frozenset(("instructions_clear", "conditions_select", "right_ways_pass", "size_met", "novel"))
"""Gates that look at words, at the whole world, or at nothing that choosing another walk could mend."""


class Phrased(NamedTuple):
    """A walk with the words that it has so far, and how often words were asked for."""

    id: str
    walk: Walk
    instruction: str = ""
    tries: int = 0


def walks_wanted(tasks: int) -> int:
    """Six of ten tasks begin with a walk."""
    return tasks * 3 // 5


def walk_stream(draft: Draft, taken: Sequence[Walk] = ()) -> Iterator[Walk]:
    """Walks that pass every gate that does not look at words, of which few begin with the same change or question.

    They differ from those taken. The workbench is handed back as it was; whoever asks for the next may use it in between.
    """
    bench, used = workbench_of(draft), Counter(map(_theme, taken))
    misses = 0
    for walk in walks_of(draft, bench, seed_of("walks", draft.scenario.name, draft.recipe.seed), taken):
        misses += 1
        if used[_theme(walk)] < MOST_OF_A_TOOL and _all_used(walk) and is_sound(walk, draft, bench):
            used[_theme(walk)] += 1
            misses = 0
            yield walk
        bench.environment.reset()
        if misses == MISSES:
            return


def choose_walks(draft: Draft, stream: Iterator[Walk], count: int, levels: Iterable[int]) -> tuple[Walk, ...]:
    """At most `count` walks for the places that tasks of these levels leave in the spread; fewer where the stream ends."""
    shares = draft.recipe.difficulty
    if count < 1:
        return ()
    if shares is None:
        return tuple(islice(stream, count))
    bench = workbench_of(draft)
    places = open_places(quotas(shares, draft.recipe.size.tasks), levels)
    return chosen(((level_of_walk(walk, bench), walk) for walk in stream), places, LOOK_AHEAD)[:count]


def level_of_walk(walk: Walk, bench: Workbench) -> int:
    """The level of a walk, before it has words."""
    return difficulty_of(walk.task("t01", UNSAID).model_copy(update={"instruction": ""}), bench).level


def _all_used(walk: Walk) -> bool:
    """Whether each record that the words would have to name plays a part."""
    used = {index for step in walk.steps for index in step.selectors} | {asked.selector for asked in walk.asked}
    used |= {selector.within for selector in walk.selectors}
    return used >= set(range(len(walk.selectors)))


def is_sound(walk: Walk, draft: Draft, bench: Workbench) -> bool:
    """Whether a walk would pass every gate that does not look at words."""
    alone = draft.model_copy(update={"tasks": (finished(walk.task("t01", UNSAID), bench),)})
    gates = (gate for gate in STAGE_GATES["agent_tasks"] if gate.name not in _LATER)
    return not any(isinstance(gate.judge(alone), Reject) for gate in gates)


def _theme(walk: Walk) -> str:
    return next((step.tool for step in walk.steps if step.writes), walk.steps[-1].tool)


def phrase_problems(phrased: Phrased, task: AgentTask, draft: Draft) -> Iterator[Diagnostic]:
    """The facts of a walk that its words leave out, so that another reading would be as right."""
    saying = saying_of(task.instruction, draft.clock.start)
    place = f"task:{phrased.id}/instruction"
    for selector in phrased.walk.selectors:
        for said in selector.said:
            if not _is_said(said, saying):
                message = f"The instruction does not say of the {selector.noun} that its {said.label} {_bound(said)}."
                yield Diagnostic(
                    code="task.instruction_fact", place=place, message=message, hint="Say it; else another one could be meant."
                )


def _is_said(said: Said, saying: Saying) -> bool:
    if said.relation in SUPERLATIVES:
        return bool(superlatives(saying))
    if isinstance(said.value, str):
        return saying.says_bound(said.value) or _by_stem(said.value, saying.plain)
    return saying.says(said.value)


def _by_stem(value: str, plain: str) -> bool:
    """Whether a choice is said by words of the same stem ("in_progress": "in progress", "cancelled": "cancellation")."""
    return all(part[:5] in plain for part in re.findall(r"[a-z0-9]+", value.lower()))


def _bound(said: Said) -> str:
    return f"is the {said.relation}" if said.relation in SUPERLATIVES else f"{said.relation} {said.value!r}"


def unphrased(phrased: Phrased) -> Diagnostic:
    """A walk that has no words yet."""
    message = "The walk has no instruction."
    return Diagnostic(code="task.unphrased", place=f"task:{phrased.id}/instruction", message=message, hint="Write one, with the walk's id.")
