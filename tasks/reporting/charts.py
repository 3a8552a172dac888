"""The report's charts: plotly figures from tables. An empty table gives no chart, and the page says so."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple

import plotly.graph_objects as go
import polars as pl

from tasks.reporting.figures import Figures

ACCENT = "#3d83a3"
PALETTE = ("#3d83a3", "#d98032", "#5f9a5e", "#bd5d73", "#8877bd", "#b3a03c", "#4aa3a2", "#a0826d")

Draw = Callable[[Figures], go.Figure | None]


class Chart(NamedTuple):
    """One chart: where it stands on the page, its heading, what it shows, what fills it, how it is drawn, whether it takes a whole row."""

    name: str
    title: str
    says: str
    filled: str
    draw: Draw
    wide: bool = False


def drawn(chart: Chart, figures: Figures) -> str:
    """The chart as plotly's JSON, safe inside a script element, or an empty text where there is nothing to draw.

    Ink and grid have no colour here: the page gives them its own, by day or by night.
    """
    figure = chart.draw(figures)
    if figure is None:
        return ""
    figure.update_layout(
        template="none",
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        height=max(260, int(figure.layout.height or 320)),
        font={"family": "system-ui, sans-serif", "size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=PALETTE,
        legend={"orientation": "h", "y": -0.22, "x": 0},
        hoverlabel={"align": "left"},
        dragmode=False,
    )
    figure.update_xaxes(automargin=True, fixedrange=True, zeroline=False)
    figure.update_yaxes(automargin=True, fixedrange=True, zeroline=False)
    return str(figure.to_json()).replace("<", "\\u003c")


def funnel(figures: Figures) -> go.Figure | None:
    """Drafts by stage."""
    rows = figures.funnel
    if rows.height < 2 and not rows["drafts"].sum():
        return None
    return go.Figure(
        go.Funnel(y=rows["stage"].to_list(), x=rows["drafts"].to_list(), marker={"color": ACCENT}, textinfo="value+percent initial")
    )


def rejections(figures: Figures) -> go.Figure | None:
    """Rejected drafts by gate, a colour for each code."""
    rows = figures.rejections
    bars = [
        go.Bar(y=part["gate"].to_list(), x=part["drafts"].to_list(), name=str(code[0]) or "no code", orientation="h")
        for code, part in rows.group_by("code", maintain_order=True)
    ]
    return go.Figure(bars, layout={"barmode": "stack", "xaxis": {"title": "drafts"}}) if bars else None


def yields(figures: Figures) -> go.Figure | None:
    """First-pass yield by stage, a colour for each model."""
    bars = [
        go.Bar(
            x=part["stage"].to_list(),
            y=part["first_pass"].to_list(),
            name=escape(str(model[0])),
            customdata=part["drafts"].to_list(),
            hovertemplate="%{x}: %{y:.0%} of %{customdata} drafts",
        )
        for model, part in figures.yields.group_by("model", maintain_order=True)
    ]
    return go.Figure(bars, layout={"barmode": "group", "yaxis": {"tickformat": ".0%", "range": [0, 1.02]}}) if bars else None


def mistakes(figures: Figures) -> go.Figure | None:
    """Mistakes made on purpose: how many were noticed and mended, noticed in a draft that was lost, not noticed."""
    rows = figures.mistakes
    if not rows.height:
        return None
    kinds = {"mended": ("mended", PALETTE[2]), "lost": ("draft lost", PALETTE[1]), "unnoticed": ("not noticed", PALETTE[3])}
    bars = [
        go.Bar(y=rows["mistake"].to_list(), x=rows[kind].to_list(), name=name, orientation="h", marker={"color": colour})
        for kind, (name, colour) in kinds.items()
    ]
    return go.Figure(bars, layout={"barmode": "stack", "height": 22 * rows.height + 120, "xaxis": {"title": "answers"}})


def spending(figures: Figures) -> go.Figure | None:
    """Tokens and dollars for each sealed world, as time went by; dollars only where any were paid."""
    rows = figures.spending.filter(pl.col("worlds").is_not_null())
    if not rows.height:
        return None
    times = [moment.isoformat() for moment in rows["since"]]
    lines = [
        go.Scatter(
            x=times, y=rows[name].to_list(), name=label, mode="lines+markers", customdata=rows["worlds"].to_list(),
            hovertemplate="%{y:,.0f} for each of %{customdata} worlds",
        )
        for name, label in (("input_tokens", "tokens in"), ("output_tokens", "tokens out"))
    ]  # fmt: skip
    layout: dict[str, Any] = {"xaxis": {"type": "date"}, "yaxis": {"title": "tokens a world", "rangemode": "tozero"}, "hovermode": "x"}
    if rows["cost_usd"].sum():
        dollars = rows["cost_usd"].to_list()
        lines.append(go.Scatter(x=times, y=dollars, name="dollars", mode="lines+markers", yaxis="y2", line={"dash": "dot"}))
        layout["yaxis2"] = {"title": "dollars a world", "overlaying": "y", "side": "right", "rangemode": "tozero", "showgrid": False}
    return go.Figure(lines, layout=layout)


def sizes(figures: Figures) -> go.Figure | None:
    """Distributions of tables, rows, tools and tasks."""
    from plotly.subplots import make_subplots

    if not figures.sizes.height:
        return None
    names = ("tables", "rows", "tools", "tasks")
    figure = make_subplots(rows=2, cols=2, subplot_titles=names, vertical_spacing=0.22)
    for number, name in enumerate(names):
        low, width, counts = binned(figures.sizes[name].to_list())
        middles = [low + width * (place + 0.5) - 0.5 for place in range(len(counts))]
        labels = [str(low + width * n) if width == 1 else f"{low + width * n} to {low + width * (n + 1) - 1}" for n in range(len(counts))]
        bar = go.Bar(
            x=middles, y=counts, width=[width * 0.9] * len(counts), customdata=labels, marker={"color": PALETTE[number]}, name=name,
            hovertemplate="%{customdata}: %{y} worlds",
        )  # fmt: skip
        figure.add_trace(bar, row=number // 2 + 1, col=number % 2 + 1)
        ticks = {
            "tickformat": "d",
            "dtick": 1 if len(counts) * width <= 8 else None,
            "range": [low - 0.5 - width, middles[-1] + 1.5 * width],
        }
        figure.update_xaxes(ticks, row=number // 2 + 1, col=number % 2 + 1)
    figure.update_layout(showlegend=False, height=420)
    return figure


def binned(values: list[int], most: int = 24) -> tuple[int, int, list[int]]:
    """Whole numbers counted in bins of one whole width: the first bin's start, the width, the counts; `values` holds at least one."""
    low, high = min(values), max(values)
    width = -(-(high - low + 1) // most)
    counts = [0] * ((high - low) // width + 1)
    for value in values:
        counts[(value - low) // width] += 1
    return low, width, counts


def difficulty(figures: Figures) -> go.Figure | None:
    """Tasks by level, a colour for each kind."""
    bars = [
        go.Bar(x=[f"level {level}" for level in part["difficulty"]], y=part["tasks"].to_list(), name=str(kind[0]))
        for kind, part in figures.difficulty.group_by("kind", maintain_order=True)
    ]
    order = [f"level {level}" for level in range(1, 6)]
    return go.Figure(bars, layout={"barmode": "stack", "xaxis": {"categoryorder": "array", "categoryarray": order}}) if bars else None


def categories(figures: Figures) -> go.Figure | None:
    """Worlds by category."""
    rows = figures.categories.reverse()
    if not rows.height:
        return None
    bar = go.Bar(y=[escape(name) for name in rows["category"]], x=rows["worlds"].to_list(), orientation="h", marker={"color": ACCENT})
    return go.Figure(bar, layout={"height": 22 * rows.height + 80, "xaxis": {"title": "worlds"}})


def scenarios(figures: Figures) -> go.Figure | None:
    """Scenarios in the plane of their two strongest differences."""
    dots = [
        go.Scatter(
            x=part["x"].to_list(),
            y=part["y"].to_list(),
            text=[escape(name) for name in part["name"]],
            name=escape(str(category[0])),
            mode="markers",
            marker={"size": 9, "opacity": 0.75},
            hovertemplate="%{text}<extra>" + str(category[0]) + "</extra>",
        )
        for category, part in figures.scenarios.sort("category").group_by("category", maintain_order=True)
    ]
    if not dots:
        return None
    bare = {"showticklabels": False, "zeroline": False}
    return go.Figure(dots, layout={"height": 480, "xaxis": bare, "yaxis": bare, "showlegend": False})


def solved(figures: Figures) -> go.Figure | None:
    """Share of episodes solved, by policy and level, with the interval that holds 95 of 100 such shares."""
    bars = [
        go.Bar(
            x=[f"level {level}" for level in part["difficulty"]],
            y=part["solved"].to_list(),
            name=escape(str(policy[0])),
            customdata=part["episodes"].to_list(),
            error_y={
                "type": "data",
                "symmetric": False,
                "array": part["above"].to_list(),
                "arrayminus": part["below"].to_list(),
                "width": 3,
            },
            hovertemplate="%{x}: %{y:.0%} of %{customdata} episodes",
        )
        for policy, part in figures.solved.group_by("policy", maintain_order=True)
    ]
    order = [f"level {level}" for level in range(1, 6)]
    layout = {
        "barmode": "group",
        "xaxis": {"categoryorder": "array", "categoryarray": order},
        "yaxis": {"tickformat": ".0%", "range": [0, 1.05]},
        "showlegend": True,
    }
    return go.Figure(bars, layout=layout) if bars else None


CHARTS: tuple[Chart, ...] = (
    Chart(
        "funnel", "From draft to world", "Drafts that came to each stage, and the worlds that were sealed.",
        "a run of <code>worldloom synthesize</code> fills it", funnel,
    ),
    Chart(
        "rejections", "Rejected drafts", "By the gate or stage that refused them; the colour is the first diagnostic.",
        "no draft was rejected", rejections,
    ),
    Chart(
        "yields", "First-pass yield", "Share of drafts whose first answer in a stage drew no diagnostic, by model.",
        "no stage was attempted", yields,
    ),
    Chart(
        "mistakes", "Mistakes made on purpose", "Answers that the embedded model spoilt when told to, and what came of them.",
        "no mistakes were asked for (<code>--fault-rate</code>)", mistakes,
    ),
    Chart(
        "spending", "Tokens and cost", "For each sealed world, as time went by, with what rejected drafts took.",
        "no world was sealed", spending, True,
    ),
    Chart("sizes", "Sizes", "How many worlds have how many tables, rows, tools and tasks.", "no world was sealed", sizes),
    Chart("difficulty", "Difficulty", "Agent tasks by measured level and kind.", "no task's difficulty was measured", difficulty),
    Chart("categories", "Categories", "Worlds by category.", "no world was sealed", categories),
    Chart(
        "scenarios", "Scenarios", "Near means: similar words. Each dot is a scenario, in its category's colour.",
        "no world was sealed", scenarios,
    ),
    Chart(
        "solved", "Solve rates", "Share of episodes that completed their task, by policy and level; whiskers hold 95 of 100.",
        "<code>worldloom collect --policy reference</code> plays episodes", solved, True,
    ),
)  # fmt: skip
"""Every chart, in the order of the page."""
