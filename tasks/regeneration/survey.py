"""Looking over a store: which worlds are out of date, and how each would be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from artifacts.store import Store
from tasks.gates import definition
from tasks.recipes import program_digests
from tasks.regeneration.judging import Judgement
from tasks.regeneration.order import RegenerateOrder
from tasks.regeneration.renew import Renewal, renewal
from tasks.regeneration.stale import Standing, findings, to_be_judged
from tasks.regeneration.standing import standings

CHUNK = 32
"""So many worlds are looked at before it is asked whether there are enough."""

Judge = Callable[[Sequence[str]], Sequence[Judgement]]
"""Judges worlds by today's gates, in the order of their ids."""


class Survey(NamedTuple):
    """What was found: worlds to make again; those whose successor was rejected already; those that nobody could judge, and why."""

    renewals: tuple[Renewal, ...] = ()
    refused: tuple[Renewal, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    looked_at: int = 0
    judged: int = 0


def survey(store: Store, order: RegenerateOrder, judge: Judge) -> Survey:
    """Look at the worlds of an order, oldest first, until as many as it allows are to be made again; raises UnknownName."""
    finished, programs, today = store.finished_drafts(), program_digests(), definition()
    seen = Survey()
    for chunk in chunks(standings(store, order.worlds)):
        doubted = [standing.world_id for standing in chunk if to_be_judged(standing, order, today)]
        judged = {judgement.world_id: judgement for judgement in judge(doubted)} if doubted else {}
        seen = seen._replace(looked_at=seen.looked_at + len(chunk), judged=seen.judged + len(judged))
        for standing in chunk:
            said = judged.get(standing.world_id)
            if said is not None and said.problem:
                seen = seen._replace(problems=(*seen.problems, (standing.world_id, said.problem)))
                continue
            by_gates = (said.finding,) if said is not None and said.finding is not None else ()
            found = (*findings(standing, order, programs), *by_gates)
            if found:
                seen = with_(seen, renewal(standing, found, order, programs), finished)
        if len(seen.renewals) >= order.most_worlds:
            break
    return seen._replace(renewals=seen.renewals[: order.most_worlds])


def with_(seen: Survey, again: Renewal, finished: set[str]) -> Survey:
    """The survey with one more world; a successor that was rejected before would be rejected again."""
    if again.draft_id in finished:
        return seen._replace(refused=(*seen.refused, again))
    return seen._replace(renewals=(*seen.renewals, again))


def chunks(all_of_them: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
    """A few worlds at a time."""
    return (all_of_them[start : start + CHUNK] for start in range(0, len(all_of_them), CHUNK))
