"""The report: figures that are right, a page that needs nothing else, and that a browser can show."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from artifacts.errors import UserError
from artifacts.store import Store, open_store
from tasks.reporting.charts import CHARTS, drawn
from tasks.reporting.drawing import Box, svg
from tasks.reporting.figures import figures_of, plane
from tasks.reporting.page import html_of, report_of, require_worlds, world_html

OFF = ("gpu", "quic", "background-networking", "component-update", "sync")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--virtual-time-budget=10000",
    "--dump-dom",
    *(f"--disable-{name}" for name in OFF),
)
TEXTS = ["a shop that sells tea", "a shop that sells tea and cups", "a fire brigade with engines", "engines of a fire brigade"]


def test_the_figures_are_those_of_the_tables(store: Store) -> None:
    found = figures_of(store)
    assert (found.overview.worlds, found.overview.drafts, found.overview.rejected, found.overview.calls) == (2, 3, 1, 6)
    assert (found.overview.input_tokens, found.overview.dollars) == (600, None)  # one cost is unknown, and so is the sum
    assert found.funnel.to_dicts() == [
        {"stage": "schema", "drafts": 3},
        {"stage": "tools", "drafts": 3},
        {"stage": "sealed", "drafts": 2},
    ]
    assert found.rejections.to_dicts() == [{"gate": "tools", "code": "sql.syntax", "drafts": 1}]
    shares = {row["stage"]: (row["drafts"], round(row["first_pass"], 2)) for row in found.yields.to_dicts()}
    assert shares == {"schema": (3, 0.67), "tools": (3, 0.67)}
    assert found.mistakes.to_dicts() == [{"mistake": "misspelt_column", "attempts": 2, "noticed": 1.0}]
    assert [row["worlds"] for row in found.spending.to_dicts()] == [1, 1]
    assert found.categories["category"].to_list() == ["kept & library", "kept & shop"]
    assert found.solved.height == 0


def test_texts_that_are_alike_stand_near_each_other() -> None:
    places = plane(TEXTS)
    near, far = np.linalg.norm(places[0] - places[1]), np.linalg.norm(places[0] - places[2])
    assert near < far / 2
    assert plane(["one", "two"]).shape == (2, 2)
    assert np.array_equal(places, plane(TEXTS))


def test_every_chart_is_drawn_or_says_that_there_is_nothing(store: Store, tmp_path: Path) -> None:
    found = {chart.name: drawn(chart, figures_of(store)) for chart in CHARTS}
    assert {name for name, html in found.items() if not html} == {"solved", "difficulty"}
    empty = figures_of(open_store(tmp_path / "empty"))
    assert not any(drawn(chart, empty) for chart in CHARTS)


class Links(HTMLParser):
    """Whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href") and value and not value.startswith("#"):
                self.found.append(f"{tag} {value}")


def test_the_page_needs_no_network_and_escapes_what_models_wrote(store: Store) -> None:
    html = html_of(report_of(store))
    links = Links()
    links.feed(re.sub(r"<script>.*?</script>", "", html, flags=re.S))
    assert links.found == []
    assert "A small shop &lt;b&gt;of&lt;/b&gt; things." in html
    assert html.count('<details class="world"') == 2
    assert "unknown" in html


def test_only_so_many_worlds_are_drawn_and_the_others_are_counted(store: Store) -> None:
    few = report_of(store, 1)
    assert ([view.name for view in few.worlds], few.left_out) == (["Library"], 1)
    assert report_of(store, 0).worlds == ()
    assert "1 more are in the store" in html_of(few)


def test_a_world_alone_is_a_page(store: Store) -> None:
    html = world_html(store.world("shop"))
    assert "<title>Shop</title>" in html
    assert html.count("<svg") == 2
    assert "plotly" not in html
    assert all(task.id in html for task in store.world("shop").tasks)


def test_an_empty_store_has_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is empty"):
        require_worlds(open_store(tmp_path / "loom"))


def test_a_graph_with_a_circle_is_drawn_with_all_its_arrows() -> None:
    boxes = {name: Box(name, ("<x>",)) for name in "abc"}
    picture = svg(boxes, [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a"), ("a", "b")])
    assert picture.count('class="arrow"') == 3
    assert picture.count("<rect") == 3
    assert "&lt;x&gt;" in picture
    assert picture == svg(boxes, [("a", "b"), ("b", "c"), ("c", "a")])


@pytest.mark.xdist_group("chromium")
def test_a_browser_shows_it(store: Store, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(html_of(report_of(store)), encoding="utf-8")
    command = ["chromium", *FLAGS, *(f"--disable-{name}" for name in OFF), f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    charts = len(re.findall(r'id="chart-[a-z]+"', done.stdout))
    assert charts == len(CHARTS) - 2
    assert done.stdout.count('class="main-svg"') >= charts
