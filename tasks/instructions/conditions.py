"""The ambiguity gate: what an instruction says of the data fits the entities that the reference touches, and no others."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from artifacts.agent_task import AgentTask, Condition
from artifacts.errors import InvalidInput
from artifacts.verdict import Diagnostic
from tasks.instructions.extremes import superlatives
from tasks.instructions.inference import Finding, Reader
from tasks.instructions.rows import Key, Known, Rows
from tasks.instructions.telling import row_in_words, what_differs
from tasks.instructions.ties import tie_problems
from tasks.instructions.weakening import as_far_as_said, superlatives_in
from tasks.sql.statements import statement_problems
from tasks.trials.workbench import Workbench

_ROWS = "rows that a person may know"


def reader_of(task: AgentTask, bench: Workbench) -> Reader | None:
    """The reading of a task, made once; None where its solution cannot be replayed, which other gates tell."""
    if any(call.tool not in bench.usages for call in task.solution):
        return None
    done, changes = bench.reference(task)
    if done.failed_at is not None:
        return None
    bench.environment.reset()
    return Reader(task, done, changes, bench, _known(bench))


def _known(bench: Workbench) -> Known:
    """What a person may know of the rows, made once; it holds its workbench, so the workbench holds it, and both end together."""
    found = bench.probed.get(_ROWS)
    if not isinstance(found, Known):
        found = bench.probed[_ROWS] = Known(bench)
    return found


def with_conditions(task: AgentTask, bench: Workbench) -> AgentTask:
    """The task with conditions that its words give on this data, where its author gave none and they decide every pick."""
    reader = None if task.conditions else reader_of(task, bench)
    if reader is None or any(finding.rivals for finding in reader.read):
        return task
    found = dict.fromkeys(finding.condition for finding in reader.read if finding.condition is not None)
    return task.model_copy(update={"conditions": tuple(found)}) if found else task


def condition_problems(task: AgentTask, bench: Workbench) -> Iterator[Diagnostic]:
    """Conditions that are no queries, fit too much or too little, or say more than the instruction; picks that nothing decides."""
    reader = reader_of(task, bench)
    if reader is None:
        return
    inferred = {finding.condition for finding in reader.read}
    selected: set[tuple[str, Key]] = set()
    for index, condition in enumerate(task.conditions):
        place = f"task:{task.id}/conditions/{index}"
        broken = tuple(_form_problems(condition, place, reader))
        yield from broken
        if not broken:
            keys = reader.keys_of(condition)
            selected |= {(condition.table.lower(), key) for key in keys}
            yield from _fit_problems(condition, keys, place, reader)
            if condition not in inferred:
                yield from _saying_problems(condition, keys, reader)
    if task.origin != "walk":
        yield from tie_problems(reader)
    for finding in reader.read:
        if finding.rivals and (finding.choice.table, finding.choice.key) not in selected:
            yield _ambiguous(finding, reader)


def _form_problems(condition: Condition, place: str, reader: Reader) -> Iterator[Diagnostic]:
    """What keeps a condition from being a query for the keys of its table."""
    yield from statement_problems(condition.sql, "read", place)
    table = reader.known.catalog.tables.get(condition.table.lower())
    if table is None:
        yield Diagnostic(code="task.condition", place=place, message=f"There is no table {condition.table}.")
    elif not statement_problems(condition.sql, "read", place):
        try:
            rows = reader.bench.environment.query(condition.sql)
        except InvalidInput as trouble:
            yield Diagnostic(code="task.condition", place=place, message=str(trouble), hint=f"Select {table.name}'s key.")
            return
        columns = [name.lower() for name in rows[0]] if rows else []
        wanted = [name.lower() for name in table.primary_key]
        # A parent's row shows the key under a longer name: `members.member_id` is `id` of members.
        alone = len(columns) == len(wanted) == 1 and columns[0].endswith(wanted[0])
        if columns and not alone and sorted(columns) != sorted(wanted):
            message = f"The condition gives {', '.join(columns)}, not the key of {table.name}."
            yield Diagnostic(code="task.condition", place=place, message=message, hint=f"SELECT {', '.join(table.primary_key)} FROM …")


def _fit_problems(condition: Condition, keys: Collection[Key], place: str, reader: Reader) -> Iterator[Diagnostic]:
    """Rows that a condition gives and the reference leaves alone, or none at all."""
    table = condition.table.lower()
    rows = reader.known.of(table)
    touched = reader.touched.get(table, frozenset())
    if not keys:
        message = f"The condition '{condition.name}' fits no row of {rows.table.name}."
        yield Diagnostic(code="task.condition_empty", place=place, message=message, hint="Correct it, or the data that it is about.")
    elif touched and not set(keys) <= touched and not (reader.task.answer is not None and reader.lists(len(keys))):
        shown = _shown(keys, rows)
        picked = _shown(touched & set(keys), rows) or "none of them"
        message = f"The condition '{condition.name}' fits {len(keys)} rows of {rows.table.name} ({shown}); the solution takes {picked}."
        yield Diagnostic(
            code="task.condition_fits", place=place, message=message, hint="Add the fact that tells them apart, in the words too."
        )


def _saying_problems(condition: Condition, keys: Collection[Key], reader: Reader) -> Iterator[Diagnostic]:
    """Facts of a condition that the instruction leaves out, where more rows fit without them."""
    spare = superlatives_in(one.sql for one in reader.task.conditions) <= len(superlatives(reader.saying))
    weakened = as_far_as_said(condition.sql, reader.saying, reader.known.catalog, spare)
    if not weakened.unsaid:
        return
    rows = reader.known.of(condition.table.lower())
    fitting = reader.keys_of(condition.model_copy(update={"sql": weakened.sql}))
    others = fitting - set(keys)
    if weakened.states:
        others = reader.possible_too(condition.table.lower(), others)
    if others:
        message = f"The instruction does not say {' or '.join(weakened.unsaid)}; it fits {_shown(others | set(keys), rows)}."
        hint = f"Say it in everyday words, so that only {_shown(keys, rows)} fits."
        yield Diagnostic(code="task.ambiguous", place=f"task:{reader.task.id}/instruction", message=message, hint=hint)


def _ambiguous(finding: Finding, reader: Reader) -> Diagnostic:
    rows = reader.known.of(finding.choice.table)
    key = finding.choice.key
    place = f"task:{reader.task.id}/instruction"
    count = len(finding.rivals) + 1
    shown = _shown([key, *sorted(finding.rivals, key=repr)], rows)
    hint = f"Say what tells the one that the solution takes from the others: {what_differs(rows, key, finding.rivals)}."
    if finding.tie:
        message = f"{count} rows of {rows.table.name} tie by {finding.tie}: {shown}."
        return Diagnostic(code="task.tie", place=place, message=message, hint=hint)
    message = f"The instruction fits {count} rows of {rows.table.name}: {shown}."
    return Diagnostic(code="task.ambiguous", place=place, message=message, hint=hint)


def _shown(keys: Collection[Key], rows: Rows) -> str:
    told = [row_in_words(rows, key) for key in keys]
    return "; ".join(told[:5]) + (f" and {len(told) - 5} more" if len(told) > 5 else "")
