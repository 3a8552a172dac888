"""From figures to a level of 1 to 5: a weighted sum that no figure can lower, and four cut points.

Weights and cut points come from measurement, not from taste alone; docs/difficulty.md says how they were found and what they predict.
"""

from __future__ import annotations

import math

from artifacts.measures import Difficulty

LEVELS = (1, 2, 3, 4, 5)

WEIGHTS = {
    "steps": 1.0,
    "tools": 0.25,
    "branching": 0.25,
    "distractors": 0.1,
    "irrelevant_tools": 0.25,
    "looked_up": 0.1,
    "given": 0.75,
    "hurdles": 0.5,
}
"""What one more of each adds to the effort; of those in DOUBLING, what it adds that there are twice as many."""

DOUBLING = frozenset({"branching", "distractors", "irrelevant_tools"})
"""Figures of which the next one weighs less than the one before: they count by the logarithm to base 2."""

CUTS = (7.0, 8.2, 9.4, 11.0)
"""The least effort of the levels 2, 3, 4 and 5."""


def effort_of(figures: Difficulty) -> float:
    """How much there is to do, to tell apart and to find out, as one number; it never falls when a figure grows."""
    return sum(weight * _size(name, getattr(figures, name)) for name, weight in WEIGHTS.items())


def _size(name: str, figure: float) -> float:
    return math.log2(1 + figure) if name in DOUBLING else figure


def level_of(figures: Difficulty) -> int:
    """The level of 1 to 5 that the figures give; `figures.level` is not looked at."""
    effort = effort_of(figures)
    return 1 + sum(effort >= cut for cut in CUTS)
