"""The one self-correction loop: generate → diagnostics → repair → …, the same for every stage.

A repair sees only what fails and why, and returns only that; it is merged and everything is checked again. Each attempt
has its own rollout number, or the journal would replay the bad answer. What cannot be mended is rejected with its evidence:
nothing is accepted "least bad". (DSPy's Refine and BestOfN carry no feedback text, hence this loop.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import dspy

from artifacts.attempt import Attempt
from artifacts.identity import digest_of, short
from artifacts.verdict import Diagnostic, Reject
from artifacts.world import Draft
from tasks.models.adapter import LeanAdapter
from tasks.models.journal import Answer, listening
from tasks.models.language_model import model_errors
from tasks.stage import MOST_ATTEMPTS, StageResult

P = TypeVar("P")
Problems = tuple[Diagnostic, ...]

_ADAPTER = LeanAdapter()
_ROLLOUTS_PER_SEED = 1_000


class Reply(NamedTuple):
    """One answer, read: the output fields, what could not be read, and what the call cost.

    `wrote` names the parts that the answer is answerable for, where an attempt takes several calls.
    """

    values: dict[str, Any]
    problems: Problems
    answer: Answer
    wrote: frozenset[str] = frozenset()


Ask = Callable[[Any, dict[str, Any]], Reply]
"""Puts a signature's inputs to the model: `ask(WriteSchema, {"scenario": …})`."""


class Made(NamedTuple, Generic[P]):
    """What an attempt made: all the parts so far, and the replies that it drew."""

    parts: P
    replies: tuple[Reply, ...]


class Built(NamedTuple):
    """The draft with the parts in it, and all that is wrong with them."""

    draft: Draft
    problems: Problems


class Stage(NamedTuple, Generic[P]):
    """What the loop needs to know of a stage; `P` is the author's form of its output, empty (falsy) when there is none.

    `prune` leaves failing parts out after the last attempt, where a stage can spare some; the rest is checked again.
    """

    name: str
    write: Callable[[Draft, Ask], Made[P]]
    repair: Callable[[Draft, P, Problems, Ask], Made[P]]
    build: Callable[[Draft, P], Built]
    prune: Callable[[P, Problems], P] | None = None


def asking(model: dspy.LM, rollout: int) -> Ask:
    """Calls of one attempt; raises ModelUnavailable, ModelRejected or TerminalError, never on an answer's content."""

    def ask(signature: Any, inputs: dict[str, Any]) -> Reply:
        program = dspy.Predict(signature)
        with model_errors(model.model), listening(rollout) as call, dspy.context(lm=model, adapter=_ADAPTER, disable_history=True):
            prediction = program(**inputs)
        values = {name: prediction[name] for name in signature.output_fields}
        return Reply(values, tuple(call.problems), call.answers[-1])

    return ask


def correct(stage: Stage[P], draft: Draft, model: dspy.LM, most: int = MOST_ATTEMPTS) -> StageResult:
    """Run a stage until its output passes, at most `most` attempts; else the result carries a rejection.

    Raises ModelUnavailable when the service cannot answer now (the answers so far are journaled), ModelRejected, TerminalError.
    """
    parts: P | None = None
    problems: Problems = ()
    built = Built(draft, ())
    attempts: tuple[Attempt, ...] = ()
    for number in range(1, most + 1):
        ask = asking(model, draft.recipe.seed * _ROLLOUTS_PER_SEED + number)
        made = stage.repair(draft, parts, problems, ask) if parts else stage.write(draft, ask)
        built = stage.build(draft, made.parts)
        unread = tuple(problem for reply in made.replies for problem in reply.problems)
        parts, problems = made.parts, (*unread, *built.problems)
        attempts += _attempts(stage.name, draft, made.replies, problems, number)
        if not built.problems and (not unread or number == most):
            return StageResult(draft=built.draft, attempts=attempts)
    return _exhausted(stage, draft, parts, built, attempts)


def without_size(problems: Problems, written: int, least: int) -> Problems:
    """A part that could not be formed is told of already; that there are too few then is no news."""
    return tuple(p for p in problems if not (p.code == "size.too_few" and written >= least))


def _exhausted(stage: Stage[P], draft: Draft, parts: P | None, built: Built, attempts: tuple[Attempt, ...]) -> StageResult:
    if parts and stage.prune:
        pruned = stage.build(draft, stage.prune(parts, built.problems))
        if not pruned.problems:
            return StageResult(draft=pruned.draft, attempts=attempts)
    evidence = built.problems
    reason = f"The {stage.name} stage still has {len(evidence)} problems after {len({a.number for a in attempts})} attempts."
    return StageResult(draft=built.draft, attempts=attempts, rejection=Reject(gate=stage.name, reason=reason, evidence=evidence))


def _attempts(stage: str, draft: Draft, replies: tuple[Reply, ...], problems: Problems, number: int) -> tuple[Attempt, ...]:
    return tuple(_attempt(stage, draft, reply, _charged(reply, replies, problems), number) for reply in replies)


def _charged(reply: Reply, replies: tuple[Reply, ...], problems: Problems) -> Problems:
    """The problems that a reply is answerable for: its own unreadable parts, the parts it wrote, and what nobody's part it is."""
    of_others = frozenset[str]().union(*(other.wrote for other in replies)) - reply.wrote
    unread = {problem for other in replies if other is not reply for problem in other.problems} - set(reply.problems)
    return tuple(problem for problem in problems if problem not in unread and part_name(problem.place) not in of_others)


def part_name(place: str) -> str:
    """The part that a place lies in: `cancel_order` for "tool:cancel_order/program/2"."""
    return place.partition(":")[2].partition("/")[0]


def _attempt(stage: str, draft: Draft, reply: Reply, problems: Problems, number: int) -> Attempt:
    answer = reply.answer
    return Attempt(
        attempt_id=short(digest_of([draft.draft_id, stage, number, answer.digest])),
        draft_id=draft.draft_id,
        stage=stage,
        number=number,
        model=answer.model,
        request_digest=answer.digest,
        accepted=not problems,
        recalled=answer.recalled,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_usd=answer.cost_usd,
        latency_seconds=answer.latency_seconds,
        mistake=answer.mistake,
        diagnostics=problems,
    )
