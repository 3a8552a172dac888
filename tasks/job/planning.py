"""From an order to its drafts: which scenarios are woven, and under which recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from prefect import task
from prefect.runtime import flow_run

from artifacts.attempt import Attempt
from artifacts.identity import digest_of, short
from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.world import Draft
from tasks.correction import Reply
from tasks.job.order import Order, scenario_named
from tasks.models.language_model import ModelSettings, Terms
from tasks.recipes import program_digests
from tasks.scenario import invent
from tasks.scenarios.pool import Pool, fill_to, load_scenarios, shipped_scenarios
from tasks.stage import model_at

PLAN = "plan"
"""The draft id of the calls that invent scenarios: they belong to no draft."""


class Plan(NamedTuple):
    """The drafts in their order, the calls that inventing scenarios took, and a line on what was left out and why."""

    drafts: tuple[Draft, ...]
    attempts: tuple[Attempt, ...] = ()
    left_out: tuple[str, ...] = ()


def settings_of(order: Order, run_id: str = "") -> ModelSettings:
    """The model as the order wants it asked, on the account of a run; a share of a plan has its share of what may be spent."""
    parts = order.share.of if order.share is not None else 1
    terms = Terms(
        run_id=run_id,
        budget_usd=None if order.budget_usd is None else order.budget_usd / parts,
        budget_tokens=None if order.budget_tokens is None else order.budget_tokens // parts,
        requests_per_minute=order.requests_per_minute,
        tokens_per_minute=order.tokens_per_minute,
    )
    asked = {name: getattr(order, name) for name in ("api_base", "fault_rate", "seed", "temperature")}
    return ModelSettings(name=order.model, terms=terms, **asked)


def recipe_of(order: Order) -> Recipe:
    """What decides a draft besides its scenario and the model's answers."""
    size = Size(tasks=order.tasks_per_world)
    return Recipe(model=order.model, programs=program_digests(), seed=order.seed, size=size, difficulty=order.difficulty)


def given_scenarios(order: Order) -> tuple[Scenario, ...]:
    """The scenarios that the order names, in order; raises InvalidInput, with the file and line."""
    return (*map(scenario_named, order.names), *(load_scenarios(order.scenarios) if order.scenarios else ()))


@task(name="plan", persist_result=False)
def plan(order: Order, home: Path) -> Plan:
    """The drafts of an order; raises UserError for scenarios that cannot be used, and what the model raises."""
    given = given_scenarios(order)
    recipe = recipe_of(order)
    attempts: list[Attempt] = []
    pool = Pool(given) if order.worlds is None else filled(order.worlds, given, inventing(order, home, attempts.append))
    drafts = {draft.draft_id: draft for draft in (Draft(scenario=scenario, recipe=recipe) for scenario in pool.scenarios)}
    if order.share is not None:
        mine = tuple(drafts.values())[order.share.number - 1 :: order.share.of]
        return Plan(mine)  # what inventing took is told by the run that this one is a share of
    return Plan(tuple(drafts.values()), tuple(attempts), tuple(left_out(pool)))


def filled(target: int, given: Sequence[Scenario], ask: Callable[..., Sequence[Scenario]]) -> Pool:
    """As many scenarios as the target: those given first, as they are; then the shipped ones; then invented ones, each new."""
    if len(given) >= target:
        return Pool(tuple(given[:target]))
    pool = fill_to(target - len(given), shipped_scenarios(), ask, known=given)
    return pool._replace(scenarios=(*given, *pool.scenarios))


def inventing(order: Order, home: Path, note: Callable[[Attempt], None]) -> Callable[..., Sequence[Scenario]]:
    """The model's part in filling up: asks for scenarios, and notes each call."""
    asked: list[int] = []

    def ask(category: str, examples: Sequence[str], avoid: Sequence[str], count: int) -> Sequence[Scenario]:
        asked.append(count)
        model = model_at(settings_of(order, str(flow_run.id or "")), home)
        found, reply = invent(category, examples, avoid, model, count=count, rollout=order.seed * 1_000 + len(asked))
        note(attempt_of(PLAN, len(asked), reply, accepted=bool(found)))
        return found

    return ask


def left_out(pool: Pool) -> Iterable[str]:
    """Why scenarios were left out, a line each."""
    yield from (f"{duplicate.scenario.name}: too near to {duplicate.nearest.name}" for duplicate in pool.duplicates)
    yield from (f"{unfit.scenario.name}: {unfit.reason}" for unfit in pool.unfit)
    missing = sum(pool.missing.values())
    if missing:
        yield f"{missing} more scenarios could not be found"


def attempt_of(draft_id: str, number: int, reply: Reply, accepted: bool) -> Attempt:
    """A call of the scenario stage as a row."""
    answer = reply.answer
    return Attempt(
        attempt_id=short(digest_of([draft_id, "scenario", number, answer.digest])),
        draft_id=draft_id,
        stage="scenario",
        number=number,
        model=answer.model,
        request_digest=answer.digest,
        accepted=accepted,
        recalled=answer.recalled,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_usd=answer.cost_usd,
        latency_seconds=answer.latency_seconds,
        mistake=answer.mistake,
        diagnostics=reply.problems,
    )
