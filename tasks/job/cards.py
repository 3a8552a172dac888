"""What a run shows in the Prefect UI: its funnel, what it cost, the worlds it made, as tables and a summary. Pure; posting is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from artifacts.attempt import Attempt
from tasks.job.tally import Tally, by_stage, cost, total, whole

Rows = list[dict[str, Any]]
MOST_ROWS = 200
"""The most rows of one table; what is left out is said, and stands in the manifests."""


MOST_NAMED = 50
"""The most worlds that the summary names; the table has more of them."""

MOST_FAULTS = 10


class Card(NamedTuple):
    """One card: its key on the server, what it is about, and its content (rows of a table, or Markdown)."""

    key: str
    about: str
    content: Rows | str


def cards(tally: Tally, store: str) -> tuple[Card, ...]:
    """The cards of a run that has ended."""
    found = (
        Card("worldloom-funnel", "How many drafts came to each stage, and how many became worlds", funnel(tally)),
        Card("worldloom-rejections", "Drafts that were rejected, by whom and why", rejections(tally, store)),
        Card("worldloom-spending", "Calls, tokens and cost by stage and model", spending(tally.attempts)),
        Card("worldloom-worlds", "The worlds of this run", worlds(tally)),
        Card("worldloom-summary", "The run in short", summary(tally, store)),
    )
    return tuple(card for card in found if card.content)


def percent(tally: Tally) -> float:
    """How much of a run is done."""
    ended = tally.finished + tally.unfinished
    return round(100 * ended / tally.planned, 1) if tally.planned else 0.0


def funnel(tally: Tally) -> Rows:
    """Drafts by stage: came there, passed at the first attempt, were mended, were rejected there."""
    stages = by_stage(tally.attempts)
    rows: Rows = [{"stage": "planned", "drafts": tally.planned}]
    if tally.known:
        rows.append({"stage": "finished by an earlier run", "drafts": tally.known})
    for name, figures in stages.items():
        lost = tally.rejections.get(name, 0)
        mended = figures.drafts - figures.first_pass - lost
        rows.append({"stage": name, "drafts": figures.drafts, "at first": figures.first_pass, "mended": max(mended, 0), "rejected": lost})
    gates = {gate: count for gate, count in tally.rejections.items() if gate not in stages}
    rows += [{"stage": f"gate {gate}", "rejected": count} for gate, count in sorted(gates.items())]
    rows.append({"stage": "sealed", "drafts": tally.sealed})
    if tally.unfinished:
        rows.append({"stage": "unfinished", "drafts": tally.unfinished})
    return uniform(rows)


def rejections(tally: Tally, store: str) -> Rows:
    """Each rejected draft with its reason, and the query that gives the evidence."""
    rows = [
        {
            "draft": rejected.draft_id,
            "scenario": rejected.name,
            "by": rejected.gate,
            "why": rejected.reason,
            "evidence": f"worldloom query \"SELECT evidence FROM verdicts WHERE draft_id = '{rejected.draft_id}'\" --store {store}",
        }
        for rejected in tally.rejects
    ]
    return cut(rows, "draft", sum(tally.rejections.values()))


def spending(attempts: Sequence[Attempt]) -> Rows:
    """Calls, tokens and cost by stage and model, and in all; what is unknown stays empty. Recalled answers cost nothing."""
    grouped: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        grouped.setdefault((attempt.stage, attempt.model), []).append(attempt)
    rows = [{"stage": stage, "model": model, **_spent(found)} for (stage, model), found in sorted(grouped.items())]
    return [*rows, {"stage": "in all", "model": "", **_spent(attempts)}] if rows else []


def _spent(attempts: Iterable[Attempt]) -> dict[str, Any]:
    found = list(attempts)
    paid = [attempt for attempt in found if not attempt.recalled]
    return {
        "calls": len(paid),
        "recalled": len(found) - len(paid),
        "accepted": sum(attempt.accepted for attempt in found),
        "tokens in": whole(total(attempt.input_tokens for attempt in paid)),
        "tokens out": whole(total(attempt.output_tokens for attempt in paid)),
        "dollars": cost(paid),
    }


def worlds(tally: Tally) -> Rows:
    """A row for each world that this run sealed."""
    rows = [dict(made._asdict()) for made in tally.made]
    return cut(rows, "world", tally.sealed)


def summary(tally: Tally, store: str) -> str:
    """The run in a few lines of Markdown."""
    paid = cost(tally.paid)
    spent = f"{len(tally.paid):,} model calls" + (f", ${paid:,.2f}" if paid else "")
    ended = "was interrupted" if tally.interrupted else "ended"
    lines = [
        f"# {tally.sealed} worlds sealed",
        "",
        f"Of {tally.planned} planned drafts {tally.known} were finished before, {tally.rejected} were rejected,"
        f" {tally.unfinished} are unfinished. The run {ended}; it took {spent}, in {tally.task_runs:,} task runs.",
        "",
        *items(tally.faults, MOST_FAULTS, len(tally.faults)),
        *items([f"`{made.world}`: {made.tools} tools, {made.tasks} tasks" for made in tally.made], MOST_NAMED, tally.sealed),
        f"Store: `{store}`. `worldloom ls --store {store}` lists the worlds; run the same again to resume what is unfinished.",
    ]
    return "\n".join(lines)


def items(lines: Sequence[str], most: int, count: int) -> list[str]:
    """The first lines of `count` as a Markdown list, one that says how many more there are, and a blank line; nothing for none."""
    shown = [f"- {line}" for line in lines[:most]]
    more = [f"- … and {count - len(shown)} more"] if count > len(shown) else []
    return [*shown, *more, ""] if shown else []


def cut(rows: Rows, name: str, count: int) -> Rows:
    """At most MOST_ROWS rows, and one that says how many more there are."""
    if count <= len(rows[:MOST_ROWS]):
        return rows
    return [*rows[:MOST_ROWS], {name: f"… and {count - len(rows[:MOST_ROWS])} more, in the manifests"}]


def uniform(rows: Iterable[Mapping[str, Any]]) -> Rows:
    """The rows with the same columns, empty where a row has none: a table has one head."""
    found = list(rows)
    names = list(dict.fromkeys(name for row in found for name in row))
    return [{name: row.get(name, "") for name in names} for row in found]
