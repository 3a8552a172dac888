"""The report as one HTML file: no network, no other file, readable on a phone."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import plotly.offline
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape

from artifacts.errors import UserError
from artifacts.store import Store
from artifacts.world import World
from tasks.reporting.charts import CHARTS, Chart, drawn
from tasks.reporting.figures import Figures, Overview, figures_of
from tasks.reporting.worlds import WorldView, view_of

MOST_WORLDS = 60
"""The most worlds that a report draws unless more are asked for; each takes some 60 KB and a tenth of a second."""


class Section(NamedTuple):
    """A chart on the page; `html` is empty where there is nothing to draw."""

    chart: Chart
    html: str


class Report(NamedTuple):
    """Everything on the page; `left_out` worlds are only counted."""

    store: str
    overview: Overview
    sections: tuple[Section, ...]
    worlds: tuple[WorldView, ...]
    left_out: int
    yields: tuple[tuple[str, str, int, str], ...]


def report_of(store: Store, most_worlds: int = MOST_WORLDS) -> Report:
    """The report of a store, as of its snapshot, the newest worlds drawn; raises InvalidBundle for an edited world."""
    figures = figures_of(store)
    known = store.worlds()
    chosen = known[max(0, len(known) - most_worlds) :] if most_worlds else []
    views = tuple(view_of(store.world(summary.world_id)) for summary in reversed(chosen))
    sections = tuple(Section(chart, drawn(chart, figures)) for chart in CHARTS)
    return Report(store.url, figures.overview, sections, views, len(known) - len(views), yield_rows(figures))


def yield_rows(figures: Figures) -> tuple[tuple[str, str, int, str], ...]:
    """First-pass yield as a table: stage, model, drafts, share."""
    return tuple((stage, model, drafts, f"{share:.0%}") for stage, model, drafts, share in figures.yields.iter_rows())


def html_of(report: Report) -> str:
    """The whole file."""
    return _template("report.html.j2").render(report=report, plotly=plotly.offline.get_plotlyjs())


def world_html(world: World) -> str:
    """The page of one world alone."""
    return _template("world.html.j2").render(world=view_of(world))


def require_worlds(store: Store) -> None:
    """Raises UserError for a store that has nothing to tell."""
    if store.snapshot().number == 0:
        raise UserError(f"{store.url} is empty: there is nothing to report.", "Weave worlds with `worldloom synthesize` first.")


@cache
def _template(name: str) -> Template:
    loader = PackageLoader("tasks.reporting", "templates")
    return Environment(loader=loader, autoescape=select_autoescape(("html", "j2")), undefined=StrictUndefined).get_template(name)
