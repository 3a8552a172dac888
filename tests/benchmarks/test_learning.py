"""The learning curve is told as a table and drawn as a plot, with its doubt and its gaps."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks.drawing import curve
from benchmarks.learning import Result, gains, table
from tasks.agent.evaluation import Attempt, Estimate

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


def attempt(world: str, solved: bool) -> Attempt:
    return Attempt(f"{world}-t01", world, "read", 1, 0, solved, "completed" if solved else "agent_error", "answered")


def test_a_gain_is_on_the_same_tasks() -> None:
    later = {"held-out worlds": [attempt("a", True), attempt("b", True)], "trained tasks": [attempt("c", False)]}
    earlier = {"held-out worlds": [attempt("a", True), attempt("b", False)], "trained tasks": [attempt("c", True), attempt("d", True)]}
    found = gains("grpo", later, "sft", earlier)
    assert [(one.policy, one.tasks, one.solved.value, one.solved.tasks) for one in found if one.solved] == [
        ("grpo less sft", "held-out worlds", 0.5, 2),
        ("grpo less sft", "trained tasks", -1.0, 1),
        ("grpo less sft", "all of them", 0.0, 3),
    ]
