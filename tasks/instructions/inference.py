"""Which rows an instruction means: conditions for tasks whose author gave none, and why a pick is not decided by the words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from artifacts.agent_task import AgentTask, Condition, ToolCall
from artifacts.observation import RowChange
from containers.reference import Replay, UnresolvedReference, resolve
from tasks.instructions.choices import Choice, choices_of
from tasks.instructions.completeness import literals_of
from tasks.instructions.extremes import Extreme, extreme_sql, extremes_of, stems_of
from tasks.instructions.facts import Fact, all_of, fewest, said_facts
from tasks.instructions.listed import listed_condition
from tasks.instructions.rows import Key, Known, Rows, literal
from tasks.instructions.saying import Saying, saying_of
from tasks.trials.workbench import Workbench

MAX_RIVALS = 12
"""The most other rows that are tried in the place of a picked one."""


class Finding(NamedTuple):
    """What the words decide of one pick: a condition that fits just it (None where it is decided without), or the rows that fit too."""

    choice: Choice
    condition: Condition | None
    rivals: frozenset[Key] = frozenset()
    tie: str = ""


class Reader:
    """One task being read: its words, its calls, and the rows that it may mean."""

    def __init__(self, task: AgentTask, done: Replay, changes: Sequence[RowChange], bench: Workbench, known: Known) -> None:
        self.task = task
        self.done = done
        self.changes = changes
        self.bench = bench
        self.known = known
        self.saying: Saying = saying_of(task.instruction, bench.draft.clock.start)
        numbers = [part.value for part in literals_of(task, bench) if not bench.usages[part.tool.name].only_reads]
        self.settings = frozenset(value for value in numbers if isinstance(value, int | float))
        self.choices = choices_of(task, done, bench)

    @cached_property
    def read(self) -> tuple[Finding, ...]:
        """What the words decide of each pick, read once."""
        self.bench.environment.reset()
        return tuple(self.findings())

    @property
    def results(self) -> list[Any]:
        """What the reference's calls gave."""
        return [observation.result for observation in self.done.observations]

    def findings(self) -> Iterator[Finding]:
        """What the words decide of each pick; picks out of one list that cannot be told apart are taken together."""
        waiting: list[tuple[Choice, Finding]] = []
        for choice in self.choices:
            found = self.of(choice)
            if found.rivals:
                waiting.append((choice, found))
            else:
                yield found
        for choice, found in waiting:
            yield self.together(choice) or found

    @cached_property
    def touched(self) -> dict[str, frozenset[Key]]:
        """The rows of the initial state that the reference picks, changes or hangs new rows on, by table."""
        found: dict[str, set[Key]] = defaultdict(set)
        for choice in self.choices:
            found[choice.table].add(choice.key)
        for change in self.changes:
            if change.before is not None:
                found[change.table.lower()].add(tuple(change.key))
            for parent in self.known.catalog.tables[change.table.lower()].foreign_keys:
                value = (change.after or {}).get(parent.columns[0])
                if len(parent.columns) == 1 and value is not None and value != (change.before or {}).get(parent.columns[0]):
                    found[parent.parent.lower()].add((value,))
        return {table: frozenset(keys) for table, keys in found.items()}

    def lists(self, count: int) -> bool:
        """Whether some call showed so many rows at once, so that an answer may be about them all."""
        return any(_longest(result) >= count for result in self.results)

    def possible_too(self, table: str, others: frozenset[Key]) -> frozenset[Key]:
        """Those of some rows with which every changing call that takes a row of their table would succeed too."""
        for choice in self.choices:
            if choice.table == table and not self.bench.usages[self.task.solution[choice.call].tool].only_reads:
                others &= self.possible(choice, others | {choice.key})
        return others

    def of(self, choice: Choice) -> Finding:
        """What the words decide of one pick alone."""
        rows = self.known.of(choice.table)
        if choice.key not in rows.keys:
            return Finding(choice, None)  # made by an earlier call: no other row is meant
        wanted = frozenset([choice.key])
        base, scope = self.scope(rows, choice)
        if scope == wanted:
            return Finding(choice, self.condition(rows, base, [], "the only one"))
        facts = self.facts(rows, choice)
        for start, within in (([], frozenset(rows.keys)), (base, scope)):
            kept = fewest(facts, within, wanted)
            if kept is not None:
                return Finding(choice, self.condition(rows, start, kept))
        return self.narrowed(choice, rows, base, facts, all_of(facts, scope))

    def facts(self, rows: Rows, choice: Choice) -> list[Fact]:
        """What is said of a picked row; names that other picks go by are not taken for its children's."""
        return said_facts(rows, choice.key, self.saying, self.settings | self.names - self.names_of(choice))

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all picked rows."""
        return frozenset(name for choice in self.choices for name in self.names_of(choice))

    def names_of(self, choice: Choice) -> frozenset[str]:
        """The texts that are said of a picked row and its parents."""
        fields = self.known.of(choice.table).fields
        return frozenset(v for f in fields if not f.many and f.kind == "text" for v in f.of(choice.key) if self.saying.says_words(v))

    def scope(self, rows: Rows, choice: Choice) -> tuple[list[Fact], frozenset[Key]]:
        """The rows that are the signed-in user's too, where the list shows no others; all rows otherwise."""
        me = self.bench.draft.me
        keys = frozenset(rows.keys)
        if choice.table == self.known.people and choice.key == (me,):
            own = f't."{rows.table.primary_key[0]}" = :me'
            return [Fact("my own", own, frozenset([choice.key]), 9)], frozenset([choice.key])
        shown = {(row.get(choice.field),) for row in choice.among} or {choice.key}
        for field in rows.owners:
            held = frozenset(key for key in rows.keys if field.of(key) == (me,))
            if choice.key in held and shown & keys <= held:
                return [Fact("mine", f"{field.sql} = :me", held, 9)], held
        return [], keys

    def narrowed(self, choice: Choice, rows: Rows, base: list[Fact], facts: list[Fact], left: frozenset[Key]) -> Finding:
        """By what goes without saying (only some rows can be acted on), by a superlative, or by what the list itself holds."""
        wanted = frozenset([choice.key])
        implied = self.implied(rows, choice.key, left)
        can = self.possible(choice, left)
        kept = [*base, *(fact for fact in facts if fact.keys != frozenset(rows.keys))]
        if can == wanted and all_of(implied, left) == wanted:
            return Finding(choice, self.condition(rows, kept, _needed(implied, left, wanted)))
        tie = ""
        for extra in ([], implied):
            among = all_of(extra, left)
            for extreme in extremes_of(rows, choice.key, among, self.saying, self.nouns(choice, kept)):
                tie = tie or (extreme.field.label if extreme.ties else "")
                found = None if extreme.ties else self.extreme(choice, rows, [*kept, *_needed(extra, left, among)], extreme)
                if found is not None:
                    return found
        listed = listed_condition(choice, self, rows)
        if listed is not None or can == wanted:
            return Finding(choice, listed or None)
        return Finding(choice, None, can - wanted, tie)

    def extreme(self, choice: Choice, rows: Rows, narrowing: list[Fact], extreme: Extreme) -> Finding | None:
        """The finding of a superlative, where its query gives just the pick."""
        part = Fact(
            f"{extreme.direction} {extreme.field.label}", extreme_sql(extreme, rows.table.name, narrowing), frozenset([choice.key]), 1
        )
        condition = self.condition(rows, narrowing, [part])
        return Finding(choice, condition) if self.keys_of(condition) == {choice.key} else None

    def keys_of(self, condition: Condition) -> frozenset[Key]:
        """The keys that a condition gives on the initial state."""
        return frozenset(tuple(row.values()) for row in self.bench.environment.query(condition.sql))

    def nouns(self, choice: Choice, facts: Sequence[Fact] = ()) -> frozenset[str]:
        """What the rows of a pick may be called: by their table, by the tool that shows them, and by what is said of them."""
        source = self.task.solution[choice.source].tool if choice.source >= 0 else ""
        return stems_of(choice.table, source, *(fact.words for fact in facts))

    def implied(self, rows: Rows, key: Key, left: frozenset[Key]) -> list[Fact]:
        """The state that a row is in, by its choices and by what is not filled in: what a wish may take for granted."""
        found = []
        for field in rows.fields:
            if not field.near or field.many:
                continue
            value = field.of(key)
            if field.kind == "choice" or not value:
                sql = f"{field.sql} IS {literal(value[0] if value else None)}"
                keys = frozenset(k for k in rows.keys if field.of(k) == value)
                if not left <= keys:
                    found.append(Fact(f"{field.label} {value[0] if value else 'not set'}", sql, keys, 1))
        return found

    def possible(self, choice: Choice, among: frozenset[Key]) -> frozenset[Key]:
        """The rows with which the call that takes the pick succeeds from the start; all of them where it only reads."""
        call = self.task.solution[choice.call]
        if self.bench.usages[call.tool].only_reads or len(among) > MAX_RIVALS:
            return among
        others = sorted((key for key in among if key != choice.key), key=repr)
        return frozenset([choice.key]) | {key for key in others if self.succeeds(call, choice, key)}

    def succeeds(self, call: ToolCall, choice: Choice, key: Key) -> bool:
        """Whether a call succeeds on the initial state with another row in the place of the picked one."""
        try:
            arguments = resolve(call.arguments, self.results[: choice.call])
        except UnresolvedReference:
            return False
        swapped = _swapped(arguments, choice.parameter, choice.key[0], key[0])
        self.bench.environment.reset()
        done = self.bench.environment.call_tool(call.tool, swapped).ok
        self.bench.environment.reset()
        return done

    def together(self, choice: Choice) -> Finding | None:
        """All rows that were picked out of a table, where they are all that the facts which they share leave."""
        rows = self.known.of(choice.table)
        picked = [one for one in self.choices if one.table == choice.table and one.key in rows.keys]
        wanted = frozenset(one.key for one in picked)
        if len(wanted) < 2:
            return None
        base, scope = self.scope(rows, choice)
        each = [said_facts(rows, key, self.saying, self.settings) for key in sorted(wanted, key=repr)]
        shared = [fact for fact in each[0] if wanted <= fact.keys]
        left = all_of(shared, scope)
        implied = [fact for fact in self.implied(rows, choice.key, left) if wanted <= fact.keys]
        for extra in ([], implied):
            kept = fewest([*shared, *extra], scope, wanted)
            if kept is not None:
                return Finding(choice, self.condition(rows, base, kept))
        if len(picked) == len(choice.among) and {one.source for one in picked} == {choice.source}:
            listed = listed_condition(choice, self, rows, whole=True)
            return None if listed is None else Finding(choice, listed or None)
        return None

    def condition(self, rows: Rows, base: Sequence[Fact], facts: Sequence[Fact], name: str = "") -> Condition:
        """The condition of some facts."""
        parts = [fact.sql for fact in (*base, *facts)]
        key = ", ".join(f't."{column}"' for column in rows.table.primary_key)
        where = f" WHERE {' AND '.join(parts)}" if parts else ""
        told = ", ".join(fact.words for fact in (*base, *facts))
        noun = rows.table.name.replace("_", " ").removesuffix("s")
        words = f"{noun}: {told or name or 'all'}"
        return Condition(name=words[:300], table=rows.table.name, sql=f'SELECT {key} FROM "{rows.table.name}" t{where}')


def _needed(facts: Sequence[Fact], left: frozenset[Key], wanted: frozenset[Key]) -> list[Fact]:
    """As few of the facts as leave the same rows."""
    return fewest(sorted(facts, key=lambda fact: len(fact.keys)), left, wanted) or list(facts)


def lists_in(result: Any) -> Iterator[list[dict[str, Any]]]:
    """The lists of objects at the top of a result or in one of its parts."""
    for part in result.values() if isinstance(result, dict) else [result]:
        if isinstance(part, list) and part and all(isinstance(row, dict) for row in part):
            yield part


def _longest(result: Any) -> int:
    """The length of the longest list at the top of a result or in one of its parts."""
    parts = result.values() if isinstance(result, dict) else [result]
    return max((len(part) for part in parts if isinstance(part, list)), default=0)


def _swapped(value: Any, name: str, old: Any, new: Any) -> dict[str, Any]:
    return {key: _exchanged(part, old, new) if key == name else part for key, part in value.items()}


def _exchanged(value: Any, old: Any, new: Any) -> Any:
    if isinstance(value, list):
        return [_exchanged(part, old, new) for part in value]
    if isinstance(value, dict):
        return {key: _exchanged(part, old, new) for key, part in value.items()}
    return new if value == old else value
