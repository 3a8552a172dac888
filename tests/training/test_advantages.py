"""Advantages of a group, against cases worked by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.advantages import advantages


def test_one_success_among_four() -> None:
    """Mean 1/4, deviation √3/4: the success is √3 above, the others 1/√3 below."""
    assert advantages([1.0, 0.0, 0.0, 0.0]) == pytest.approx([math.sqrt(3), *[-1 / math.sqrt(3)] * 3])


def test_a_masked_episode_leaves_its_group() -> None:
    """Of 1, masked, −1 the mean is 0 and the deviation 1: the masked one is no zero among them."""
    assert advantages([1.0, None, -1.0]) == (1.0, None, -1.0)


@pytest.mark.parametrize("rewards", [[], [1.0], [None, None], [0.1] * 16, [1.0, None], [1.0, None, 1.0]])
def test_a_group_that_teaches_nothing_is_dropped(rewards: list[float | None]) -> None:
    assert advantages(rewards) is None


@given(st.lists(st.sampled_from([1.0, 0.1, 0.0, -1.0, None]), min_size=2, max_size=32))
def test_against_exact_fractions(rewards: list[float | None]) -> None:
    known = [Fraction(reward) for reward in rewards if reward is not None]
    found = advantages(rewards)
    if len(set(known)) < 2:
        assert found is None
        return
    mean = sum(known) / len(known)
    variance = sum((reward - mean) ** 2 for reward in known) / len(known)
    assert found is not None
    for reward, advantage in zip(rewards, found, strict=True):
        assert (reward is None) == (advantage is None)
        if reward is not None and advantage is not None:
            assert advantage == pytest.approx(float(Fraction(reward) - mean) / math.sqrt(variance), abs=1e-12)
