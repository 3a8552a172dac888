"""Where an export comes from, and under which licence it stands."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from typing import NamedTuple

from artifacts.store import STORE_FORMAT, Store
from tasks.job.order import EMBEDDED_MODEL

OWN_LICENCE = "apache-2.0"
UNSTATED = "other"
"""The Hub's word for a licence that is not on its list: worlds that a model wrote stand under the terms of its service."""

KEYWORDS = ("agents", "tool-use", "reinforcement-learning", "synthetic", "environments", "worldloom")


class Provenance(NamedTuple):
    """What an export's card and description say of its making; `models` counts the worlds by who wrote them."""

    name: str
    title: str
    description: str
    licence: str
    licence_url: str
    url: str
    version: str
    created_at: str
    snapshot: int
    snapshot_id: str
    made_with: str
    worlds: int
    superseded: int
    models: tuple[tuple[str, int], ...]
    citation: str
    keywords: tuple[str, ...] = KEYWORDS


def provenance(store: Store, name: str, licence: str | None, url: str) -> Provenance:
    """What there is to say of a store's worlds as of its snapshot; without a licence it is ours where the embedded model wrote them all."""
    current, everything = store.worlds(), len(store.worlds(superseded=True))
    models = Counter(world.model for world in current)
    ours = set(models) <= {EMBEDDED_MODEL}
    stated, snapshot = licence or (OWN_LICENCE if ours else UNSTATED), store.snapshot()
    title = name.replace("-", " ").replace("_", " ").capitalize()
    return Provenance(
        name=name,
        title=title,
        description=describing(len(current), sum(world.tasks for world in current), models),
        licence=stated,
        licence_url="" if stated == UNSTATED else f"https://spdx.org/licenses/{_SPDX.get(stated, stated)}.html",
        url=url,
        version=f"{STORE_FORMAT}.{snapshot.number}.0",
        created_at=snapshot.created_at,
        snapshot=snapshot.number,
        snapshot_id=snapshot.id,
        made_with=f"Worldloom {version('worldloom')}",
        worlds=len(current),
        superseded=everything - len(current),
        models=tuple(models.most_common()),
        citation=f"@misc{{{name.replace('-', '_')}, title = {{{title}}}, note = {{{len(current)} worlds, snapshot {snapshot.id[:12]}}}}}",
    )


def describing(worlds: int, tasks: int, models: Counter[str]) -> str:
    """What is in an export, in two sentences."""
    writers = " and ".join(models) or "no model"
    return (
        f"{worlds:,} executable, database-backed worlds for tool-using agents, with {tasks:,} verified tasks. "
        f"Everything in them is made up, written by {writers}; every task was carried out and checked before it was kept."
    )


_SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "cc0-1.0": "CC0-1.0", "cc-by-4.0": "CC-BY-4.0", "cc-by-sa-4.0": "CC-BY-SA-4.0"}
