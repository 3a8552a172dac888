"""The report as one HTML file: no network, no other file, readable on a phone, by day and by night.

Every world's page stands in the file, packed, and so does plotly; the browser unpacks a world when it is opened. A thousand worlds make
a file of some 12 MB that opens at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import plotly.offline

from artifacts.errors import UserError
from artifacts.store import Store, WorldSummary
from artifacts.world import World
from tasks.reporting.charts import CHARTS, Chart, drawn
from tasks.reporting.figures import Figures, Overview, figures_of
from tasks.reporting.gallery import in_base64, packed, pages_of
from tasks.reporting.templating import template
from tasks.reporting.worlds import view_of

Listener = Callable[[int, int], None]
"""Is told how many worlds are drawn, of how many."""


class Section(NamedTuple):
    """A chart on the page; `json` is plotly's figure, empty where there is nothing to draw."""

    chart: Chart
    json: str


class Card(NamedTuple):
    """A world in the list, and its page: gzipped HTML in base64."""

    world: WorldSummary
    page: str


class Report(NamedTuple):
    """Everything on the page; `left_out` worlds are only counted."""

    store: str
    overview: Overview
    sections: tuple[Section, ...]
    cards: tuple[Card, ...]
    left_out: int
    yields: tuple[tuple[str, str, int, str], ...]

    @property
    def missing(self) -> tuple[Chart, ...]:
        """The charts for which the store has nothing yet."""
        return tuple(section.chart for section in self.sections if not section.json)


def unheard(_done: int, _all: int) -> None:
    """A listener that says nothing."""


def report_of(store: Store, most_worlds: int | None = None, tell: Listener = unheard) -> Report:
    """The report of a store, as of its snapshot: all worlds, the newest first, or so many of them; raises InvalidBundle."""
    figures = figures_of(store)
    sections = tuple(Section(chart, drawn(chart, figures)) for chart in CHARTS)
    known = store.worlds()[::-1]
    chosen = known if most_worlds is None else known[:most_worlds]
    pages: dict[str, bytes] = {}
    for world_id, page in pages_of(store, [world.world_id for world in chosen]):
        pages[world_id] = page
        tell(len(pages), len(chosen))
    cards = tuple(Card(world, in_base64(pages[world.world_id])) for world in chosen)
    return Report(store.url, figures.overview, sections, cards, len(known) - len(cards), yield_rows(figures))


def yield_rows(figures: Figures) -> tuple[tuple[str, str, int, str], ...]:
    """First-pass yield as a table: stage, model, drafts, share."""
    return tuple((stage, model, drafts, f"{share:.1%}") for stage, model, drafts, share in figures.yields.iter_rows())


def html_of(report: Report) -> str:
    """The whole file."""
    return template("report.html.j2").render(report=report, plotly=_plotly())


def world_html(world: World) -> str:
    """The page of one world alone."""
    return template("world.html.j2").render(world=view_of(world))


def require_worlds(store: Store) -> None:
    """Raises UserError for a store that has nothing to tell."""
    if store.snapshot().number == 0:
        raise UserError(f"{store.url} is empty: there is nothing to report.", "Weave worlds with `worldloom synthesize` first.")


@cache
def _plotly() -> str:
    return in_base64(packed(plotly.offline.get_plotlyjs()))
