"""The requirements stage: what a user of the scenario's application would want done."""

from __future__ import annotations

import re

import dspy

from artifacts.identity import unique
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from tasks.correction import Ask, Built, Made, Problems, Stage, correct
from tasks.scenario import scenario_text
from tasks.stage import StageResult, stage_task

INTENTIONS = 10
"""How many things a user would want done shape a world."""


class WriteRequirements(dspy.Signature):
    """List `count` things that the signed-in user of this application would ask an assistant to get done in it. They will
    shape its database, its tools and the tasks of a test, so they must be worth building for.

    - One sentence each, of 12 to 30 words: what is wanted, with the conditions or the choice that make it specific
      ("Cancel the pending order that holds a given item and reorder the same items from the cheapest supplier").
    - Together they touch at least a dozen kinds of records. About a third look up, compare, count or total; a third change
      one record; a third change several records that depend on each other.
    - Self-contained, and done wholly in the application's own data: no signing in, no passwords, no files, pages, e-mail,
      maps, or outside services. No two alike, and none like one in `existing`.

    intentions: a JSON array of strings.
    """

    scenario: str = dspy.InputField()
    existing: list[str] = dspy.InputField()
    count: int = dspy.InputField()
    intentions: list[str] = dspy.OutputField()


_OUTSIDE = re.compile(
    r"\b(log(?:ging)? ?in|sign(?:ing)? ?in|password|upload|download|attach(?:ment)?|e-?mail|pdf|csv|spreadsheet|web ?page"
    r"|website|browser)\b",
    re.IGNORECASE,
)
_FEWEST_WORDS = 6


def run(draft: Draft, model: dspy.LM) -> StageResult:
    """Fill in the draft's intentions."""
    return correct(STAGE, draft, model)


def _write(draft: Draft, ask: Ask, existing: tuple[str, ...] = ()) -> Made[tuple[str, ...]]:
    reply = ask(WriteRequirements, {"scenario": scenario_text(draft.scenario), "existing": list(existing), "count": INTENTIONS})
    return Made(tuple(" ".join(text.split()) for text in reply.values["intentions"]), (reply,))


def _repair(draft: Draft, parts: tuple[str, ...], problems: Problems, ask: Ask) -> Made[tuple[str, ...]]:
    """The good ones stay; another draw fills the places of the others."""
    kept = tuple(text for text in parts if not _faults(text))
    again = _write(draft, ask, kept)
    return Made(unique((*kept, *again.parts)), again.replies)


def _build(draft: Draft, parts: tuple[str, ...]) -> Built:
    good = unique(text for text in parts if not _faults(text))
    chosen = good[:INTENTIONS]
    if len(chosen) == INTENTIONS:
        return Built(draft.model_copy(update={"intentions": chosen}), ())
    wrong = tuple(
        Diagnostic(code="requirement.unusable", place=f"intention:{number}", message=f"{text!r} {fault}.")
        for number, text in enumerate(parts, 1)
        for fault in _faults(text)
    )
    few = Diagnostic(code="requirement.too_few", place="intentions", message=f"{len(chosen)} of {INTENTIONS} intentions can be used.")
    return Built(draft.model_copy(update={"intentions": chosen}), (*wrong, few))


def _faults(text: str) -> tuple[str, ...]:
    words = len(text.split())
    outside = _OUTSIDE.search(text)
    return (
        *((f"has {words} words, too few to be specific",) if words < _FEWEST_WORDS else ()),
        *((f"speaks of {outside.group(0)!r}, which is not in the application's data",) if outside else ()),
    )


STAGE: Stage[tuple[str, ...]] = Stage("requirements", _write, _repair, _build)
write_requirements = stage_task("write_requirements", run)
