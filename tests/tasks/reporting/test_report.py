"""The report: figures that are right, a page that needs nothing else, and that a browser can show."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from xml.parsers import expat

import numpy as np
import polars as pl
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from artifacts.ancestry import ancestry
from artifacts.errors import UnknownName, UserError
from artifacts.picture import picture_of_walk
from artifacts.store import Store, open_store
from tasks.reporting import gallery
from tasks.reporting.charts import CHARTS, binned, drawn
from tasks.reporting.drawing import Box, alone, svg
from tasks.reporting.figures import figures_of, plane, stretch, wilson
from tasks.reporting.gallery import drawn_anew, keep, kept, pages_of
from tasks.reporting.page import html_of, report_of, require_worlds, world_html

OFF = ("gpu", "quic", "background-networking", "component-update", "sync")
FLAGS = ("--headless=new", "--no-sandbox", "--no-first-run", "--window-size=1280,900", *(f"--disable-{name}" for name in OFF))
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
    assert found.mistakes.to_dicts() == [{"mistake": "misspelt_column", "answers": 2, "mended": 1, "lost": 1, "unnoticed": 0}]
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
    pages = opened(html)
    links = Links()
    links.feed(re.sub(r"<script.*?</script>", "", html, flags=re.S) + "".join(pages))
    assert links.found == []
    assert len(pages) == html.count('<details class="world"') == 2
    assert all("&lt;b&gt;of&lt;/b&gt; things." in page for page in pages)
    assert "unknown" in html


def opened(html: str) -> list[str]:
    """The worlds' pages, unpacked."""
    packages = re.findall(r'<div class="body"></div><script type="text/plain">(.*?)</script>', html)
    return [gzip.decompress(base64.b64decode(text)).decode() for text in packages]


def test_only_so_many_worlds_are_drawn_and_the_others_are_counted(store: Store) -> None:
    few = report_of(store, 1)
    assert ([card.world.name for card in few.cards], few.left_out) == (["Library"], 1)
    assert report_of(store, 0).cards == ()
    assert "1 more are in the store" in html_of(few)


def test_a_page_once_drawn_is_kept_until_the_drawing_changes(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [world.world_id for world in store.worlds()]
    drawn_pages = dict(chain.from_iterable(drawn_anew(store, ids)))
    keep(tmp_path, drawn_pages.items())
    assert kept(tmp_path, ids) == drawn_pages
    assert kept(tmp_path, ids[:1]) == {ids[0]: drawn_pages[ids[0]]}
    assert dict(pages_of(store, ids)) == drawn_pages
    monkeypatch.setattr(gallery, "look", lambda: "another")
    assert kept(tmp_path, ids) == {}
    keep(tmp_path / "nowhere", drawn_pages.items())
    assert kept(tmp_path / "nowhere", ids) == {}
    with pytest.raises(UnknownName, match="no world"):
        list(drawn_anew(store, ["nothing-000000000000"]))


def test_many_worlds_are_drawn_by_other_processes_to_the_same_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [world.world_id for world in store.worlds()]
    here = dict(chain.from_iterable(drawn_anew(store, ids)))
    monkeypatch.setattr(gallery, "FEW", 0)
    assert dict(chain.from_iterable(drawn_anew(store, ids))) == here


@pytest.mark.parametrize(
    ("values", "found"), [([5], (5, 1, [1])), ([1, 2, 2, 4], (1, 1, [1, 2, 0, 1])), ([0, 47, 48], (0, 3, [1, *[0] * 14, 1, 1]))]
)
def test_whole_numbers_are_counted_in_bins_of_a_whole_width(values: list[int], found: tuple[int, int, list[int]]) -> None:
    assert binned(values) == found


def test_stretches_of_time_fit_what_there_is() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    lengths = (timedelta(0), timedelta(minutes=61), timedelta(hours=30), timedelta(days=60), timedelta(days=900))
    assert [stretch(start, start + length) for length in lengths] == ["1m", "5m", "1h", "1d", "1w"]


def test_the_interval_of_a_share_is_wilsons() -> None:
    shares = pl.DataFrame({"share": [0.5, 0.0, 1.0], "n": [10, 10, 10]})
    below, above = shares.select(*wilson(pl.col("share"), pl.col("n")))
    assert below.to_list() == pytest.approx([0.2634, 0.0, 0.2775], abs=1e-4)  # R's prop.test without correction: 0.2366 to 0.7634
    assert above.to_list() == pytest.approx([0.2634, 0.2775, 0.0], abs=1e-4)


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


def test_a_lineage_is_an_svg_file_of_its_own(store: Store) -> None:
    world = store.worlds()[0]
    drawing = alone(picture_of_walk(ancestry(store, world.world_id)))
    texts: set[str] = set()
    parser = expat.ParserCreate()
    parser.CharacterDataHandler = texts.add
    parser.Parse(drawing, True)  # well-formed, or this raises
    assert drawing.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert {"world", "scenario", "run", "attempt", world.world_id} <= texts


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Driver("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@pytest.mark.xdist_group("chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it(store: Store, browser: webdriver.Chrome, tmp_path: Path, width: int, scheme: str) -> None:
    page = tmp_path / "report.html"
    page.write_text(html_of(report_of(store)), encoding="utf-8")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    world = store.worlds()[0]
    browser.get(f"{page.as_uri()}#world-{world.world_id}")
    wait = WebDriverWait(browser, 60)
    wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".chart .main-svg")) >= len(CHARTS) - 2)
    wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, f"#world-{world.world_id} svg.graph")) == 2)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")  # nothing to scroll sideways
    ink = browser.execute_script("return getComputedStyle(document.querySelector('.chart .ytick text')).fill")
    assert ink == {"light": "rgb(38, 50, 63)", "dark": "rgb(221, 229, 236)"}[scheme]
    browser.find_element(By.ID, "filter").send_keys("LIBR")
    assert [w.is_displayed() for w in browser.find_elements(By.CSS_SELECTOR, "details.world")] == [True, False]
    assert browser.find_element(By.ID, "shown").text == "1 world"
    logged: list[dict[str, str]] = browser.execute("getLog", {"type": "browser"})["value"]
    assert [line for line in logged if line["level"] == "SEVERE"] == []
