"""The learning curve is told as a table and drawn as a plot, with its doubt and its gaps."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks.drawing import curve
from benchmarks.learning import Result, table
from tasks.agent.evaluation import Estimate

RESULTS = [
    Result("idle", "held-out worlds", Estimate(0.0, 0.0, 0.1, 30)),
    Result("idle", "held-out tasks", None),
    Result("sft", "held-out worlds", Estimate(0.25, 0.125, 0.375, 30)),
    Result("sft", "held-out tasks", Estimate(0.5, None, None, 10)),
]


def test_the_table_has_a_line_for_each_policy() -> None:
    assert table(RESULTS).splitlines() == [
        "| policy | held-out worlds | held-out tasks |",
        "| --- | --- | --- |",
        "| idle | 0.0 % (0.0 to 10.0), 30 tasks | - |",
        "| sft | 25.0 % (12.5 to 37.5), 30 tasks | 50.0 %, 10 tasks |",
    ]


def test_the_plot_is_well_formed_and_has_a_bar_for_each_rate() -> None:
    plot = ElementTree.fromstring(curve(RESULTS))  # noqa: S314  # our own text
    coloured = [one for one in plot.iter("{http://www.w3.org/2000/svg}rect") if one.get("fill") == "#3b6fb6"]
    heights = [float(one.get("height") or 0) for one in coloured]
    assert heights == [10.0, 0.0, 110.0]
