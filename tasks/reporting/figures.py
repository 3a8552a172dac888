"""The figures of a store, out of its manifests. Pure questions to the tables; nothing here draws."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from artifacts.store import Store
from tasks.job.tally import STAGES
from tasks.scenarios.novelty import weigh

MOST_POINTS = 3_000
"""The most scenarios on the map: a power of patience, not of principle."""


MOST_STRETCHES = 60
STRETCHES = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
}


class Overview(NamedTuple):
    """The store at a glance; None is unknown."""

    worlds: int
    tasks: int
    tools: int
    rows: int
    drafts: int
    rejected: int
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    dollars: float | None
    snapshot: int
    snapshot_at: str


class Figures(NamedTuple):
    """Every table that the report draws; an empty one is said to be empty."""

    overview: Overview
    funnel: pl.DataFrame
    rejections: pl.DataFrame
    yields: pl.DataFrame
    mistakes: pl.DataFrame
    spending: pl.DataFrame
    sizes: pl.DataFrame
    difficulty: pl.DataFrame
    categories: pl.DataFrame
    scenarios: pl.DataFrame
    solved: pl.DataFrame


def figures_of(store: Store) -> Figures:
    """All figures, as of the store's snapshot."""
    return Figures(
        overview(store),
        funnel(store),
        rejections(store),
        yields(store),
        mistakes(store),
        spending(store),
        sizes(store),
        difficulty(store),
        categories(store),
        scenario_map(store),
        solved(store),
    )


def overview(store: Store) -> Overview:
    """Counts, and what it all took."""
    worlds = store.scan("worlds").select(pl.len().alias("n"), pl.col("tools_count").sum(), pl.col("rows_count").sum()).collect().row(0)
    drafts = _drafts(store).select(pl.len().alias("n"), pl.col("rejected").sum()).collect().row(0)
    paid = store.scan("attempts").filter(~pl.col("recalled"))
    spent = paid.select(pl.len().alias("n"), *(_total(name) for name in ("input_tokens", "output_tokens", "cost_usd"))).collect().row(0)
    snapshot = store.snapshot()
    return Overview(
        worlds=worlds[0],
        tasks=store.scan("agent_tasks").select(pl.len()).collect().item(),
        tools=worlds[1],
        rows=worlds[2],
        drafts=drafts[0],
        rejected=drafts[1] or 0,
        calls=spent[0],
        input_tokens=spent[1],
        output_tokens=spent[2],
        dollars=spent[3],
        snapshot=snapshot.number,
        snapshot_at=snapshot.created_at[:19],
    )


def _total(column: str) -> pl.Expr:
    """The sum of a column, null as soon as any of it is unknown."""
    return pl.when(pl.col(column).is_null().any()).then(None).otherwise(pl.col(column).sum()).alias(column)


def _drafts(store: Store) -> pl.LazyFrame:
    """Every finished draft: whether it was rejected."""
    return (
        store.scan("verdicts").group_by("draft_id").agg(rejected=(pl.col("verdict") == "reject").any() & pl.col("world_id").is_null().all())
    )


def funnel(store: Store) -> pl.DataFrame:
    """stage, drafts that came to it, in the stages' order; the last is `sealed`."""
    came = store.scan("attempts").group_by("stage").agg(drafts=pl.col("draft_id").n_unique()).collect()
    counts = dict(zip(came["stage"], came["drafts"], strict=True))
    rows = [{"stage": stage, "drafts": counts[stage]} for stage in STAGES if stage in counts]
    sealed = store.scan("worlds").select(pl.len()).collect().item()
    return pl.DataFrame([*rows, {"stage": "sealed", "drafts": sealed}], schema={"stage": pl.String, "drafts": pl.Int64})


def rejections(store: Store) -> pl.DataFrame:
    """gate, code of the first diagnostic, drafts; the commonest first."""
    rejected = store.scan("verdicts").filter((pl.col("verdict") == "reject") & pl.col("world_id").is_null())
    code = pl.col("evidence").str.json_path_match("$[0].code").fill_null("")
    return (
        rejected.group_by("gate", code=code).agg(drafts=pl.len()).sort("drafts", "gate", "code", descending=[True, False, False]).collect()
    )


def yields(store: Store) -> pl.DataFrame:
    """stage, model, drafts, first-pass yield (share of first attempts that drew no diagnostic)."""
    first = store.scan("attempts").filter((pl.col("number") == 1) & pl.col("stage").is_in(list(STAGES)))
    by_draft = first.group_by("stage", "model", "draft_id").agg(accepted=pl.col("accepted").all())
    found = by_draft.group_by("stage", "model").agg(drafts=pl.len(), first_pass=pl.col("accepted").mean()).collect()
    return found.sort(pl.col("stage").replace_strict({s: n for n, s in enumerate(STAGES)}, default=len(STAGES)), "model")


def mistakes(store: Store) -> pl.DataFrame:
    """mistake (of the embedded model, made on purpose), answers with it: noticed in drafts that were sealed, in others, not noticed."""
    sealed = store.scan("worlds").select("draft_id", sealed=pl.lit(True)).unique("draft_id")
    made = store.scan("attempts").filter(pl.col("mistake").is_not_null()).join(sealed, on="draft_id", how="left")
    noticed, mended = ~pl.col("accepted"), pl.col("sealed").fill_null(False)
    counts = {"mended": (noticed & mended).sum(), "lost": (noticed & ~mended).sum(), "unnoticed": (~noticed).sum()}
    found = made.group_by("mistake").agg(answers=pl.len(), **counts)
    return found.sort("answers", "mistake", descending=[False, True]).collect()


def spending(store: Store) -> pl.DataFrame:
    """since, worlds sealed, tokens in and out and dollars for each sealed world in that stretch of time; null where unknown or none was."""
    moment = pl.col("created_at")
    paid = store.scan("attempts").filter(~pl.col("recalled"))
    first, last = paid.select(moment.min().alias("first"), moment.max().alias("last")).collect().row(0)
    width = stretch(first, last) if first is not None else "1d"
    spent = paid.group_by(since=moment.dt.truncate(width)).agg(_total("input_tokens"), _total("output_tokens"), _total("cost_usd"))
    sealed = store.scan("worlds").group_by(since=moment.dt.truncate(width)).agg(worlds=pl.len())
    joined = spent.join(sealed, on="since", how="left").sort("since").collect()
    each = [(pl.col(name) / pl.col("worlds")).alias(name) for name in ("input_tokens", "output_tokens", "cost_usd")]
    return joined.with_columns(each)


def stretch(first: datetime, last: datetime) -> str:
    """The shortest of a few usual stretches of time, in polars' words, of which at most 60 lie between two moments."""
    for name, length in STRETCHES.items():
        if last - first <= MOST_STRETCHES * length:
            return name
    return "1w"


def sizes(store: Store) -> pl.DataFrame:
    """tables, rows, tools, tasks of every world."""
    names = ("tables", "rows", "tools", "tasks")
    return store.scan("worlds").select("world_id", **{name: pl.col(f"{name}_count") for name in names}).sort("world_id").collect()


def difficulty(store: Store) -> pl.DataFrame:
    """level, kind, tasks; tasks that were not measured are left out."""
    measured = store.scan("agent_tasks").filter(pl.col("difficulty").is_not_null())
    return measured.group_by("difficulty", "kind").agg(tasks=pl.len()).sort("difficulty", "kind").collect()


def categories(store: Store) -> pl.DataFrame:
    """category, worlds; the commonest first."""
    return store.scan("worlds").group_by("category").agg(worlds=pl.len()).sort("worlds", "category", descending=[True, False]).collect()


def scenario_map(store: Store) -> pl.DataFrame:
    """name, category, x, y: scenarios in the plane of their two strongest differences (principal components of their words)."""
    described = pl.col("scenario").str.json_path_match("$.description").fill_null("")
    found = store.scan("worlds").select("name", "category", description=described).unique(["name"]).sort("name").head(MOST_POINTS).collect()
    points = plane([f"{name}. {text}" for name, text in zip(found["name"], found["description"], strict=True)])
    return found.select("name", "category").with_columns(x=pl.Series(points[:, 0]), y=pl.Series(points[:, 1]))


def plane(texts: list[str]) -> Any:
    """An (n, 2) array: each text's place along the first two principal components of the texts' weighted words."""
    weights = [weigh(text).words for text in texts]
    words = {word: n for n, word in enumerate(sorted({word for found in weights for word in found}))}
    if len(texts) < 3 or not words:
        return np.zeros((len(texts), 2))
    matrix = np.zeros((len(texts), len(words)), dtype=np.float32)
    for row, found in enumerate(weights):
        for word, weight in found.items():
            matrix[row, words[word]] = weight
    matrix -= matrix.mean(axis=0)
    # The small side's eigenvectors are enough: a thousand texts, many thousand words.
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    places = vectors[:, [-1, -2]] * np.sqrt(np.maximum(values[[-1, -2]], 0))
    signs = np.sign(places[np.abs(places).argmax(axis=0), [0, 1]])
    return places * np.where(signs == 0, 1, signs)


def solved(store: Store) -> pl.DataFrame:
    """policy, level, episodes, solved (share of those that ended, environment errors left out), below and above (to the 95 % interval)."""
    played = store.scan("trajectories").filter(~pl.col("masked") & pl.col("difficulty").is_not_null())
    won = (pl.col("outcome") == "completed").mean()
    found = played.group_by("policy", "difficulty").agg(episodes=pl.len(), solved=won).sort("policy", "difficulty").collect()
    return found.with_columns(*wilson(pl.col("solved"), pl.col("episodes")))


def wilson(share: pl.Expr, count: pl.Expr, z: float = 1.96) -> tuple[pl.Expr, pl.Expr]:
    """How far a share's 95 % interval reaches below and above it (E. B. Wilson, 1927): sound for few episodes and for shares of 0 or 1."""
    shrink = 1 + z**2 / count
    middle = (share + z**2 / (2 * count)) / shrink
    reach = (share * (1 - share) / count + z**2 / (4 * count**2)).sqrt() * z / shrink
    return (share - (middle - reach)).clip(0, 1).alias("below"), (middle + reach - share).clip(0, 1).alias("above")
