"""What a collection shows in the Prefect UI: solve rates by level and kind, outcomes, what it cost. Pure; posting is elsewhere."""

from __future__ import annotations

from artifacts.agent_task import Kind
from tasks.agent.figures import Cell, Figures
from tasks.job.cards import Card, Rows

KINDS: tuple[Kind, ...] = ("read", "write", "mixed")
LEVELS: tuple[int | None, ...] = (1, 2, 3, 4, 5, None)


def collect_cards(figures: Figures, store: str) -> tuple[Card, ...]:
    """The cards of a collection that has ended."""
    found = (
        Card("worldloom-solve-rates", "Share of episodes solved, by kind and level of the task", solve_rates(figures)),
        Card("worldloom-outcomes", "How episodes ended, and what came of them", outcomes(figures)),
        Card("worldloom-collect-cost", "Turns, calls and tokens of this run", cost(figures)),
        Card("worldloom-collect-summary", "The collection in short", summary_text(figures, store)),
    )
    return tuple(card for card in found if card.content)


def percent_done(figures: Figures) -> float:
    """How much of a collection is done."""
    return round(100 * (figures.known + figures.played + figures.unfinished) / figures.planned, 1) if figures.planned else 0.0


def solve_rates(figures: Figures) -> Rows:
    """A row for each level, a column for each kind, and all together; a place without episodes stays empty."""
    levels = [level for level in LEVELS if any(place[1] == level for place in figures.cells)]
    rows: Rows = [
        {
            "level": "unknown" if level is None else str(level),
            **{kind: rate_line(figures.cells.get((kind, level), Cell())) for kind in KINDS},
            "all": rate_line(figures.of_level(level)),
        }
        for level in levels
    ]
    if rows:
        rows.append({"level": "all", **{kind: rate_line(figures.of_kind(kind)) for kind in KINDS}, "all": rate_line(figures.overall)})
    return rows


def rate_line(cell: Cell) -> str:
    """A share with what it is a share of."""
    return "" if cell.rate is None else f"{cell.rate:.0%} of {cell.episodes:,}"


def outcomes(figures: Figures) -> Rows:
    """How many episodes came to each outcome, and ended in each way."""
    rows: Rows = [{"what": "outcome", "name": name, "episodes": count} for name, count in sorted(figures.outcomes.items())]
    return [*rows, *({"what": "ended", "name": name, "episodes": count} for name, count in sorted(figures.endings.items()))]


def cost(figures: Figures) -> Rows:
    """What this run took; what is unknown stays empty."""
    if not figures.played:
        return []
    paces = figures.turns / figures.seconds if figures.seconds else 0.0
    named = (
        ("episodes", figures.played),
        ("turns", figures.turns),
        ("calls of tools", figures.calls),
        ("tokens in", figures.input_tokens),
        ("tokens out", figures.output_tokens),
        ("replies recalled from the journal", figures.recalled),
        ("seconds", round(figures.seconds, 1)),
        ("turns a second", round(paces, 1)),
    )
    return [{"what": name, "amount": "" if amount is None else amount} for name, amount in named]


def summary_text(figures: Figures, store: str) -> str:
    """The collection in a few lines of Markdown."""
    whole = figures.overall
    rate = "nothing to rate" if whole.rate is None else f"{whole.rate:.1%} solved of {whole.episodes:,} that count"
    ended = "was interrupted" if figures.interrupted else "ended"
    lines = [
        f"# {figures.kept:,} episodes of {figures.policy}",
        "",
        f"{rate}. Of {figures.planned:,} planned {figures.known:,} were in the table before and {figures.unfinished:,} are unfinished;"
        f" the run {ended} after {figures.seconds:.0f} s.",
        "",
        *[f"- {trouble}" for trouble in figures.troubles],
        *([""] if figures.troubles else []),
        f"Store: `{store}`, table `trajectories`. Run the same again to resume what is unfinished.",
    ]
    return "\n".join(lines)
