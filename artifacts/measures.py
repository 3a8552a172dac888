"""What was measured of an agent task: how hard it is, how its verdict stands up to near misses, and to other right ways."""

from __future__ import annotations

from artifacts.noun import Noun


class Difficulty(Noun):
    """How hard a task is, measured on the world's own rows and tools; `level` (1 to 5) is derived from the rest.

    `steps` and `tools` count the reference's calls and its distinct tools; `branching` is the mean number of tools that could be
    called with what is known, over the steps; `distractors` are rows that almost fit where the reference picks one; `irrelevant_tools`
    are those that the reference does not use; `looked_up` counts argument values that only a result can give, `given` those that
    the instruction holds; `hurdles` are preconditions that do not hold at first and must be put right.
    """

    level: int
    steps: int
    tools: int
    branching: float
    distractors: int
    irrelevant_tools: int
    looked_up: int
    given: int
    hurdles: int = 0


class MutationFigures(Noun):
    """Near misses of the reference that were carried out: rejected (scored below 1), equivalent (the same end state and answer),
    free (they differ only in what is left to the agent).
    """

    mutants: int
    rejected: int
    equivalent: int
    free: int = 0


class FairnessFigures(Noun):
    """Other right ways that were carried out, and how many of them scored 1."""

    ways: int
    accepted: int


class Measures(Noun):
    """All that was measured of one task; None is not measured."""

    difficulty: Difficulty | None = None
    mutation: MutationFigures | None = None
    fairness: FairnessFigures | None = None
