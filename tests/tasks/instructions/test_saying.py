"""Reading instructions: numbers, amounts, dates and times in whichever way a person writes them."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.instructions.moments import MONTHS
from tasks.instructions.saying import saying_of, unquoted

TODAY = "2026-03-02"
DAYS = st.dates(date(2025, 6, 1), date(2027, 2, 28))


def month(day: date) -> str:
    return MONTHS[day.month - 1].capitalize()


def spellings(day: date) -> list[str]:
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day not in (11, 12, 13) else 0, "th")
    return [
        day.isoformat(),
        f"{day.day} {month(day)} {day.year}",
        f"{day.day}{suffix} of {month(day)} {day.year}",
        f"{month(day)} {day.day}, {day.year}",
        f"{month(day)[:3]} {day.day}{suffix} {day.year}",
        f"{day.day}.{day.month}.{day.year}",
    ]


@given(DAYS)
def test_a_day_is_said_in_any_spelling(day: date) -> None:
    for text in spellings(day):
        assert saying_of(f"Please move it to {text}.", TODAY).says(day.isoformat()), text


@given(DAYS, DAYS)
def test_another_day_is_not_said(day: date, other: date) -> None:
    for text in spellings(day):
        assert saying_of(f"Please move it to {text}.", TODAY).says(other.isoformat()) == (day == other), text


@given(DAYS.filter(lambda day: abs((day - date(2026, 3, 2)).days) < 200))
def test_a_day_without_its_year_is_a_near_one(day: date) -> None:
    saying = saying_of(f"Put me down for the {day.day} {month(day)}.", TODAY)
    assert saying.says(day.isoformat())
    assert not saying.says((day + timedelta(days=1)).isoformat())


@given(DAYS, st.times().map(lambda moment: moment.replace(second=0, microsecond=0)))
def test_a_moment_needs_its_day_and_its_time(day: date, moment: time) -> None:
    stored = f"{day.isoformat()} {moment:%H:%M:%S}"
    half = f"{(moment.hour - 1) % 12 + 1}:{moment.minute:02} {'am' if moment.hour < 12 else 'pm'}"
    for told in (f"at {moment:%H:%M}", f"at {half}"):
        assert saying_of(f"Come on {day.day} {month(day)} {day.year} {told}, please.", TODAY).says(stored), told
    later = (moment.hour + 1) % 24
    if moment not in (time(0, 0), time(23, 59)):  # the ends of a day stand for the day
        assert not saying_of(f"Come on {day.day} {month(day)} {day.year} at {later:02}:{(moment.minute + 7) % 60:02}.", TODAY).says(stored)


@given(st.integers(min_value=100, max_value=10**8))
def test_an_amount_is_said_in_cents_or_in_whole_units(cents: int) -> None:
    for text in (f"{cents}", f"{cents:,}", f"{cents / 100:.2f}", f"{cents // 100:,}.{cents % 100:02} euros"):
        saying = saying_of(f"Pay {text} of it.", TODAY)
        assert saying.says(cents), text
        assert not saying.says(cents + 1), text


@given(st.integers(min_value=0, max_value=99))
def test_numbers_up_to_a_hundred_may_be_words(number: int) -> None:
    ones = (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
    )
    tens = "twenty thirty forty fifty sixty seventy eighty ninety"
    word = (
        ones.split()[number] if number < 20 else tens.split()[number // 10 - 2] + (f"-{ones.split()[number % 10]}" if number % 10 else "")
    )
    assert saying_of(f"Order {word} lamps.", TODAY).says(number)


@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=200),
    st.sampled_from([7, 2.5, "2026-03-05", "18:30", "in_progress", None, True]),
)
def test_any_text_can_be_read(text: str, value: object) -> None:
    saying = saying_of(text, TODAY)
    assert saying.says(value) in (True, False)
    assert saying.says_bound("2026-03-01") in (True, False)
    assert saying.numbers is not None
    assert saying.month_edges is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Remind me two days before.", 48),
        ("Remind me an hour and a half before.", 90),
        ("Lend it for a fortnight.", 14),
        ("Book a dozen of them.", 12),
        ("It is on Saturday.", "2026-03-07"),
        ("I need it tomorrow.", "2026-03-03"),
        ("Come at noon on 5 March.", "2026-03-05 12:00:00"),
        ("Come at half past nine on 5 March.", "2026-03-05 09:30:00"),
        ("The case is in progress.", "in_progress"),
        ("Only the 3 and 5 March.", "2026-03-03"),
    ],
)
def test_what_people_say(text: str, value: object) -> None:
    assert saying_of(text, TODAY).says(value)


@pytest.mark.parametrize(
    ("text", "choice", "said"),
    [
        ("Please cancel it.", "cancelled", True),
        ("Say no to the request.", "declined", True),
        ("Both tests are non-reactive.", "non_reactive", True),
        ("Raise it to critical.", "critical", True),
        ("Raise it.", "critical", False),
        ("Mark it as read.", "archived", False),
    ],
)
def test_a_choice_is_said_by_its_everyday_word(text: str, choice: str, said: bool) -> None:
    assert saying_of(text, TODAY).says_choice(choice) is said


@pytest.mark.parametrize(
    ("text", "bound", "said"),
    [
        ("What came in in February 2026?", "2026-02-28", True),
        ("What came in over the last seven days?", "2026-02-23", True),
        ("What came in this year?", "2026-01-01", True),
        ("What came in in February 2026?", "2026-01-15", False),
        ("What came in?", "2026-02-23", False),
    ],
)
def test_a_bound_follows_from_a_month_or_a_span(text: str, bound: str, said: bool) -> None:
    assert saying_of(text, TODAY).says_bound(bound) is said


def test_quotations_are_not_the_persons_own_words() -> None:
    assert unquoted('Write "some day soon" and \u201ca few\u201d, it\u2019s fine.') == 'Write "" and "", it\u2019s fine.'
