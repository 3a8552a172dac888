"""The report's charts: plotly figures from tables. An empty table gives no chart, and the page says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl

from tasks.reporting.figures import Figures

INK, ACCENT = "#26323f", "#2f6f8f"
PALETTE = ("#2f6f8f", "#d98032", "#5b8c5a", "#a4485d", "#6c5b9c", "#b3a03c", "#4aa3a2", "#8a6d5a")
LEVEL_COLOURS = ("#cfe3ec", "#9cc6d8", "#69a6c0", "#3d83a3", "#1f5873")

Draw = Callable[[Figures], go.Figure | None]


class Chart(NamedTuple):
    """One chart: where it stands on the page, its heading, what it shows, and how it is drawn."""

    name: str
    title: str
    says: str
    draw: Draw


def drawn(chart: Chart, figures: Figures) -> str:
    """The chart as HTML without plotly's own code, or an empty text where there is nothing to draw."""
    figure = chart.draw(figures)
    if figure is None:
        return ""
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        height=max(240, int(figure.layout.height or 320)),
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=PALETTE,
        legend={"orientation": "h", "y": -0.2},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(gridcolor="#e3e8ec", automargin=True, fixedrange=True)
    figure.update_yaxes(gridcolor="#e3e8ec", automargin=True, fixedrange=True)
    config = {"displayModeBar": False, "responsive": True}
    html: str = pio.to_html(figure, include_plotlyjs=False, full_html=False, config=config, div_id=f"chart-{chart.name}")
    return html


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
            name=str(model[0]),
            customdata=part["drafts"].to_list(),
            hovertemplate="%{x}: %{y:.0%} of %{customdata} drafts",
        )
        for model, part in figures.yields.group_by("model", maintain_order=True)
    ]
    return go.Figure(bars, layout={"barmode": "group", "yaxis": {"tickformat": ".0%", "range": [0, 1.02]}}) if bars else None


def mistakes(figures: Figures) -> go.Figure | None:
    """Mistakes made on purpose: how many, and the share that was noticed."""
    rows = figures.mistakes
    if not rows.height:
        return None
    bar = go.Bar(
        y=rows["mistake"].to_list(),
        x=rows["attempts"].to_list(),
        orientation="h",
        marker={"color": rows["noticed"].to_list(), "colorscale": "RdYlGn", "cmin": 0, "cmax": 1, "colorbar": {"title": "noticed"}},
        customdata=rows["noticed"].to_list(),
        hovertemplate="%{y}: %{x} answers, %{customdata:.0%} noticed",
    )
    return go.Figure(bar, layout={"height": 28 * rows.height + 80, "xaxis": {"title": "answers"}})


def spending(figures: Figures) -> go.Figure | None:
    """Tokens and dollars for each sealed world, day by day."""
    rows = figures.spending.filter(pl.col("worlds").is_not_null())
    if not rows.height:
        return None
    days = [day.isoformat() for day in rows["day"]]
    lines = [
        go.Scatter(x=days, y=rows[name].to_list(), name=label, mode="lines+markers")
        for name, label in (("input_tokens", "tokens in"), ("output_tokens", "tokens out"))
    ]
    lines.append(go.Scatter(x=days, y=rows["cost_usd"].to_list(), name="dollars", mode="lines+markers", yaxis="y2", line={"dash": "dot"}))
    layout = {
        "xaxis": {"type": "category"},
        "yaxis": {"title": "tokens a world", "rangemode": "tozero"},
        "yaxis2": {"title": "dollars a world", "overlaying": "y", "side": "right", "rangemode": "tozero", "showgrid": False},
    }
    return go.Figure(lines, layout=layout)


def sizes(figures: Figures) -> go.Figure | None:
    """Distributions of tables, rows, tools and tasks."""
    from plotly.subplots import make_subplots

    if not figures.sizes.height:
        return None
    names = ("tables", "rows", "tools", "tasks")
    figure = make_subplots(rows=2, cols=2, subplot_titles=names, vertical_spacing=0.22)
    for number, name in enumerate(names):
        trace = go.Histogram(x=figures.sizes[name].to_list(), marker={"color": PALETTE[number]}, name=name, nbinsx=24)
        figure.add_trace(trace, row=number // 2 + 1, col=number % 2 + 1)
    figure.update_layout(showlegend=False, height=420)
    return figure


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
    bar = go.Bar(y=rows["category"].to_list(), x=rows["worlds"].to_list(), orientation="h", marker={"color": ACCENT})
    return go.Figure(bar, layout={"height": 22 * rows.height + 80, "xaxis": {"title": "worlds"}})


def scenarios(figures: Figures) -> go.Figure | None:
    """Scenarios in the plane of their two strongest differences."""
    dots = [
        go.Scatter(
            x=part["x"].to_list(),
            y=part["y"].to_list(),
            text=part["name"].to_list(),
            name=str(category[0]),
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
    """Share of episodes solved, by policy and level."""
    bars: list[Any] = [
        go.Bar(
            x=[f"level {level}" for level in part["difficulty"]],
            y=part["solved"].to_list(),
            name=str(policy[0]),
            customdata=part["episodes"].to_list(),
            hovertemplate="%{x}: %{y:.0%} of %{customdata} episodes",
        )
        for policy, part in figures.solved.group_by("policy", maintain_order=True)
    ]
    return go.Figure(bars, layout={"barmode": "group", "yaxis": {"tickformat": ".0%", "range": [0, 1.02]}}) if bars else None


CHARTS: tuple[Chart, ...] = (
    Chart("funnel", "From draft to world", "Drafts that came to each stage, and the worlds that were sealed.", funnel),
    Chart("rejections", "Rejected drafts", "By the gate or stage that refused them; the colour is the first diagnostic.", rejections),
    Chart("yields", "First-pass yield", "Share of drafts whose first answer in a stage drew no diagnostic, by model.", yields),
    Chart("mistakes", "Mistakes made on purpose", "What the embedded model spoilt when told to, and how much was noticed.", mistakes),
    Chart("spending", "Tokens and cost", "For each sealed world, by day; unknown cost is left out.", spending),
    Chart("sizes", "Sizes", "How many worlds have how many tables, rows, tools and tasks.", sizes),
    Chart("difficulty", "Difficulty", "Agent tasks by measured level and kind.", difficulty),
    Chart("categories", "Categories", "Worlds by category.", categories),
    Chart("scenarios", "Scenarios", "Near means: similar words. Each dot is a scenario, in its category's colour.", scenarios),
    Chart("solved", "Solve rates", "Share of episodes that completed their task, by policy and level.", solved),
)
"""Every chart, in the order of the page."""
