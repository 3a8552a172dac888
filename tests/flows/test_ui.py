"""What people see of the factory in Prefect's pages, opened in a browser: deployments, a finished run's cards, a form that refuses.

The two pictures of docs/operate.md are taken here; with WORLDLOOM_KEEP_PICTURES set they are written to docs/pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tasks.operations.declared import declared_deployments, name_of
from tasks.operations.service import Wanted

pytestmark = pytest.mark.xdist_group("worker")

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WORLDS = ("Veterinary clinic", "Model railway club")
CARDS = {"worldloom-funnel", "worldloom-spending", "worldloom-summary", "worldloom-worlds", "worldloom-progress"}
LONG_ENOUGH = 120.0
OFF = ("gpu", "quic", "background-networking", "component-update", "sync")
WIDE_ENOUGH = "--window-size=1700,1200"
"""A narrower page folds schedules into a "+1", a lower one hides cards."""
FLAGS = ("--headless=new", "--no-sandbox", "--no-first-run", WIDE_ENOUGH, *(f"--disable-{name}" for name in OFF))

Found = TypeVar("Found")


class Pages(NamedTuple):
    """A browser before the pages of a server that holds one finished run of the deployment synthesize/nightly."""

    browser: webdriver.Chrome
    url: str
    deployment_id: str
    run_id: str

    def open(self, path: str) -> None:
        self.browser.get(f"{self.url}{path}")

    def text(self) -> str:
        return self.browser.find_element(By.TAG_NAME, "body").text

    def awaited(self, found: Callable[[], Found]) -> Found:
        """What is found as soon as it is anything."""
        return awaited(self.browser, found)

    def press(self, path: str) -> None:
        self.awaited(lambda: self.browser.find_element(By.XPATH, path)).click()

    def picture(self, name: str, folder: Path) -> None:
        """Keep the page as it looks once it stands still, but for what blinks."""
        seen = [b"", self.browser.get_screenshot_as_png()]

        def still() -> bool:
            seen.append(self.browser.get_screenshot_as_png())
            return seen[-1] in seen[:-1]

        self.awaited(still)
        folder = PICTURES if os.environ.get("WORLDLOOM_KEEP_PICTURES") else folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(seen[-1])


def awaited(browser: webdriver.Chrome, found: Callable[[], Found]) -> Found:
    """What is found as soon as it is anything; a page that is drawn anew meanwhile is looked at again."""
    return WebDriverWait(browser, LONG_ENOUGH, ignored_exceptions=[StaleElementReferenceException]).until(lambda _: found())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Chromium as the system has it; nothing is downloaded or reported."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    quiet = {**os.environ, "SE_OFFLINE": "true", "SE_AVOID_STATS": "true"}
    chromium = webdriver.Chrome(options, Driver("/usr/bin/chromedriver", env=quiet))
    yield chromium
    chromium.quit()


@pytest.fixture(scope="module")
def pages(raised: Wanted, browser: webdriver.Chrome) -> Pages:
    api_url = f"http://{raised.host}:{raised.port}/api"
    held = httpx.get(f"{api_url}/deployments/name/synthesize/nightly", timeout=60).json()
    order = {"names": WORLDS, "tasks_per_world": 2}
    body = {"parameters": {"order": order, "store": f"{raised.store}-shown"}, "state": {"type": "SCHEDULED"}}
    run = httpx.post(f"{api_url}/deployments/{held['id']}/create_flow_run", json=body, timeout=60).json()
    final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

    def ended() -> Any:
        state = httpx.get(f"{api_url}/flow_runs/{run['id']}", timeout=60).json()["state"]
        return state if state["type"] in final else None

    assert awaited(browser, ended)["type"] == "COMPLETED"
    return Pages(browser, api_url.removesuffix("/api"), held["id"], run["id"])


def hour_of(cron: str) -> str:
    """The time of day of a cron schedule, in the page's words."""
    minute, hour, *_ = cron.split()
    return datetime(2000, 1, 1, int(hour), int(minute), tzinfo=UTC).strftime("At %I:%M %p")


def test_the_deployments_are_shown_with_their_schedules(pages: Pages, tmp_path: Path) -> None:
    declared = {
        name_of(deployment): [hour_of(schedule["cron"]) for schedule in deployment.get("schedules") or ()]
        for deployment in declared_deployments()
    }
    assert sum(map(len, declared.values())) >= 3

    def shown() -> dict[str, list[str]]:
        rows = [row.text.splitlines() for row in pages.browser.find_elements(By.CSS_SELECTOR, "tbody tr")]
        return {"/".join(words[1::-1]): [word[: len("At 00:00 AM")] for word in words if word.startswith("At ")] for words in rows}

    pages.open("/deployments")
    pages.awaited(lambda: shown() == declared)
    pages.picture("deployments.png", tmp_path)


def test_a_finished_run_shows_its_cards(pages: Pages, tmp_path: Path) -> None:
    pages.open(f"/runs/flow-run/{pages.run_id}")
    pages.press("//li[@id='artifacts']")
    pages.awaited(lambda: all(card in pages.text() for card in CARDS))
    assert "Completed" in pages.text()
    drawn = "return performance.getEntriesByType('resource').some(one => one.name.includes('graph-v2') && one.responseEnd > 0)"
    pages.awaited(lambda: pages.browser.execute_script(drawn))
    pages.picture("run.png", tmp_path)
    pages.press("//a[contains(., 'worldloom-summary')]")
    pages.awaited(lambda: f"{len(WORLDS)} worlds sealed" in pages.text())


def test_the_form_refuses_a_bad_parameter_and_says_which(pages: Pages) -> None:
    count = {"deployments": {"id": {"any_": [pages.deployment_id]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    waiting = httpx.post(f"{pages.url}/api/flow_runs/count", json=count, timeout=60).json()
    pages.open(f"/deployments/deployment/{pages.deployment_id}/run")
    field = "//label[starts-with(normalize-space(), 'Tasks Per World')]/following::input[@type='number'][1]"
    box = pages.awaited(lambda: pages.browser.find_element(By.XPATH, field))
    box.send_keys(Keys.CONTROL + "a")
    box.send_keys("0")
    pages.press("//button[normalize-space()='Submit']")
    message = pages.awaited(lambda: pages.browser.find_element(By.CLASS_NAME, "p-toast__message").text)
    assert "order.tasks_per_world" in message
    assert "0 is less than the minimum of 1" in message
    assert httpx.post(f"{pages.url}/api/flow_runs/count", json=count, timeout=60).json() == waiting, "no run was made"
