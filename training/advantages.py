"""Advantages: how much better an episode was than the others of its group. Pure arithmetic.

A group is the episodes of one task by one policy (GRPO, arXiv 2402.03300). An episode in which the environment failed has no reward
and leaves its group; a group whose rewards are all equal teaches nothing and is dropped (DAPO, arXiv 2503.14476).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST_SPREAD = 1e-6
"""Rewards whose standard deviation is smaller are equal."""


def advantages(rewards: Sequence[float | None]) -> tuple[float | None, ...] | None:
    """(reward − mean) / standard deviation of the group, None for a masked episode; None where the group teaches nothing.

    The deviation is the group's own (divided by n), so that advantages have variance 1 whatever the scale of the rewards.
    """
    known = [reward for reward in rewards if reward is not None]
    if len(known) < 2:
        return None
    mean = math.fsum(known) / len(known)
    spread = math.sqrt(math.fsum((reward - mean) ** 2 for reward in known) / len(known))
    if spread < LEAST_SPREAD:
        return None
    return tuple(None if reward is None else (reward - mean) / spread for reward in rewards)
