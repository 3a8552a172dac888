"""Walks without end: goals are drawn, their rows found and named, everything carried out; what does not come off is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any

from artifacts.agent_task import Kind
from artifacts.identity import seed_of
from artifacts.observation import RowChange
from artifacts.toolset import Tool
from artifacts.world import Draft
from containers.reference import UnresolvedReference, replay, resolve
from tasks.sql.lineage import root_of
from tasks.trials.workbench import Workbench
from tasks.walks.acting import Ground, act, act_on_all, keys_found
from tasks.walks.checks import checks_of
from tasks.walks.finding import find_all
from tasks.walks.hurdles import hurdles_of
from tasks.walks.terrain import Source, words
from tasks.walks.trail import LostWay, Trail
from tasks.walks.walk import Asked, Walk

MAX_STEPS = 12
MIN_TOOLS, MIN_TABLES = 3, 2
"""What most walks reach; one in SHORT may be smaller."""

SHORT = 6
MISSES = 400
"""So many tries in a row that give no new walk end the stream: the world has no more."""

_CLOCK_SHIFT = 97


def walks_of(draft: Draft, bench: Workbench, seed: int, taken: Iterable[Walk] = ()) -> Iterator[Walk]:
    """Walks, each carried out twice and different from those taken, without end where the world has so many; deterministic."""
    ground = Ground(bench)
    seen = {walk.signature for walk in taken}
    number = misses = 0
    while misses < MISSES:
        number += 1
        chance = Random(seed_of("walk", seed, number))  # noqa: S311  # variety, not secrecy
        walk = _walk(ground, chance, f"w{number:04d}")
        if walk is None or walk.signature in seen:
            misses += 1
            continue
        misses = 0
        seen.add(walk.signature)
        yield walk


def _walk(ground: Ground, rng: Random, walk_id: str) -> Walk | None:
    trail = Trail(ground, rng)
    goals = rng.choices((1, 2, 3), (30, 45, 25))[0]
    try:
        for _ in range(goals):
            rng.choices(GOALS, WEIGHTS)[0](trail, ground)
            if len(trail.steps) > MAX_STEPS:
                return None
        if trail.has_written and not trail.asked and rng.random() < 0.35:
            _ask_of_result(trail, ground)
    except (LostWay, UnresolvedReference):
        return None
    walk = _finished(trail, walk_id)
    if walk is None or (not _is_wide(walk) and rng.randrange(SHORT)):
        return None
    return walk


def _is_wide(walk: Walk) -> bool:
    return len(walk.tools) >= MIN_TOOLS and len(walk.tables) >= MIN_TABLES


def _linked(trail: Trail, ground: Ground, tools: Sequence[Tool]) -> Tool:
    """A tool, rather one that goes on with a row found before; raises LostWay."""
    used = {step.tool for step in trail.steps}
    free = [tool for tool in tools if tool.name not in used]
    places = {place for place, _ in trail.found}
    near = [tool for tool in free if places & {table for table, _ in ground.needs[tool.name].values()}]
    if not free:
        raise LostWay
    return trail.rng.choice(near if near and trail.rng.random() < 0.7 else free)


def _opening(trail: Trail, ground: Ground, tool: Tool) -> dict[str, Any]:
    openings = list(ground.openings(tool))
    if not openings:
        raise LostWay
    known = set(trail.found)
    near = [o for o in openings if any((table, o.get(name)) in known for name, (table, _) in ground.needs[tool.name].items())]
    return trail.rng.choice(near or openings)


def _do(trail: Trail, ground: Ground) -> None:
    """One change."""
    tool = _linked(trail, ground, ground.writers)
    act(trail, tool, _opening(trail, ground, tool))


def _over_hurdle(trail: Trail, ground: Ground) -> None:
    """A change that cannot be made before another one puts right what is in its way."""
    tool = _linked(trail, ground, [tool for tool in ground.writers if ground.needs[tool.name]])
    if tool.name not in ground.remembered:
        ground.remembered[tool.name] = hurdles_of(ground, tool)
    hurdles = [h for h in ground.remembered[tool.name] if h.helper.name not in {step.tool for step in trail.steps}]
    if not hurdles or trail.has_written:
        raise LostWay
    hurdle = trail.rng.choice(hurdles)
    keys_found(trail, tool, hurdle.blocked)
    trail.mark_hurdle(act(trail, hurdle.helper, hurdle.helping, kept=True))
    act(trail, tool, hurdle.blocked, kept=True)


def _do_all(trail: Trail, ground: Ground) -> None:
    """The same change to all rows that one selector names."""
    act_on_all(trail, _linked(trail, ground, [tool for tool in ground.writers if len(ground.needs[tool.name]) == 1]), ground)


def _look_up(trail: Trail, ground: Ground) -> None:
    """Something to find out about a row."""
    readers = [tool for tool in ground.readers if ground.needs[tool.name]]
    tool = _linked(trail, ground, readers)
    opening = _opening(trail, ground, tool)
    keys, named = keys_found(trail, tool, opening)
    if set(tool.parameters.get("required", ())) - set(keys):
        raise LostWay
    step = trail.call(tool, keys, named)
    if step is None:
        raise LostWay
    _ask(trail, ground, step, named[-1] if named else None)


def _total(trail: Trail, ground: Ground) -> None:
    """How many rows one selector names, or what they come to."""
    place = trail.rng.choice([place for place in ground.places.values() if len(place.rows) > 2])
    if trail.has_written:
        raise LostWay
    selector, found = find_all(trail, place, frozenset(place.rows), 9)
    step = int(found[0].path.split("[")[0].split(".")[0])
    sources = [s for s in ground.sources[trail.steps[step].tool] if s.many and len(s.rows(trail.results[step])) == len(found)]
    if not sources:
        raise LostWay
    source = sources[0]
    rows = [row for _, row in source.rows(trail.results[step])]
    index = found[0].selector
    amounts = [f for f in source.fields if any(x.home == (f.table, f.column) and x.kind == "amount" for x in place.facts)]
    path = f"{step}{source.path}"
    if amounts and trail.rng.random() < 0.5:
        field = trail.rng.choice(amounts)
        total = sum(row[field.name] or 0 for row in rows)
        label = f"the total {label_of_field(field.name)} of those"
        trail.asked.append(Asked(label=label, value=total, reference={"sum": path, "field": field.name}, selector=index))
    else:
        trail.asked.append(Asked(label=f"how many there are ({selector.noun})", value=len(rows), reference={"count": path}, selector=index))


GOALS: tuple[Callable[[Trail, Ground], None], ...] = (_do, _do_all, _over_hurdle, _look_up, _total)
WEIGHTS = (42, 12, 14, 22, 10)


def label_of_field(name: str) -> str:
    """What a result's field is called in a question."""
    return words(name) + (" in cents" if name.endswith("_cents") else "")


def _ask_of_result(trail: Trail, ground: Ground) -> None:
    """What the last change said that nobody told it."""
    step = max(index for index, one in enumerate(trail.steps) if one.writes)
    _ask(trail, ground, step, trail.steps[step].selectors[-1] if trail.steps[step].selectors else None)


def _ask(trail: Trail, ground: Ground, step: int, selector: int | None) -> None:
    """Asks for one or two values of a result; raises LostWay where there is nothing to ask for."""
    said = {repr(s.value) for found in trail.selectors for s in found.said} | {repr(s.value) for s in trail.settings}
    said |= {repr(asked.value) for asked in trail.asked}
    offers = [
        o for source in ground.sources[trail.steps[step].tool] for o in _offers(source, step, trail, ground) if repr(o.value) not in said
    ]
    if not offers:
        raise LostWay
    chosen = trail.rng.sample(offers, min(len(offers), trail.rng.choice((1, 1, 2))))
    trail.asked += [asked.model_copy(update={"selector": selector}) for asked in chosen]


def _offers(source: Source, step: int, trail: Trail, ground: Ground) -> Iterator[Asked]:
    rows = source.rows(trail.results[step])
    if source.many:
        if len(rows) > 1 and source.path:
            label = f"how many {words(source.path[1:])} it has"
            yield Asked(label=label, value=len(rows), reference={"count": f"{step}{source.path}"})
        return
    for path, row in rows:
        for name, value in row.items():
            if _can_be_asked(source, name, value, ground):
                yield Asked(label=label_of_field(name), value=value, reference={"$ref": f"{step}{path}.{name}"})


def _can_be_asked(source: Source, name: str, value: Any, ground: Ground) -> bool:
    if value in (None, "") or isinstance(value, bool | list | dict) or name == "id" or name.endswith("_id"):
        return False
    start = ground.bench.draft.clock.start
    if isinstance(value, str) and (value.startswith(start[:13]) or len(value) > 120):
        return False
    field = next((f for f in source.fields if f.name == name), None)
    root = root_of((field.table, field.column), ground.catalog) if field else ("", "")
    return root[0] not in ground.places or ground.places[root[0]].key != root[1]


def _finished(trail: Trail, walk_id: str) -> Walk | None:
    """The walk, carried out again from the start and once more with the clock ahead; None where that differs, or nothing was wanted."""
    ground = trail.terrain
    writes = trail.has_written
    if not trail.steps or not (writes or trail.asked):
        return None
    first = _replayed(trail, 0)
    again = _replayed(trail, _CLOCK_SHIFT)
    if first is None or again is None or first[0] != trail.results or bool(first[1]) is not writes:
        return None
    volatile = _volatile(first[1], again[1])
    kind: Kind = "read" if not writes else "mixed" if trail.asked else "write"
    checks = checks_of(first[1], volatile, ground) if writes else ()
    if writes and not checks:
        return None
    if any(_stale(asked, again[0], first[0]) for asked in trail.asked):
        return None
    steps = tuple(step.model_copy(update={"result": shortened(result)}) for step, result in zip(trail.steps, first[0], strict=True))
    return Walk(
        id=walk_id,
        kind=kind,
        steps=steps,
        selectors=tuple(trail.selectors),
        settings=tuple(trail.settings),
        asked=tuple(trail.asked),
        checks=checks,
        tables=_tables(trail, first[1]),
        hurdles=trail.hurdles,
    )


def _replayed(trail: Trail, shift: int) -> tuple[list[Any], tuple[RowChange, ...]] | None:
    environment = trail.environment
    environment.reset()
    for _ in range(shift):
        environment.call_tool("")
    done = replay(environment, trail.solution)
    return None if done.failed_at is not None else ([o.result for o in done.observations], environment.difference())


def _volatile(one: Sequence[RowChange], other: Sequence[RowChange]) -> frozenset[str]:
    """The columns whose end values hang on when the calls were made."""
    ahead = {(c.table, c.key): c.after or {} for c in other}
    return frozenset(
        f"{c.table}.{column}".lower()
        for c in one
        for column, value in (c.after or {}).items()
        if ahead.get((c.table, c.key), {}).get(column) != value
    )


def _stale(asked: Asked, later: list[Any], now: list[Any]) -> bool:
    """Whether an answer hangs on the clock."""
    path = next(iter(asked.reference.values()))
    index = int(path.split("[")[0].split(".")[0])
    return bool(later[index] != now[index]) and asked.reference.get("$ref") is not None and _at(path, later) != _at(path, now)


def _at(path: str, results: list[Any]) -> Any:
    return resolve({"$ref": path}, results)


def _tables(trail: Trail, changes: Sequence[RowChange]) -> tuple[str, ...]:
    """The tables that the walk's rows come from or go into."""
    named = [selector.condition.table for selector in trail.selectors]
    return tuple(dict.fromkeys((*named, *(change.table for change in changes))))


def shortened(value: Any, most: int = 3) -> Any:
    """A result cut to a few rows, for those who read it."""
    if isinstance(value, dict):
        return {key: shortened(part, most) for key, part in value.items()}
    if isinstance(value, list):
        return [shortened(part, most) for part in value[:most]]
    return value
