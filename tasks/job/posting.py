"""Posting a run's cards to the workflow server: a bar while it goes on, tables and a summary when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.variables import Variable

from tasks.job.cards import cards, percent
from tasks.job.tally import Listener, Tally

TARGETS = "worldloom_targets"
"""The variable that says what a run makes when its order says nothing: fields of an order, such as {"worlds": 12}."""

REPORT = "report.html"
"""Where a store's own report is looked for: `worldloom report --output STORE/report.html`."""

ABOUT = "Drafts that are done"
EVERY_SECONDS = 3.0
"""How often the bar moves at most: each move is a request to the server."""


class Board:
    """The cards of the flow run in hand."""

    def __init__(self, store: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.store = store
        self._clock = clock
        self._moved = float("-inf")
        self._bar: UUID | None = None
        self._trouble = ""

    def listen(self, tally: Tally) -> None:
        """Moves the bar, now and then."""
        now = self._clock()
        if now - self._moved >= EVERY_SECONDS or tally.trouble != self._trouble:
            self._trouble = tally.trouble
            self._moved = now
            self._show(tally)

    def close(self, tally: Tally) -> None:
        """Moves the bar for the last time, and posts the tables and the summary."""
        self._show(tally)
        for card in cards(tally, self.store):
            if isinstance(card.content, str):
                create_markdown_artifact(card.content, key=card.key, description=card.about)
            else:
                create_table_artifact(card.content, key=card.key, description=card.about)
        report = report_of(self.store)
        if report is not None:
            create_link_artifact(report, link_text="The store's report", key="worldloom-report", description="`worldloom report` wrote it")

    def _show(self, tally: Tally) -> None:
        if self._bar is None:
            self._bar = create_progress_artifact(percent(tally), key="worldloom-progress", description=ABOUT)  # type: ignore[assignment]  # in a flow that is not async it is an id
        else:
            update_progress_artifact(self._bar, percent(tally), tally.trouble or ABOUT)


def report_of(store: str) -> str | None:
    """The address of the report that somebody had written into the store, if it is there."""
    from artifacts.files import LocalFiles, files_at

    files = files_at(store)
    if files.size(REPORT) is None:
        return None
    return (files.folder / REPORT).absolute().as_uri() if isinstance(files, LocalFiles) else files.locate(REPORT)


def both(one: Listener, other: Listener) -> Listener:
    """A listener that tells two."""

    def listen(tally: Tally) -> None:
        one(tally)
        other(tally)

    return listen


def current_targets() -> dict[str, Any]:
    """What the variable `worldloom_targets` says on the server; empty where there is none."""
    found = Variable.get(TARGETS)
    return dict(found) if isinstance(found, dict) else {}
