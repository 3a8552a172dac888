"""Near misses that answer: wrongly, in part, with nothing, with everything, or with nothing done; and those that read the wrong thing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from artifacts.agent_task import Scalar
from containers.answers import matches
from tasks.mutation.changing import in_turn
from tasks.mutation.mutant import Deed, Mutant, Subject
from tasks.mutation.places import Pick, beside, found_at, moved, moved_path, picks_in, places_of, same_value, siblings
from tasks.mutation.values import day_of, valid_values
from tasks.sql.programs import parameter_schema
from tasks.trials.candidates import value_candidates

NO_ANSWERS: tuple[object, ...] = (None, "", [], "I have taken care of it.")


def missing_answer(subject: Subject) -> Iterator[Mutant]:
    """Everything done, and nothing told."""
    if subject.answer is not None:
        yield from (Mutant("missing answer", f"answering {said!r}", None, said) for said in NO_ANSWERS)


def wrong_answer(subject: Subject) -> Iterator[Mutant]:
    """Everything done, and one value of the answer wrong: another row's, another field's, or one slightly off."""
    places = places_of(subject.answer or (), subject.results)
    return in_turn([_wrong_at(subject, index, place) for index, place in enumerate(places)])


def _wrong_at(subject: Subject, index: int, place: str | None) -> Iterator[Mutant]:
    answer = subject.answer or []
    value = answer[index]
    near = (*beside(place, subject.results), *siblings(place, subject.results)) if place else ()
    for wrong in {repr(other): other for other in (*near, *wrong_values(value))}.values():
        # A value that the answer holds anyway is told beside it; `partial_answer` looks at those.
        if not any(same_value(wrong, right) for right in answer):
            given = [*answer[:index], wrong, *answer[index + 1 :]]
            yield Mutant("wrong answer", f"answering {wrong!r} instead of {value!r}", None, given)


def wrong_values(value: Scalar) -> Iterator[Scalar]:
    """Different values of the same kind."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 7, value + 1, value - 1, value * 10 if value else 10, -value if value else -1)
    elif value is None:
        yield "something"
    else:
        day = day_of(value)
        yield (day + timedelta(days=1)).isoformat() + value[10:] if day else f"not-{len(value)}-what-was-asked"


def partial_answer(subject: Subject) -> Iterator[Mutant]:
    """Everything done, and only a part of the answer told: all values but one, or a part of a text."""
    answer = subject.answer or []
    for index, value in enumerate(answer):
        rest = [*answer[:index], *answer[index + 1 :]]
        if rest and not _told(value, rest):
            yield Mutant("partial answer", f"leaving {value!r} out of the answer", None, rest)
        for part in _parts(value):
            if not _told(value, [part, *rest]):
                yield Mutant(
                    "partial answer", f"answering {part!r} instead of {value!r}", None, [*answer[:index], part, *answer[index + 1 :]]
                )


def _told(value: Scalar, others: list[Any]) -> bool:
    """Whether a value is told by the others too, as "14 Mill Lane, Ashford" tells "Ashford"."""
    texts = [other for other in others if isinstance(other, str) and isinstance(value, str)]
    return any(same_value(value, other) for other in others) or any(matches([value], text) for text in texts)


def _parts(value: Scalar) -> Iterator[str]:
    words = value.split() if isinstance(value, str) and day_of(value) is None else []
    if len(words) > 1:
        yield " ".join(words[:-1])
        yield " ".join(words[1:])


def every_candidate(subject: Subject) -> Iterator[Mutant]:
    """Everything done, and every value that a list offered told instead of the one that was asked for."""
    answer = subject.answer or []
    for index, place in enumerate(places_of(answer, subject.results)):
        offered = list(dict.fromkeys(beside(place, subject.results))) if place else []
        if len(offered) > 1 and any(not _told(other, answer) for other in offered):
            given = [*answer[:index], *offered, *answer[index + 1 :]]
            yield Mutant("every candidate", f"answering all {len(offered)} that were offered, {answer[index]!r} among them", None, given)


def without_work(subject: Subject) -> Iterator[Mutant]:
    """The right answer, or silence, with no change made; the instruction given back as the answer."""
    if subject.writes:
        yield Mutant("answer without work", "with nothing done and the right answer", (), subject.answer)
    if subject.answer is not None:
        yield Mutant("answer without work", "with nothing done and the instruction as the answer", (), subject.task.instruction)


def misread(subject: Subject) -> Iterator[Mutant]:
    """A look-up asked otherwise, or the wrong row taken of what it gave, and everything after it done with that."""
    return in_turn([_wrong_rows(subject), _wrong_look_ups(subject)])


def _wrong_rows(subject: Subject) -> Iterator[Mutant]:
    places = places_of(subject.answer or (), subject.results)
    picks = dict.fromkeys(pick for call in subject.task.solution for pick in picks_in(call.arguments))
    return in_turn([_wrong_row(subject, pick, places) for pick in picks])


def _wrong_row(subject: Subject, pick: Pick, places: tuple[str | None, ...]) -> Iterator[Mutant]:
    held = found_at(pick.rows, subject.results)
    count = len(held) if isinstance(held, list) else 0
    near = dict.fromkeys((pick.place + 1, pick.place - 1, 0, count - 1, *range(count)))
    for index in near:
        if 0 <= index < count and index != pick.place:
            deeds = tuple(_moved(deed, pick, index) for deed in subject.deeds)
            shifted = tuple(place and moved_path(place, pick, index) for place in places)
            detail = f"taking row {index} of {pick.rows} instead of row {pick.place}"
            yield Mutant("misread", detail, deeds, subject.answer, followed=True, places=shifted)


def _moved(deed: Deed, pick: Pick, index: int) -> Deed:
    return Deed(deed.slot, deed.call.model_copy(update={"arguments": moved(deed.call.arguments, pick, index)}))


def _wrong_look_ups(subject: Subject) -> Iterator[Mutant]:
    places = places_of(subject.answer or (), subject.results)
    reads = [slot for slot in range(len(subject.results)) if slot not in subject.writes]
    asked = [(slot, name, value) for slot in reads for name, value in subject.arguments[slot].items()]
    return in_turn([_wrong_look_up(subject, slot, name, value, places) for slot, name, value in asked])


def _wrong_look_up(subject: Subject, slot: int, name: str, value: Any, places: tuple[str | None, ...]) -> Iterator[Mutant]:
    call = subject.task.solution[slot]
    tool = subject.tool(call.tool)
    others = (*value_candidates(tool, name, subject.bench), *valid_values(value, parameter_schema(tool, name)))
    for other in {repr(other): other for other in others if other != value}.values():
        altered = call.model_copy(update={"arguments": {**call.arguments, name: other}})
        deeds = tuple(Deed(d.slot, altered, altered=True) if d.slot == slot else d for d in subject.deeds)
        detail = f"asking {call.tool} for {name} = {other!r} instead of {value!r}"[:300]
        yield Mutant("misread", detail, deeds, subject.answer, followed=True, places=places)
