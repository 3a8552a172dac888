"""From what an order says of its policy to one that is ready to play."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from artifacts.errors import InvalidInput
from artifacts.store import Store
from containers.episodes.conversations import BatchDesk, Desk, Rule
from containers.episodes.episode import FORMS
from tasks.agent.checkpoint import Checkpoint, checkpoint_name
from tasks.agent.collect_order import CollectOrder
from tasks.agent.endpoint import Endpoint, authorization
from tasks.agent.playing import expect_model

JOURNAL = "episodes.sqlite"
"""In the store's home: every answer of an endpoint to an episode's turn."""


class Identity(NamedTuple):
    """Who plays: the name on record, and the folder and id of a checkpoint."""

    name: str
    folder: Path | None = None
    checkpoint_id: str | None = None


def identified(order: CollectOrder, store: Store) -> Identity:
    """Who an order's policy is.

    Raises UnknownName for nobody, InvalidInput for a checkpoint whose folder is gone, ModelRejected where a key is missing.
    """
    if order.scripted:
        return Identity(order.policy)
    known = _checkpoint_row(order.policy, store)
    if known is not None:
        folder = Path(known["path"])
        folder = folder if folder.is_absolute() else Path(store.files.locate(known["path"]))
        if not folder.is_dir():
            raise InvalidInput(f"The folder of checkpoint {order.policy} is not there: {folder}.", "Fetch it, or name the folder itself.")
        return Identity(f"checkpoint/{order.policy}", folder, order.policy)
    folder = Path(order.policy)
    if not order.api_base and folder.is_dir():
        return Identity(checkpoint_name(folder), folder)
    expect_model(order.policy, order.api_base)
    authorization(order.api_base)
    return Identity(order.policy)


def _checkpoint_row(name: str, store: Store) -> dict[str, Any] | None:
    import polars as pl

    found = store.scan("checkpoints").filter(pl.col("checkpoint_id") == name).collect().to_dicts()
    return found[0] if found else None


@contextmanager
def at_the_desk(order: CollectOrder, who: Identity, store: Store, notice: Callable[[str], None]) -> Iterator[Desk]:
    """The policy, ready to be asked; raises ModelUnavailable for a checkpoint that cannot be loaded."""
    form = FORMS[order.form]
    desk: Desk
    if order.scripted:
        desk = BatchDesk(Rule(order.policy, form))
    elif who.folder is not None:
        desk = BatchDesk(Checkpoint(who.folder, form, order.temperature, order.reply))
    else:
        from tasks.agent.endpoint_desk import EndpointDesk

        heat, most = order.temperature, order.reply
        endpoint = Endpoint(order.policy, form, order.api_base, temperature=heat, most=most, notice=notice, at_once=order.width)
        desk = EndpointDesk(endpoint, store.home / JOURNAL)
    try:
        yield desk
    finally:
        desk.close()
