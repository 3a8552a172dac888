"""A judge beside the code: how often they say the same, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, get_args

import dspy

from artifacts.judgement import Judgement
from artifacts.observation import Outcome
from tasks.judging.cases import Case
from tasks.judging.judge import VOTES, judgement_of

FAILED = "failed"
SAID: tuple[str, ...] = (*get_args(Outcome), FAILED)
"""What a judge comes to: an outcome, or none."""

AT_ONCE = 8
"""Cases that a judge elsewhere is asked about at once."""


class Judged(NamedTuple):
    """A case and what the judge came to."""

    case: Case
    judgement: Judgement

    @property
    def said(self) -> str:
        """The judge's outcome, or `failed`."""
        return FAILED if self.judgement.failed else self.judgement.outcome


class Calibration(NamedTuple):
    """A judge's word on a set of cases beside that of the code."""

    judged: tuple[Judged, ...]

    @property
    def confusion(self) -> dict[tuple[str, str], int]:
        """How many cases code and judge called so, by (code's outcome, judge's)."""
        return dict(Counter((one.judgement.code, one.said) for one in self.judged))

    @property
    def agreement(self) -> float | None:
        """The share of cases of which both say the same; None without cases."""
        return sum(one.said == one.judgement.code for one in self.judged) / len(self.judged) if self.judged else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (1960): agreement beyond chance, 1 at best; None where all cases are called one thing, which tells nothing."""
        return kappa([(one.judgement.code, one.said) for one in self.judged])

    @property
    def false_acceptances(self) -> tuple[Judged, ...]:
        """Called `completed` by the judge and not by code."""
        return tuple(one for one in self.judged if one.said == "completed" != one.judgement.code)

    @property
    def false_rejections(self) -> tuple[Judged, ...]:
        """Called `completed` by code and not by the judge."""
        return tuple(one for one in self.judged if one.judgement.code == "completed" != one.said)

    @property
    def unanimous(self) -> float | None:
        """The share of cases in which all votes are one; None without cases."""
        return sum(one.judgement.agreement == 1.0 for one in self.judged) / len(self.judged) if self.judged else None

    def figures(self) -> dict[str, Any]:
        """All of it for machines; what is unknown is None."""
        return {
            "cases": len(self.judged),
            "agreement": self.agreement,
            "kappa": self.kappa,
            "unanimous": self.unanimous,
            "failed": sum(one.said == FAILED for one in self.judged),
            "false_acceptances": [one.case.name for one in self.false_acceptances],
            "false_rejections": [one.case.name for one in self.false_rejections],
            "confusion": {code: {said: self.confusion.get((code, said), 0) for said in SAID} for code in get_args(Outcome)},
            "judged": [
                {"case": one.case.name, "kind": one.case.kind, "said": one.said, **one.judgement.canonical()} for one in self.judged
            ],
        }


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two raters' words on the same cases."""
    if not pairs:
        return None
    ones, others = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    observed = sum(one == other for one, other in pairs) / len(pairs)
    chance = sum(ones[word] * others[word] for word in ones) / len(pairs) ** 2
    return None if chance == 1.0 else (observed - chance) / (1.0 - chance)


def calibrated(cases: Sequence[Case], model: dspy.LM, votes: int = VOTES, at_once: int = AT_ONCE) -> Calibration:
    """The judge's word on every case, in the order of the cases."""
    with ThreadPoolExecutor(max_workers=max(1, at_once)) as pool:
        found = pool.map(lambda case: judgement_of(case.evidence, model, votes), cases)
        return Calibration(tuple(Judged(case, judgement) for case, judgement in zip(cases, found, strict=True)))
