"""The quality table at a small size: one world, audited deeply, and a world that does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import open_store
from artifacts.world import World
from benchmarks.quality import deeply_audited, quality_rows
from tasks.authoring import author, new_draft
from tasks.job.publishing import utc_now
from tasks.models.journal import Journal
from tasks.models.language_model import EMBEDDED, ModelSettings, language_model


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loom")
    journal = Journal(folder / "journal.sqlite")
    outcome = author(new_draft(Scenario(name="Tool lending library"), EMBEDDED), language_model(ModelSettings(), journal)).outcome
    journal.close()
    assert isinstance(outcome, World)
    shelf = open_store(folder / "store")
    shelf.publish(outcome)
    shelf.commit(rows_of_draft("tool-lending-library-1", (), (), outcome, run_id="run", created_at=utc_now()))
    return folder / "store"


def test_the_table_holds_every_figure_of_the_issue(store: Path) -> None:
    rows = {row.what.strip(): (row.figure, row.aim) for row in quality_rows(deeply_audited([store], solver_runs=1))}
    assert rows["quality: worlds; agent tasks audited deeply"][0] == "1; 10"
    assert rows["worlds that hold"] == ("1 of 1", "all")
    assert rows["false acceptances, of near misses carried out"][0].startswith("0 of ")
    assert rows["reward of doing nothing"] == ("0.000", "0.0")
    assert rows["mutation score"] == ("100.00%", "100%")
    assert {"false rejections, of other right ways", "tools called with success", "scripted solver's success by level"} <= rows.keys()
    assert "seconds of one core a deep audit: mean; slowest" in rows


def test_nothing_measured_is_unknown_not_zero() -> None:
    figures = [row.figure for row in quality_rows([])]
    assert figures.count("unknown") == 5
