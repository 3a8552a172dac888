"""Answers are the same when they hold the same values, in whatever order they are told."""

from __future__ import annotations

import pytest

from tasks.mutation.places import same_answer


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (["Window", 920, "Board", 1240], True),
        (["Board", 1240, "Window", 920], True),
        (["Board", 1240, "Window", 921], False),
        (["Window", 920, "Board", 920], False),
        (["Window", 920, "Board"], False),
        (["Window", 920, "Board", 1240, 1240], False),
        ("Window", False),
        (None, False),
    ],
)
def test_the_order_of_an_answer_says_nothing(other: object, same: bool) -> None:
    assert same_answer(["Window", 920, "Board", 1240], other) is same


def test_no_answer_is_like_no_answer_only() -> None:
    assert same_answer(None, None)
    assert not same_answer(None, [])
