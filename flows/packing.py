"""The flow that makes images of sealed worlds; the deployment `package/new-worlds` runs it by itself when worlds are sealed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from artifacts.errors import ServerUnavailable
from artifacts.store import Store, open_store
from containers.packaging.engine import connect
from flows.states import ending
from tasks.job.cards import Card
from tasks.packing.building import BATCH_WORLDS, ground_for, images_of
from tasks.packing.cards import cards, counts
from tasks.packing.order import PackageOrder
from tasks.packing.shipping import chosen, without_images

NO_ENGINE = "No container engine"
"""The state of a run that found nothing to build with: the machine of its worker is at fault."""

NOTHING_TO_DO = "Nothing to package"


@ending
def package_new(order: PackageOrder, store: str = "./loom") -> dict[str, int] | State[Any]:
    """Make an image of each world of the order, or of all that have none; gives the counts, or the state that says why not."""
    worlds = wanted(open_store(store, create=False), order)
    if not worlds:
        return Completed(name=NOTHING_TO_DO, message=f"Every world of {store} has an image under {order.tag}/.")
    try:
        connect().client.close()
    except ServerUnavailable as error:
        return Failed(name=NO_ENGINE, message=f"{error} {len(worlds)} worlds wait; run it again with none named to package them.")
    base = ground_for(order)
    images = [image for part in parts(worlds) for image in images_of(order, part, store)]
    post(cards(images, base, store))
    return counts(images)


def post(shown: Iterable[Card]) -> None:
    """Put the cards on the workflow server."""
    for card in shown:
        if isinstance(card.content, str):
            create_markdown_artifact(card.content, key=card.key, description=card.about)
        else:
            create_table_artifact(card.content, key=card.key, description=card.about)


def wanted(shelf: Store, order: PackageOrder) -> list[str]:
    """The ids of the worlds to package, oldest first; raises UnknownName for a name that no world has."""
    if order.worlds:
        return [shipment.world_id for shipment in chosen(shelf, order.worlds)]
    return without_images(shelf, order.tag)


def parts(worlds: list[str]) -> list[list[str]]:
    """The worlds in batches, each of one task run and one commit."""
    return [worlds[start : start + BATCH_WORLDS] for start in range(0, len(worlds), BATCH_WORLDS)]


package = flow(name="package", flow_run_name="package for {store}", persist_result=False)(package_new)
