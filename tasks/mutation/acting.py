"""Near misses that act: a write left out, out of order, too often, undone, or one too many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from artifacts.agent_task import ToolCall
from artifacts.identity import seed_of
from tasks.mutation.changing import in_turn, on_another
from tasks.mutation.mutant import Deed, Kind, Mutant, Subject
from tasks.mutation.undoing import undoing_calls


def dropped(subject: Subject) -> Iterator[Mutant]:
    """Without one of the writes."""
    for slot in subject.writes:
        deeds = tuple(deed for deed in subject.deeds if deed.slot != slot)
        yield Mutant("write dropped", f"without call {slot} ({subject.task.solution[slot].tool})", deeds, subject.answer)


def swapped(subject: Subject) -> Iterator[Mutant]:
    """With two writes that follow each other, and touch the same tables, the other way round."""
    for first, second in pairwise(subject.writes):
        if _dependent(first, second, subject):
            deeds = list(subject.deeds)
            deeds[first], deeds[second] = _literal(subject, second), _literal(subject, first)
            detail = f"with {deeds[first].call.tool} before {deeds[second].call.tool}"
            yield Mutant("writes swapped", detail, tuple(deeds), subject.answer)


def _literal(subject: Subject, slot: int) -> Deed:
    """A call with the values that its references stand for."""
    return Deed(slot, ToolCall(tool=subject.task.solution[slot].tool, arguments=subject.arguments[slot]), altered=True)


def _dependent(first: int, second: int, subject: Subject) -> bool:
    one, other = (subject.bench.usages[subject.task.solution[slot].tool] for slot in (first, second))
    read_by = [{table for table, _ in usage.reads} for usage in (one, other)]
    return bool(set(one.writes) & {*other.writes, *read_by[1]} or set(other.writes) & read_by[0])


def twice(subject: Subject) -> Iterator[Mutant]:
    """With one of the writes done again at once."""
    for slot in subject.writes:
        again = Deed(None, ToolCall(tool=subject.task.solution[slot].tool, arguments=subject.arguments[slot]), altered=True)
        deeds = (*subject.deeds[: slot + 1], again, *subject.deeds[slot + 1 :])
        yield Mutant("done twice", f"with call {slot} ({again.call.tool}) done twice", deeds, subject.answer)


def undone(subject: Subject) -> Iterator[Mutant]:
    """With a call at the end that takes one of the changes back."""
    for call in undoing_calls(subject):
        yield _more(subject, "done and undone", call.tool, call.arguments, f"and then {call.tool} {call.arguments!r}"[:300])


def extra(subject: Subject) -> Iterator[Mutant]:
    """With one more change: a write done for another row too, or a call that has nothing to do with the task."""
    return in_turn([_on_others_too(subject), _unasked(subject)])


def _on_others_too(subject: Subject) -> Iterator[Mutant]:
    for slot in subject.writes:
        for arguments, told in on_another(subject, slot):
            tool = subject.task.solution[slot].tool
            yield _more(subject, "extra write", tool, arguments, f"with {tool} for {told} too")


def _unasked(subject: Subject) -> Iterator[Mutant]:
    """The examples of other tools that write, from a place in their order that differs from task to task."""
    used = {call.tool for call in subject.task.solution}
    others = [tool for tool in subject.bench.tools if tool.name not in used and subject.bench.usages[tool.name].writes and not tool.prepare]
    start = seed_of("extra writes", subject.task.id, len(others)) % max(1, len(others))
    for tool in (*others[start:], *others[:start]):
        yield _more(subject, "extra write", tool.name, tool.example, f"with {tool.name} on top")


def _more(subject: Subject, kind: Kind, tool: str, arguments: dict[str, Any], detail: str) -> Mutant:
    deed = Deed(None, ToolCall(tool=tool, arguments=arguments), altered=True)
    return Mutant(kind, detail, (*subject.deeds, deed), subject.answer)
