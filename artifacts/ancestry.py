"""Where things came from and what came of them: walks over the edges of lineage, causes of rejections, reach of a program."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from artifacts.errors import InvalidInput, UnknownName
from artifacts.identity import ID_HEX_DIGITS, slug_of
from artifacts.store import Store

if TYPE_CHECKING:
    import polars as pl

Direction = Literal["up", "down"]


class Edge(NamedTuple):
    """A thing that was made, what it came from, and the kinds of both."""

    child: str
    child_kind: str
    parent: str
    parent_kind: str

    def ends(self, direction: Direction) -> tuple[str, str, str]:
        """The end that a walk in this direction meets first, then the far end and its kind."""
        if direction == "up":
            return self.child, self.parent, self.parent_kind
        return self.parent, self.child, self.child_kind


class Ancestry(NamedTuple):
    """What a walk from one thing met: the thing, its kind, which way it went, and every edge, nearest first."""

    start: str
    kind: str
    direction: Direction
    edges: tuple[Edge, ...]

    @property
    def met(self) -> dict[str, list[str]]:
        """The ids that the walk met, by kind, each once, in the order of the walk."""
        found: dict[str, dict[str, None]] = {}
        for edge in self.edges:
            _, name, kind = edge.ends(self.direction)
            found.setdefault(kind, {})[name] = None
        return {kind: list(names) for kind, names in found.items()}


def ancestry(store: Store, name: str, direction: Direction = "up", depth: int = 32) -> Ancestry:
    """Everything that a thing came from, or everything that came of it; raises UnknownName for an id that stands nowhere.

    `name` is an id or a unique beginning of one, or a scenario's name.
    """
    edges = all_edges(store)
    try:
        start, kind = found_id(edges, name)
    except UnknownName as unknown:
        lost = lost_draft(store, name)
        if lost is None:
            raise
        what = f"'{name}' is of a draft that was rejected: nothing came of it."
        raise UnknownName(what, f"`worldloom lineage --cause {lost}` tells what it shares with others.") from unknown
    here, there = ("child", "parent") if direction == "up" else ("parent", "child")
    frontier, seen, walked = [start], {start}, list[Edge]()
    for _ in range(depth):
        step = edges.filter(edges[here].is_in(frontier))
        walked += [Edge(*row) for row in step.select(Edge._fields).iter_rows()]
        frontier = [value for value in step[there].unique(maintain_order=True) if value not in seen]
        seen.update(frontier)
        if not frontier:
            break
    return Ancestry(start, kind, direction, tuple(dict.fromkeys(walked)))


def all_edges(store: Store) -> pl.DataFrame:
    """Every edge of the store's snapshot, in the columns of `Edge`; those of images stand in their own table."""
    import polars as pl

    kinds = pl.col("relation").str.split("<-")
    told = store.scan("lineage").select(
        child=pl.col("child_id"), child_kind=kinds.list.get(0), parent=pl.col("parent_id"), parent_kind=kinds.list.get(1)
    )
    images = store.scan("images").select(
        child=pl.col("image_digest"), child_kind=pl.lit("image"), parent=pl.col("world_id"), parent_kind=pl.lit("world")
    )
    return pl.concat([told, images]).unique(maintain_order=True).collect()


def found_id(edges: pl.DataFrame, name: str) -> tuple[str, str]:
    """The id that a name means, and its kind; raises UnknownName for none or several."""
    import polars as pl

    sides = [edges.select(id=pl.col(side), kind=pl.col(f"{side}_kind")) for side in ("child", "parent")]
    known = pl.concat(sides).unique()
    exact = known.filter(pl.col("id") == name)
    if not exact.height:  # a scenario goes by its name, though its worlds' ids begin alike
        exact = known.filter((pl.col("kind") == "scenario") & (pl.col("id").str.head(-ID_HEX_DIGITS) == f"{slug_of(name)}-"))
    found = exact if exact.height else known.filter(pl.col("id").str.starts_with(name) & (pl.col("kind") != "agent_task"))
    if found.height == 1:
        row = found.row(0)
        return str(row[0]), str(row[1])
    if found.height > 1:
        some = ", ".join(sorted(found["id"])[:3])
        raise UnknownName(f"'{name}' begins {found.height} ids.", f"Give more of it: {some} …")
    near = difflib.get_close_matches(name, known["id"].to_list(), n=3, cutoff=0.5)
    raise UnknownName(f"Nothing here is called '{name}'.", f"Did you mean {' or '.join(near)}?" if near else "Ids stand in the manifests.")


def lost_draft(store: Store, name: str) -> str | None:
    """The rejected draft that an id means, or one of whose attempts it means: nothing came of it, so that no edge tells of it."""
    import polars as pl

    rejected = store.scan("verdicts").filter((pl.col("verdict") == "reject") & pl.col("world_id").is_null()).select("draft_id").unique()
    attempts = store.scan("attempts").filter(pl.col("attempt_id") == name).select("draft_id")
    mine = pl.concat([rejected.filter(pl.col("draft_id") == name), attempts.join(rejected, on="draft_id", how="semi")]).collect()
    return str(mine["draft_id"][0]) if mine.height else None


class Cause(NamedTuple):
    """What drafts were rejected for: the gate, the first diagnostic's code, and the drafts."""

    gate: str
    code: str
    drafts: tuple[str, ...]


def causes(store: Store, about: str | None = None) -> tuple[Cause, ...]:
    """Rejected drafts by what they share, the commonest first; of one draft, or of one gate or code, where `about` names it."""
    import polars as pl

    rows = store.scan("verdicts").filter((pl.col("verdict") == "reject") & pl.col("world_id").is_null()).collect()
    grouped: dict[tuple[str, str], list[str]] = {}
    for row in rows.sort("draft_id").iter_rows(named=True):
        evidence = json.loads(row["evidence"])
        grouped.setdefault((row["gate"], evidence[0]["code"] if evidence else ""), []).append(row["draft_id"])
    found = [Cause(gate, code, tuple(drafts)) for (gate, code), drafts in grouped.items()]
    chosen = [cause for cause in found if about is None or about in (cause.gate, cause.code) or about in cause.drafts]
    if about is not None and not chosen:
        names = sorted({name for cause in found for name in (cause.gate, cause.code, *cause.drafts) if name})
        near = difflib.get_close_matches(about, names, n=3, cutoff=0.5)
        raise UnknownName(f"No draft was rejected for '{about}'.", f"Did you mean {' or '.join(near)}?" if near else "")
    return tuple(sorted(chosen, key=lambda cause: (-len(cause.drafts), cause.gate, cause.code)))


class Reach(NamedTuple):
    """What a stage's program has made: its digests, each with the worlds whose recipe names it, and what came of those worlds, counted."""

    stage: str
    programs: dict[str, tuple[str, ...]]
    after: dict[str, int]


def reach(store: Store, stage: str) -> Reach:
    """What would be made anew if a stage's program changed; raises UnknownName for a stage that no recipe names."""
    recipes = store.scan("worlds").select("world_id", "recipe").collect()
    grouped: dict[str, list[str]] = {}
    stages: set[str] = set()
    for world_id, text in recipes.iter_rows():
        programs = json.loads(text)["programs"]
        stages |= programs.keys()
        if stage in programs:
            grouped.setdefault(programs[stage], []).append(world_id)
    if not grouped:
        raise UnknownName(f"No world's recipe names the stage '{stage}'.", f"They name {', '.join(sorted(stages)) or 'none'}.")
    return Reach(stage, {digest: tuple(sorted(ids)) for digest, ids in sorted(grouped.items())}, _after(store, grouped.values()))


def _after(store: Store, worlds: Iterable[Sequence[str]]) -> dict[str, int]:
    edges = all_edges(store)
    frontier = [world for group in worlds for world in group]
    seen = set(frontier)
    counts: dict[str, int] = {}
    while frontier:
        step = edges.filter(edges["parent"].is_in(frontier)).select("child", "child_kind").unique()
        fresh = [(child, kind) for child, kind in step.iter_rows() if child not in seen]
        seen.update(child for child, _ in fresh)
        for _, kind in fresh:
            counts[kind] = counts.get(kind, 0) + 1
        frontier = [child for child, _ in fresh]
    return dict(sorted(counts.items()))


def require_one(**chosen: object) -> None:
    """Raises InvalidInput unless exactly one of these is given."""
    given = [name for name, value in chosen.items() if value is not None]
    if len(given) != 1:
        raise InvalidInput(f"One of {', '.join(chosen)} is asked for; there are {len(given)}.", "Try `worldloom lineage --help`.")
