"""What a run of regeneration shows: a row for each world, with its reason, the stages that ran and its successor. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from artifacts.identity import unique
from artifacts.verdict import Reject
from tasks.job.cards import Card, Rows, cut
from tasks.job.tally import STAGES, Woven
from tasks.regeneration.renew import Renewal
from tasks.regeneration.stale import SEAL
from tasks.regeneration.survey import Survey

STANDS = "the old world stands"


class Came(NamedTuple):
    """What came of a draft: the stages that ran, the world it became, if any, and a word on it."""

    stages: tuple[str, ...]
    successor: str
    outcome: str


def came_of(woven: Woven) -> Came:
    """What came of one draft."""
    ran = unique(attempt.stage for attempt in woven.attempts)
    at_the_end = woven.world is not None or (woven.rejection is not None and woven.rejection.gate not in STAGES)
    stages = (*ran, *((SEAL,) if at_the_end else ()))
    if woven.world is not None:
        return Came(stages, woven.world.id, "made again")
    return Came(stages, "", rejected(woven.rejection) if woven.rejection is not None else f"unfinished: {woven.fault}")


def rejected(verdict: Reject) -> str:
    """A rejected successor in words."""
    return f"rejected by {verdict.gate}: {verdict.reason} ({STANDS})"


def table(seen: Survey, came: Mapping[str, Came], successors: Mapping[str, str]) -> Rows:
    """A row for each world that is out of date; `came` is by draft, `successors` what the store says now."""
    rows = [{**reasons_row(again), **outcome_row(again, came.get(again.draft_id), successors)} for again in seen.renewals]
    nothing = {"stages that ran": "", "successor": ""}
    rows += [{**reasons_row(again), **nothing, "outcome": f"its successor was rejected before ({STANDS})"} for again in seen.refused]
    rows += [{"world": name, "because": "", "first stage": "", **nothing, "outcome": problem} for name, problem in seen.problems]
    return cut(rows, "world", len(rows))


def reasons_row(again: Renewal) -> dict[str, str]:
    """Which world, why, and from where on."""
    because = "; ".join(f"{finding.reason}: {finding.why}" for finding in again.findings)
    return {"world": again.world_id, "because": because, "first stage": again.stage}


def outcome_row(again: Renewal, came: Came | None, successors: Mapping[str, str]) -> dict[str, str]:
    """What came of it; of two runs at the same time one is first, and the other's world is left out of the store."""
    if came is None:
        return {"stages that ran": "", "successor": "", "outcome": "not begun"}
    stands = successors.get(again.world_id, "")
    lost = came.successor and stands != came.successor
    outcome = "another run was first" if lost and stands else came.outcome
    return {"stages that ran": ", ".join(came.stages), "successor": stands, "outcome": outcome}


def summary(seen: Survey, rows: Rows, store: str) -> str:
    """The run in a few lines of Markdown."""
    made = sum(row["outcome"] == "made again" for row in rows)
    lines = [
        f"# {made} worlds made again",
        "",
        f"{seen.looked_at} worlds were looked at and {seen.judged} of them judged again; {len(seen.renewals)} are out of date,"
        f" {len(seen.refused)} more have a successor that was rejected, {len(seen.problems)} could not be judged.",
        "",
        f"Store: `{store}`. `worldloom ls --all --store {store}` lists the old worlds with their successors.",
    ]
    return "\n".join(lines)


def cards(seen: Survey, came: Mapping[str, Came], successors: Mapping[str, str], store: str) -> tuple[Card, ...]:
    """The cards of a run that has ended."""
    rows = table(seen, came, successors)
    found = (
        Card("worldloom-regeneration", "Worlds that are out of date, why, and what came of each", rows),
        Card("worldloom-regenerated", "The run in short", summary(seen, rows, store)),
    )
    return tuple(card for card in found if card.content)
