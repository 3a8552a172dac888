from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.agent_task import Scalar
from containers.answers import matches

RIGHT: list[tuple[list[Scalar], object]] = [
    ([42], "42"),
    ([42], "You have 42 orders."),
    ([42], 42),
    ([42], 42.0),
    ([42], "42.00"),
    ([42], ["42"]),
    ([42], "42%"),
    ([42], "#42"),
    ([42], "Order 42: pending"),
    ([5], "5kg"),
    ([0], "0"),
    ([-5], "-5 degrees"),
    ([7], "3 of 7 items"),
    ([12], "between 3 and 12, there are 12."),
    ([2], "2, 3 and 4"),
    ([1000000], "1,000,000"),
    ([1234.5], "It costs 1,234.50."),
    ([1234.5], "$1,234.50"),
    ([1234.5], "1 234.50 EUR"),
    ([123450], "$1,234.50"),
    ([123450], "USD 1234.50"),
    ([123450], "1,234.50 euros"),
    (["1,234.50"], "1234.5"),
    (["$24.50"], "It is $24.50."),
    ([4.333333], "about 4.33"),
    (["007"], "agent 007"),
    (["2026-03-02"], "It is due on March 2, 2026."),
    (["2026-03-02"], "the 2nd of march 2026"),
    (["2026-03-02"], "2 Mar 2026"),
    (["2026-03-02"], "2026/3/2"),
    (["2026-03-02"], "02.03.2026"),
    (["2026-03-13"], "03/13/2026"),
    (["2026-03-02"], "2026-03-02T09:00:00Z"),
    (["2026-03-02 09:00:00"], "2 March 2026 at 9:00 AM"),
    (["2026-03-02 09:00:00"], "2026-03-02 09:00"),
    (["2026-03-02 21:30:05"], "2026-03-02T21:30:05"),
    (["March 2, 2026"], "2026-03-02"),
    (["Blue Kettle"], "the  blue\nkettle."),
    (["in_transit"], "It is in transit"),
    (["O'Hara"], "Ann O\u2019Hara"),
    (["Caf\u00e9"], "CAFE\u0301"),
    (["ann@x.org"], "Her mail is ann@x.org."),
    (["INV-0042"], "(INV-0042)"),
    (["A-12"], "room A\u201112, please"),
    (["14:30"], "It starts at 2:30 PM."),
    (["14:30"], "at 14:30."),
    ([3], "a 3-night stay"),
    ([42], "**42**"),
    (["yes"], "Yes"),
    ([True], "Yes, it is."),
    ([True], True),
    ([True], "true"),
    ([False], "No."),
    ([False], "it is not available"),
    ([False], False),
    ([None], "There is none."),
    ([3, "pending"], {"count": 3, "status": "Pending"}),
    ([1, 2, 3], [3, 2, 1]),
    (["Mug", "Tea"], "- Tea\n- Mug"),
    (["beginner", 4800], '["beginner",4800]'),
    ([4800, "beginner"], '{"level":"beginner","price":4800}'),
    ([3], "There are three open orders."),
    ([25], "twenty-five"),
    ([120], "a hundred and twenty"),
    ([1], "You have one order."),
    ([0], "You have no open orders."),
    ([0], "zero"),
    ([123450], "1.234,50 EUR"),
    ([1250], "12,50 \u20ac"),
    ([24.5], "2450 cents"),
    ([2400], "24 dollars"),
    (["Salt & Pepper"], "salt and pepper"),
    (["12:00"], "at noon"),
    (["09:30"], "from 9:30"),
    (["2026-03-02 09:00:00"], "9:00 AM on Monday, 2 March 2026"),
    (["2026-03-02"], ["The day is\nMarch 2, 2026"]),
    (["Alice", "Bob"], "Alice or Bob"),
    ([12, 14], "12 or 14"),
    (["Alice"], "Alice, or in other words the first of the list"),
    ([True], "Yes, no fee applies."),
    ([42], "42 or more"),
    (["42"], "forty-two"),
    (["Carrow Store"], ["Carrow Store", 3]),
    ([5], [5, "Done."]),
    ([5, 1200], ["$12.00", 5]),
    (["2026-03-28 10:00:00"], ["28 March 2026 at 10:00", "at noon"]),
    (["Ask ann@x.org first"], "ask ann@x.org first!"),
]

WRONG: list[tuple[list[Scalar], object]] = [
    ([42], "142"),
    ([42], "421"),
    ([42], "4.2"),
    ([42], "42.5"),
    ([42], "1,42"),
    ([42], "A42"),
    ([42], "INV-42"),
    ([42], "3:42"),
    ([42], "42-7"),
    (["14:30"], "at 4:30"),
    ([42], ""),
    ([42], "   "),
    ([42], None),
    ([42], []),
    ([42], {}),
    ([42], " ; "),
    ([42], float("nan")),
    ([42], object()),
    ([42], "x" * 30_000),
    ([42], list(range(1_000))),
    ([42], " ".join(map(str, range(100)))),
    ([2], "2026-03-02"),
    ([3], "3,000"),
    ([5], "-5"),
    ([0.5], "50"),
    ([10], "1 000 0"),
    ([1, 2], "1"),
    ([True], "No"),
    ([True], "maybe"),
    ([False], "yes"),
    (["paid"], "unpaid"),
    (["kettle blue"], "blue kettle"),
    (["007"], "7"),
    (["ann@x.org"], "joann@x.org"),
    (["ann@x.org"], "mary-ann@x.org"),
    (["INV-0042"], "INV-00421"),
    (["2026-03-02"], "2026-03-03"),
    (["2026-03-02 09:00:00"], "2026-03-02"),
    (["2026-03-02 09:00:00"], "2026-03-02 09:01"),
    (["2026-03-02"], "03/02/2026"),
    (["--"], "--"),
    ([], None),
    ([], ""),
    ([12], "12 or 14"),
    ([14], "12 orders or 14"),
    ([1200], "$12.00 or $14.00"),
    ([12], "between 12 and 14"),
    (["2026-03-02"], "on March 2, 2026 or March 3, 2026"),
    (["Alice"], "Alice or Bob"),
    (["Alice"], "Either Bob or Alice"),
    (["Alice"], "It is Alice. Or Bob."),
    ([True], "yes and no"),
    ([True], ["yes", "no"]),
    ([False], "No or yes."),
    (["yes"], "yes and no"),
    ([True], "Maybe yes"),
    ([False], "I am not sure"),
    ([None], "I do not know"),
    ([0], "No idea"),
    ([0], "There are no fees for your 5 orders"),
    ([1], "the one on Monday"),
    ([1], "one of the orders"),
    (["42"], "INV-42"),
    (["09:30"], "9:30 PM"),
    ([2025], "1.234,50"),
    ([5, 210], [1, 3, 5, 210]),
    ([5, "Carrow"], '[4, 5, "Carrow"]'),
    (["2026-03-28", 50], ["2026-03-15", "2026-03-28", 50]),
    (["Lucia Fontaine"], "lucia.fontaine@example.com"),
    (["Lucia Fontaine"], "see https://lucia.fontaine.org/me"),
]

TODAY = "2026-03-02"

SHORT: list[tuple[list[Scalar], object]] = [
    (["2026-03-14"], "14 March"),
    (["2026-03-14"], "on March 14th, as you asked"),
    (["2025-11-20"], "20 November"),
    (["2026-03-14 09:00:00"], "9:00 AM on Saturday, 14 March"),
    (["2026-03-14 09:00:00"], "March 14 at 9:00 am"),
]

NOT_NEAREST: list[tuple[list[Scalar], object]] = [
    (["2025-03-14"], "14 March"),
    (["2026-11-20"], "20 November"),
    (["2026-03-14"], "14 April"),
    (["2026-03-14 09:00:00"], "14 March at 10:00"),
    (["2026-03-14"], "14 March 2025"),
]

CHOSEN: list[tuple[list[Scalar], object, list[Scalar]]] = [
    (["Alice"], "Alice at 12.00, cheaper than Bob at 14.00", ["Bob"]),
    (["Alice", 1200], "Alice at $12.00, cheaper than Bob at $14.00", ["Bob", 1400]),
    (["Alice"], "Alice (Bob is more expensive)", ["Bob", "Carol"]),
    (["Alice"], "It is Alice, not Bob.", ["Bob", "Carol"]),
    (["Band Saw"], "Band Saw", ["Saw"]),
    ([12], "12", [13, 14]),
    ([12], "Order 14: 12 units", [14]),
    (["pending"], "It is pending; it has not been shipped", ["shipped", "delivered"]),
    (["closed"], "Of your 2 open enquiries this one is closed", ["open"]),
    ([3], "3 on 14 March", [14, 15]),
    (["Alice"], {"name": "Alice"}, ["Bob", "Carol"]),
    ([500], "500 cents ($5.00)", [700]),
    (["2026-03-14"], "14 March, sooner than 16 March", ["2026-03-16", "2026-03-18"]),
    (["Alice"], "alice", ["ALICE"]),
    ([12, "Bundle of three", 1, "Carrow Store"], [12, "Bundle of three", 1, "Carrow Store"], [3, 4]),
    (["Bundle of 1,200", 1], "It is the Bundle of 1,200, and 1 is left.", [1200, 900]),
]

GUESSED: list[tuple[list[Scalar], object, list[Scalar]]] = [
    (["Alice"], "Alice, Bob, Carol", ["Bob", "Carol"]),
    (["Alice"], "Bob and Alice", ["Bob"]),
    (["Alice"], ["Alice", "Bob"], ["Bob"]),
    (["Alice"], '["Alice","Bob"]', ["Bob"]),
    (["Alice"], "- Bob\n- Alice", ["Bob"]),
    (["Alice"], {"first": "Alice", "second": {"name": "Bob"}}, ["Bob"]),
    (["Alice"], "Alice costs 12.00 and Bob costs 14.00", ["Bob"]),
    (["Alice"], "Alice, cheaper than Bob, cheaper than Carol", ["Bob", "Carol"]),
    (["Saw"], "Band Saw", ["Band Saw"]),
    ([12], "12, 13, 14", [13, 14]),
    ([14], [12, 13, 14], [13, 12]),
    ([500], {"Ann": 500, "Ben": 700}, [700]),
    ([500], "Ann Lee: 500\nBen Park: 700\nCy Moss: 900", [700, 900]),
    (["pending"], "pending, shipped, delivered", ["shipped", "delivered"]),
    (["2026-03-14"], "14 March, 16 March", ["2026-03-16"]),
    (["Alice"], "Alice, though possibly Bob", ["Bob"]),
    ([2], "Ann: 2, Bob: 3, Cy: 5", [3, 5]),
    ([5, 210], [1, 3, 5, 210], [1, 3]),
    ([5, 210], "1; 3; 5; 210", [1, 3]),
    (["pending", 3, 2], ["pending", "1 or 2 or 3", 2], [1]),
]


@pytest.mark.parametrize(("expected", "given"), RIGHT)
def test_right_answers_match(expected: list[Scalar], given: object) -> None:
    assert matches(expected, given)


@pytest.mark.parametrize(("expected", "given"), WRONG)
def test_wrong_answers_do_not(expected: list[Scalar], given: object) -> None:
    assert not matches(expected, given)


@pytest.mark.parametrize(("expected", "given"), SHORT)
def test_days_without_a_year_are_the_nearest(expected: list[Scalar], given: object) -> None:
    assert matches(expected, given, today=TODAY)
    assert not matches(expected, given)


@pytest.mark.parametrize(("expected", "given"), NOT_NEAREST)
def test_other_days_without_a_year_do_not_match(expected: list[Scalar], given: object) -> None:
    assert not matches(expected, given, today=TODAY)


@pytest.mark.parametrize(("expected", "given", "decoys"), CHOSEN)
def test_an_answer_that_chooses_may_name_another_candidate(expected: list[Scalar], given: object, decoys: list[Scalar]) -> None:
    assert matches(expected, given, decoys, TODAY)


@pytest.mark.parametrize(("expected", "given", "decoys"), GUESSED)
def test_an_answer_that_does_not_choose_matches_nothing(expected: list[Scalar], given: object, decoys: list[Scalar]) -> None:
    assert not matches(expected, given, decoys, TODAY)


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_a_whole_number_matches_itself_however_written(number: int) -> None:
    assert matches([number], str(number))
    assert matches([number], f"It is {number:,}.")
    assert not matches([number], f"It is 9{abs(number)}")


@given(st.decimals(min_value=0, max_value=10**6, places=2))
def test_an_amount_matches_itself_and_its_minor_units(amount: object) -> None:
    cents = int(str(amount).replace(".", ""))
    assert matches([cents], f"${amount:,}")
    assert matches([float(str(amount))], f"{amount}")


@given(st.dates(min_value=date(1000, 1, 1)))
def test_a_date_matches_itself_in_words(day: date) -> None:
    assert matches([str(day)], f"on {day:%d %B %Y}")
    assert matches([str(day)], f"{day:%B %d, %Y}")


WHOLE = st.integers(min_value=0, max_value=999)
UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


@given(st.integers(min_value=0, max_value=9), st.integers(min_value=2, max_value=9), WHOLE)
def test_a_number_in_words_matches_itself_and_no_other(unit: int, ten: int, other: int) -> None:
    number = 10 * ten + unit
    said = f"There are {TENS[ten - 2]}{'-' + UNITS[unit] if unit else ''} of them."
    assert matches([number], said)
    assert matches([other], said) is (other == number)


MOMENTS = st.datetimes(min_value=datetime(2025, 10, 1), max_value=datetime(2026, 8, 1))
NEAR = [
    "{d} {m} {y} at {h}",
    "{m} {d}, {y}, {h}",
    "{iso}T{h}",
    "{half} on {m} {d}",
    "{d} {m} at {h}",
    "{m} {d}, from {half}",
]


@given(MOMENTS, MOMENTS, st.sampled_from(NEAR))
def test_a_moment_matches_itself_in_any_form_and_no_other(one: datetime, other: datetime, form: str) -> None:
    half = f"{one.hour % 12 or 12}:{one:%M} {'PM' if one.hour >= 12 else 'AM'}"
    said = form.format(d=one.day, m=f"{one:%B}", y=one.year, h=f"{one:%H:%M}", half=half, iso=f"{one:%Y-%m-%d}")
    assert matches([f"{one:%Y-%m-%d %H:%M}:00"], said, today=TODAY)
    assert matches([f"{other:%Y-%m-%d %H:%M}:00"], said, today=TODAY) is (f"{one:%m%d%H%M%Y}" == f"{other:%m%d%H%M%Y}")


NAMES = st.sampled_from(["Alice Moss", "Bob", "Carol Ann", "Blue Kettle", "Tide Atlas", "Oak Table", "Ines", "Malik Ostrow"])


@given(st.lists(NAMES, min_size=2, max_size=6, unique=True), st.sampled_from([", ", " and ", "\n", " or ", " / ", "; ", " - "]))
def test_a_row_of_candidates_matches_none_of_them(names: list[str], between: str) -> None:
    for name in names:
        decoys = [other for other in names if other != name]
        assert not matches([name], between.join(names), decoys)
        assert not matches([name], names, decoys)
        assert matches([name], f"It is {name}.", decoys)
        assert not matches([name], f"It is {decoys[0]}.", decoys)


@given(st.lists(st.integers(min_value=0, max_value=10**6), min_size=2, max_size=8, unique=True))
def test_a_row_of_numbers_matches_none_of_them(numbers: list[int]) -> None:
    for number in numbers:
        decoys = [other for other in numbers if other != number]
        assert not matches([number], numbers, decoys)
        assert not matches([number], ", ".join(map(str, numbers)), decoys)
        assert matches([number], f"It comes to {number:,} in all.", decoys)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.lists(LEAVES, max_size=4), st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_anything_can_be_compared(expected: list[Scalar], given_: object) -> None:
    assert matches(expected, given_) in (True, False)
    assert matches(expected, given_, [*expected, "Bob", 7, 700], TODAY) in (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "1," * 9_000,
        "9" * 20_000,
        "a-" * 9_000,
        "1 " * 9_000,
        "$ " * 9_000,
        "(" * 20_000,
        "1.1." * 4_000,
        "@1-" * 5_000,
        "[" * 20_000,
        "42 or " * 3_300,
        "than 42, than Bob, " * 1_050,
        "one " * 5_000,
        "may 2 " * 3_300,
        "bob and " * 2_400,
        "or " * 6_600,
        "2:10 on " * 2_400,
    ],
)
def test_hostile_texts_are_read_in_one_go(text: str) -> None:
    assert not matches([42, "INV-42", "2026-03-02"], text, today=TODAY)
    assert not matches(["Alice"], text, ["Bob", 42, "42", "Bob and"], TODAY)
    matches([42], text, ["Bob", 43, 1, "2026-05-02"], TODAY)
