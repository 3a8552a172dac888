"""What a walk sets out for: rows are found and named first, then the changes are made and the questions asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from artifacts.toolset import Tool
from tasks.walks.acting import Ground, act, act_on_all, keys_found, set_of_rows, with_more
from tasks.walks.asking import ask, ask_total
from tasks.walks.finding import find_all, listers
from tasks.walks.hurdles import Hurdle, hurdles_of
from tasks.walks.trail import LostWay, Trail

Doing = Callable[[], None]
Goal = Callable[[Trail, Ground], Doing]

MAX_COUNTED = 9
"""The most rows that are counted or added up."""

NUMBERS = ((1, 2, 3, 4, 5), (14, 36, 26, 16, 8))
"""How many goals a walk has, and how often."""

MAX_LOOKED_AT = 5
"""How many tools are looked at for a hurdle before them."""

ONLY_READ = 0.22
"""How often a walk sets out only to read; less than it should be, since more of these come off."""


def change_one(trail: Trail, ground: Ground) -> Doing:
    """One change."""
    tool = _linked(trail, ground, ground.writers)
    opening = with_more(_opening(trail, ground, tool), ground.openings(tool), tool, trail.rng)
    keys_found(trail, tool, opening)
    return partial(_act, trail, tool, opening)


def _act(trail: Trail, tool: Tool, opening: dict[str, Any]) -> None:
    act(trail, tool, opening)


def change_all(trail: Trail, ground: Ground) -> Doing:
    """The same change to all rows that one selector names."""
    single = [tool for tool in ground.writers if len(ground.needs[tool.name]) == 1 and len(ground.openings(tool)) > 1]
    tool = _linked(trail, ground, single)
    return partial(act_on_all, trail, tool, set_of_rows(trail, tool, ground))


def over_hurdle(trail: Trail, ground: Ground) -> Doing:
    """A change that cannot be made before another one puts right what is in its way; a plain change where there is no hurdle."""
    used = _used(trail)
    tools = [tool for tool in ground.writers if tool.name not in used and ground.needs[tool.name]]
    trail.rng.shuffle(tools)
    for tool in tools[:MAX_LOOKED_AT]:
        hurdles = [hurdle for hurdle in _hurdles(ground, tool) if hurdle.helper.name not in used]
        if hurdles:
            hurdle = trail.rng.choice(hurdles)
            keys_found(trail, tool, hurdle.blocked)
            keys_found(trail, hurdle.helper, hurdle.helping)
            trail.planned |= {tool.name, hurdle.helper.name}
            return partial(_take, trail, hurdle)
    return change_one(trail, ground)


def _hurdles(ground: Ground, tool: Tool) -> tuple[Hurdle, ...]:
    if tool.name not in ground.remembered:
        ground.remembered[tool.name] = hurdles_of(ground, tool)
    found: tuple[Hurdle, ...] = ground.remembered[tool.name]
    return found


def _take(trail: Trail, hurdle: Hurdle) -> None:
    trail.mark_hurdle(act(trail, hurdle.helper, hurdle.helping, kept=True))
    act(trail, hurdle.tool, hurdle.blocked, kept=True)


def look_up(trail: Trail, ground: Ground) -> Doing:
    """Something to find out about a row."""
    tool = _linked(trail, ground, [tool for tool in ground.readers if ground.needs[tool.name]])
    opening = _opening(trail, ground, tool)
    keys, named = keys_found(trail, tool, opening)
    if set(tool.parameters.get("required", ())) - set(keys):
        raise LostWay
    return partial(_look, trail, ground, tool, keys, named)


def _look(trail: Trail, ground: Ground, tool: Tool, keys: dict[str, Any], named: tuple[int, ...]) -> None:
    before = trail.mark()
    step = trail.call(tool, keys, named)
    try:
        if step is not None:
            ask(trail, ground, step, named[-1] if named else None)
    except LostWay:
        trail.back_to(before)


def total(trail: Trail, ground: Ground) -> Doing:
    """How many rows one selector names, or what they come to."""
    places = [place for place in ground.places.values() if len(place.rows) > 2 and listers(ground, place)]
    if not places:
        raise LostWay
    place = trail.rng.choice(places)
    selector, found = find_all(trail, place, frozenset(place.rows), MAX_COUNTED)
    ask_total(trail, ground, place, selector, found)
    return _nothing


def _nothing() -> None:
    """What was to be done is done already."""


def tell_result(trail: Trail, ground: Ground) -> None:
    """What the last change said that nobody told it."""
    step = max(index for index, one in enumerate(trail.steps) if one.writes)
    ask(trail, ground, step, trail.steps[step].selectors[0] if trail.steps[step].selectors else None)


READING: dict[Goal, int] = {look_up: 70, total: 30}
CHANGING: dict[Goal, int] = {change_one: 42, change_all: 12, over_hurdle: 11, look_up: 25, total: 10}


def goals_drawn(rng: Random) -> list[Goal]:
    """One to five goals; about three walks in ten only read."""
    weights = READING if rng.random() < ONLY_READ else CHANGING
    return rng.choices(list(weights), list(weights.values()), k=rng.choices(*NUMBERS)[0])


def _used(trail: Trail) -> set[str]:
    return {step.tool for step in trail.steps} | trail.planned


def _linked(trail: Trail, ground: Ground, tools: Sequence[Tool]) -> Tool:
    """A tool, rather one that goes on with a row found before; raises LostWay."""
    used = _used(trail)
    free = [tool for tool in tools if tool.name not in used]
    places = {place for place, _ in trail.found}
    near = [tool for tool in free if places & {table for table, _ in ground.needs[tool.name].values()}]
    if not free:
        raise LostWay
    tool = trail.rng.choice(near if near and trail.rng.random() < 0.7 else free)
    trail.planned |= {tool.name}
    return tool


def _opening(trail: Trail, ground: Ground, tool: Tool) -> dict[str, Any]:
    openings = list(ground.openings(tool))
    if not openings:
        raise LostWay
    known = set(trail.found)
    near = [o for o in openings if any((table, o.get(name)) in known for name, (table, _) in ground.needs[tool.name].items())]
    return trail.rng.choice(near or openings)
