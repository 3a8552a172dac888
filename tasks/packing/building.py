"""The Prefect tasks of packaging: make the base, then the images of a batch of worlds, and keep their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from artifacts.store import open_store
from containers.packaging.engine import connect
from containers.packaging.package import make_base, package_worlds
from tasks.packing.order import PackageOrder
from tasks.packing.shipping import chosen, record, sent

BATCH_WORLDS = 64
"""Images of one task run and one commit."""


@task(name="make the base", task_run_name="make the base {order.tag}/base", persist_result=False, cache_policy=NO_CACHE)
def ground_for(order: PackageOrder) -> str:
    """The name of the base that the images are laid upon, made if it is not there; raises InvalidInput, ServerUnavailable."""
    with connect() as engine:
        return make_base(engine, order.base, order.tag).tag


@task(name="package worlds", persist_result=False, cache_policy=NO_CACHE)
def images_of(order: PackageOrder, worlds: Sequence[str], store: str) -> list[dict[str, Any]]:
    """The images of these worlds, made, pushed where that is asked, and kept as rows; gives a row of the card for each.

    Raises UnknownName, InvalidInput for what a registry refuses, ServerUnavailable.
    """
    shelf = open_store(store, create=False)
    shipments = chosen(shelf, worlds)
    with connect() as engine:
        ground = make_base(engine, order.base, order.tag)
        done = list(package_worlds(engine, ground, shipments, order.tag))
        pushed = dict(sent(engine, ground.tag, done)) if order.push else {}
    record(shelf, done, pushed, shipments)
    return [{**image._asdict(), "pushed_digest": pushed.get(image.world_id)} for image in done]
