from __future__ import annotations

from datetime import date

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
]


@pytest.mark.parametrize(("expected", "given"), RIGHT)
def test_right_answers_match(expected: list[Scalar], given: object) -> None:
    assert matches(expected, given)


@pytest.mark.parametrize(("expected", "given"), WRONG)
def test_wrong_answers_do_not(expected: list[Scalar], given: object) -> None:
    assert not matches(expected, given)


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


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.lists(LEAVES, max_size=4), st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_anything_can_be_compared(expected: list[Scalar], given_: object) -> None:
    assert matches(expected, given_) in (True, False)


@pytest.mark.parametrize(
    "text",
    ["1," * 9_000, "9" * 20_000, "a-" * 9_000, "1 " * 9_000, "$ " * 9_000, "(" * 20_000, "1.1." * 4_000, "@1-" * 5_000, "[" * 20_000],
)
def test_hostile_texts_are_read_in_one_go(text: str) -> None:
    assert not matches([42, "INV-42", "2026-03-02"], text)
