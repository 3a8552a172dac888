"""The flow that makes worlds again that are out of date, from the first stale stage on; the old ones are superseded, never erased."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from artifacts.errors import UserError
from artifacts.store import Store, open_store
from artifacts.world import Draft
from flows.attended import attended
from flows.packing import post
from flows.states import end_of, ending
from flows.synthesize import WAITED_FOR, ended, woven
from tasks.gates import definition
from tasks.job.ending import early_end, mark_ended
from tasks.job.fan_out import Begin, Hand, fan_out
from tasks.job.order import EMBEDDED_MODEL
from tasks.job.planning import settings_of
from tasks.job.posting import Board, both
from tasks.job.publishing import Asked, utc_now
from tasks.job.publishing import record as record_run
from tasks.job.runners import check_runner, in_hand, placed, runner_for
from tasks.job.stopping import Stop, signals_ask
from tasks.job.tally import Listener, Tally, Woven
from tasks.job.watching import Watch, watch_of_run
from tasks.job.weaving import weave
from tasks.models.language_model import check_model
from tasks.regeneration.cards import Came, came_of, cards
from tasks.regeneration.judging import Judgement, judge_again, judge_here, untold
from tasks.regeneration.order import RegenerateOrder, as_synthesis
from tasks.regeneration.renew import Renewal, cut
from tasks.regeneration.survey import Survey, survey


class Job(NamedTuple):
    """One run: what it was asked for, where, who watches it, and what came of each draft so far."""

    order: RegenerateOrder
    shelf: Store
    run_id: str
    watch: Watch
    came: dict[str, Came]


@ending
def renew_worlds(order: RegenerateOrder, store: str = "./loom") -> dict[str, int] | State[Any]:
    """Make the worlds again that are out of date; gives the counts, or a cancelled state when it was interrupted.

    Raises UserError for what cannot be used, TerminalError.
    """
    watch = watch_of_run()
    shelf, run_id, started = open_store(store, create=False), str(flow_run.id), utc_now()
    board = Board(shelf.url)
    watch = watch._replace(listener=both(watch.listener, board.listen))
    refuse_nonsense(order)
    recording = partial(record_run, shelf, asked(order), run_id=run_id, started=started)
    recording(Tally())
    with signals_ask(watch.stop), watch.stop.seen_from(shelf.home, run_id):
        watch.listener(Tally(doing="looking for worlds that are out of date"))
        seen = survey(shelf, order, judging(order, shelf, watch.stop))
        job = Job(order, shelf, run_id, watch, {})
        tally = Tally(planned=len(seen.renewals), doing="weaving", task_runs=seen.judged)
        for model, renewals in by_model(seen.renewals).items():
            tally = renewed(job, model, renewals, tally)
        tally = tally._replace(interrupted=watch.stop.interrupted, doing="recording")
        recording(tally, ended=utc_now())
        board.close(tally)
        post(cards(seen, job.came, shelf.successors(), shelf.url))
    return ended(tally, run_id, watch.listener)


# Made by a call, not a decorator, as every flow here.
regenerate = flow(name="regenerate", flow_run_name="regenerate {store}", persist_result=False)(renew_worlds)


def asked(order: RegenerateOrder) -> Asked:
    """The order as the manifests keep it; a model that was not named is each world's own."""
    return Asked("regenerate", order.model or "", 0, order.canonical())


def refuse_nonsense(order: RegenerateOrder) -> None:
    """Raise UserError for an order that cannot be carried out, before anything is started."""
    wanted = as_synthesis(order, order.model or EMBEDDED_MODEL)
    check_model(settings_of(wanted))
    check_runner(wanted)


def judging(order: RegenerateOrder, shelf: Store, stop: Stop) -> Callable[[Sequence[str]], Sequence[Judgement]]:
    """How worlds are judged again: a task each, on every core; none is begun after a wish to stop."""
    today = definition()

    def judge(world_ids: Sequence[str]) -> Sequence[Judgement]:
        if stop.wanted:
            return [untold(world_id, "interrupted") for world_id in world_ids]
        with runner_for(as_synthesis(order), shelf.home) as runner:
            arguments = ({"world_id": world_id, "store": shelf.url, "definition": today} for world_id in world_ids)
            futures = [runner.submit(judge_again, one) for one in arguments]
            found = [future.result(raise_on_failure=False) for future in futures]
        pairs = zip(world_ids, found, strict=True)
        return [said if isinstance(said, Judgement) else untold(world_id, said) for world_id, said in pairs]

    return judge


def by_model(renewals: Iterable[Renewal]) -> dict[str, list[Renewal]]:
    """The worlds to make again by the model that writes their new parts."""
    found: dict[str, list[Renewal]] = {}
    for again in renewals:
        found.setdefault(again.recipe.model, []).append(again)
    return found


def renewed(job: Job, model: str, renewals: Sequence[Renewal], tally: Tally) -> Tally:
    """Take the worlds of one model through the stages that are out of date, and publish what comes of them."""
    wanted, hand, watch = as_synthesis(job.order, model), Hand(), job.watch
    check_model(settings_of(wanted))
    with ExitStack() as engine:
        begin = beginning(engine.enter_context(runner_for(wanted, job.shelf.home)), job)
        outcomes = fan_out(begin, drafts_of(job.shelf, renewals, job.came), in_hand(wanted), hand, watch.stop)
        tally = woven(noted(outcomes, job.came), tally, watch.listener, job.shelf, job.run_id)
        if hand and placed(wanted)[0] in WAITED_FOR:
            mark_ended(job.run_id, end_of(tally) or early_end(tally))
            watch.leave(tally)
    return tally


def beginning(runner: Any, job: Job) -> Begin:
    """How a draft is begun: with the model and the seed of its recipe."""

    def begin(draft: Draft) -> Any:
        settings = settings_of(as_synthesis(job.order, draft.recipe.model, draft.recipe.seed))
        return runner.submit(weave, {"draft": draft, "settings": settings, "home": job.shelf.home, "run_id": job.run_id})

    return begin


def drafts_of(shelf: Store, renewals: Iterable[Renewal], came: dict[str, Came]) -> Iterator[Draft]:
    """The worlds as drafts without their stale parts; one that cannot be read is noted and passed over."""
    for again in renewals:
        try:
            world = shelf.world(again.world_id)
        except UserError as error:
            came[again.draft_id] = Came((), "", error.message)
            continue
        yield cut(world, again)


def noted(outcomes: Iterable[Woven], came: dict[str, Came]) -> Iterator[Woven]:
    """The outcomes, each noted for the cards."""
    for outcome in outcomes:
        came[outcome.draft_id] = came_of(outcome)
        yield outcome


def look(order: RegenerateOrder, store: str) -> Survey:
    """What would be made again, without the workflow server and without changing anything; raises UserError."""
    shelf = open_store(store, create=False)
    return survey(shelf, order, partial(judge_here, store=shelf.url, definition=definition()))


def run(order: RegenerateOrder, store: str, listener: Listener, leave: Callable[[Tally], None]) -> Tally:
    """Run the flow with a workflow server at hand, and give the last figures; raises as `flows.synthesize.run`."""
    refuse_nonsense(order)
    return attended(open_store(store, create=False), lambda: regenerate(order, store, return_state=True), listener, leave)
