"""From figures to a level of 1 to 5: a weighted sum that no figure can lower, and four cut points."""

from __future__ import annotations

import math

from artifacts.measures import Difficulty

LEVELS = (1, 2, 3, 4, 5)

CUTS = (10.5, 12.8, 15.3, 19.0)
"""The least effort of the levels 2, 3, 4 and 5."""


def effort_of(figures: Difficulty) -> float:
    """How much there is to do, to tell apart and to find out, as one number; it never falls when a figure grows."""
    return (
        1.0 * figures.steps
        + 0.5 * figures.tools
        + 0.5 * figures.looked_up
        + 0.25 * figures.given
        + 1.0 * math.log2(1 + figures.distractors)
        + 0.5 * math.log2(1 + figures.irrelevant_tools)
        + 0.5 * math.log2(1 + figures.branching)
        + 2.0 * figures.hurdles
    )


def level_of(figures: Difficulty) -> int:
    """The level of 1 to 5 that the figures give; `figures.level` is not looked at."""
    effort = effort_of(figures)
    return 1 + sum(effort >= cut for cut in CUTS)
