"""What a judge said of an episode: its votes, how far they agree, and what comes of them beside the verdict of the code."""

from __future__ import annotations

from artifacts.noun import Noun
from artifacts.observation import Outcome


class Vote(Noun):
    """One answer of a judge: an outcome with its reason, or None with the problem that left it without one."""

    outcome: Outcome | None
    reason: str = ""
    problem: str = ""


class Judgement(Noun):
    """The votes of a judge and what they come to.

    `code` is the outcome that the checks, the rows and the answer gave; `agreement` the share of all votes that say what most of
    them say, 0 where none could be read; `failed` tells why there is no majority, and then there is no reward.
    """

    model: str
    program: str
    code: Outcome
    votes: tuple[Vote, ...]
    agreement: float
    outcome: Outcome
    reward: float
    reason: str = ""
    failed: str = ""
