"""Near misses that answer: wrongly, in part, with nothing, with everything, or with nothing done; and those that read the wrong thing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from artifacts.agent_task import Scalar
from containers.answers import matches
from tasks.mutation.changing import Argument, arguments_of, in_turn
from tasks.mutation.mutant import Deed, Mutant, Subject
from tasks.mutation.places import Pick, beside, found_at, moved, moved_path, picks_in, same_value, siblings
from tasks.mutation.values import day_of, valid_values
from tasks.trials.candidates import value_candidates

NO_ANSWERS: tuple[object, ...] = (None, "", [], "I have taken care of it.")


def missing_answer(subject: Subject) -> Iterator[Mutant]:
    """Everything done, and nothing told."""
    if subject.answer is not None:
        yield from (Mutant("missing answer", f"answering {said!r}", None, said) for said in NO_ANSWERS)


def wrong_answer(subject: Subject) -> Iterator[Mutant]:
    """Everything done, and one value of the answer wrong: another row's, another field's, or one slightly off."""
    return in_turn([_wrong_at(subject, index, places) for index, places in enumerate(subject.every_place)])


def _wrong_at(subject: Subject, index: int, places: tuple[str, ...]) -> Iterator[Mutant]:
    answer = subject.answer or []
    value = answer[index]
    if value in subject.twice:
        return
    rows = [other for place in places for other in beside(place, subject.results)]
    fields = [other for place in places for other in siblings(place, subject.results) if not _told(value, [other])]
    for wrong in {repr(other): other for other in (*rows, *fields, *wrong_values(value))}.values():
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
        if rest and value not in subject.twice:
            yield Mutant("partial answer", f"leaving {value!r} out of the answer", None, rest)
        for part in _parts(value) if value not in subject.twice else ():
            if not _told(value, [part]):
                given = [*answer[:index], part, *answer[index + 1 :]]
                yield Mutant("partial answer", f"answering {part!r} instead of {value!r}", None, given)


def _told(value: Scalar, others: list[Any]) -> bool:
    """Whether a value is told by others too, as "14 Mill Lane, Ashford" tells "Ashford"."""
    return any(same_value(value, other) for other in others) or (bool(others) and matches([value], others))


def _parts(value: Scalar) -> Iterator[str]:
    words = value.split() if isinstance(value, str) and day_of(value) is None else []
    if len(words) > 1:
        yield " ".join(words[:-1])
        yield " ".join(words[1:])


def every_candidate(subject: Subject) -> Iterator[Mutant]:
    """Everything done, and every value that a list offered told instead of the one that was asked for."""
    values = [index for index, value in enumerate(subject.answer or ()) if value not in subject.twice]
    return in_turn([_candidates_at(subject, index, place) for index in values for place in subject.every_place[index]])


def _candidates_at(subject: Subject, index: int, place: str) -> Iterator[Mutant]:
    """Values that the instruction mentions are left out, since an answer may repeat them."""
    answer = subject.answer or []
    said = subject.task.instruction.casefold()
    others = (value for value in beside(place, subject.results) if value == answer[index] or str(value).casefold() not in said)
    offered = list(dict.fromkeys(others))
    if len(offered) > 1 and any(not _told(other, answer) for other in offered):
        told = f"answering all {len(offered)} that were offered, {answer[index]!r} among them"
        yield Mutant("every candidate", told, None, [*answer[:index], *offered, *answer[index + 1 :]])
        choice = " or ".join(map(str, offered))
        yield Mutant("every candidate", f"{told}, with an 'or' between", None, [*answer[:index], choice, *answer[index + 1 :]])


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
    picks = dict.fromkeys(pick for call in subject.task.solution for pick in picks_in(call.arguments))
    return in_turn([_wrong_row(subject, pick) for pick in picks])


def _wrong_row(subject: Subject, pick: Pick) -> Iterator[Mutant]:
    held = found_at(pick.rows, subject.results)
    count = len(held) if isinstance(held, list) else 0
    near = dict.fromkeys((pick.place + 1, pick.place - 1, 0, count - 1, *range(count)))
    for index in near:
        if 0 <= index < count and index != pick.place:
            deeds = tuple(_moved(deed, pick, index) for deed in subject.deeds)
            shifted = tuple(place and moved_path(place, pick, index) for place in subject.places)
            detail = f"taking row {index} of {pick.rows} instead of row {pick.place}"
            yield Mutant("misread", detail, deeds, subject.answer, followed=True, places=shifted)


def _moved(deed: Deed, pick: Pick, index: int) -> Deed:
    return Deed(deed.slot, deed.call.model_copy(update={"arguments": moved(deed.call.arguments, pick, index)}))


def _wrong_look_ups(subject: Subject) -> Iterator[Mutant]:
    reads = [slot for slot in range(len(subject.results)) if slot not in subject.writes]
    return in_turn([_wrong_look_up(argument) for slot in reads for argument in arguments_of(subject, slot)])


def _wrong_look_up(argument: Argument) -> Iterator[Mutant]:
    subject, slot, name, value = argument
    call = subject.task.solution[slot]
    others = (*value_candidates(argument.tool, name, subject.bench), *valid_values(value, argument.schema))
    for other in {repr(other): other for other in others if other != value}.values():
        altered = call.model_copy(update={"arguments": {**call.arguments, name: other}})
        deeds = tuple(Deed(slot, altered, altered=True) if deed.slot == slot else deed for deed in subject.deeds)
        detail = f"asking {call.tool} for {name} = {other!r} instead of {value!r}"[:300]
        yield Mutant("misread", detail, deeds, subject.answer, followed=True, places=subject.places)
