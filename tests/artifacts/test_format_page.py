"""The format's page is enough: its script checks bundles with nothing of ours, and it names every field."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from artifacts import agent_task, recipe, scenario, toolset, verdict
from artifacts.bundle import BODY, HEAD, write_bundle
from artifacts.noun import Noun
from artifacts.snapshots import Part, Snapshot
from artifacts.tables import TABLES
from artifacts.world import Clock, World

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The page's own script, in a file."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "check.py"
    path.write_text(code)
    return path


@pytest.fixture
def bundle(world: World, tmp_path: Path) -> Path:
    return Path(write_bundle(world, tmp_path / "worlds"))


def check(script: Path, bundle: Path) -> subprocess.CompletedProcess[str]:
    """Runs the script where no installed package can be imported."""
    return subprocess.run([sys.executable, "-I", "-S", script, bundle], capture_output=True, text=True, check=False, timeout=60)


def test_the_script_needs_the_standard_library_alone(script: Path) -> None:
    assert re.findall(r"^(?:import|from) .*$", script.read_text(), re.MULTILINE) == ["import hashlib, json, pathlib, sys"]


def test_the_script_finds_a_bundle_whole(script: Path, bundle: Path, world: World) -> None:
    done = check(script, bundle)
    assert (done.returncode, done.stdout) == (0, f"{world.id} is whole\n"), done.stderr


@pytest.mark.parametrize("name", [*BODY, HEAD])
def test_the_script_finds_an_edit_in_every_file(name: str, script: Path, bundle: Path) -> None:
    data = (bundle / name).read_bytes()
    edited = data.replace(b"r", b"q", 1)
    assert edited != data
    (bundle / name).write_bytes(edited)
    assert check(script, bundle).returncode == 1


def test_the_script_finds_a_changed_digest(script: Path, bundle: Path) -> None:
    head = json.loads((bundle / HEAD).read_bytes())
    (bundle / HEAD).write_text(json.dumps({**head, "me": 2}))
    done = check(script, bundle)
    assert "the digest is not the content's" in done.stderr


NOUNS: tuple[type[Noun], ...] = (
    *(scenario.Scenario, recipe.Recipe, recipe.Size, Clock, toolset.Tool, toolset.Require, toolset.Refuse, toolset.Let, toolset.Run),
    *(toolset.Each, toolset.Query, toolset.Return, agent_task.ToolCall, agent_task.Check, agent_task.AgentTask),
    *(verdict.Diagnostic, verdict.Pass, verdict.Reject, Part, Snapshot),
)


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_every_field_is_on_the_page(noun: type[Noun]) -> None:
    for name, field in noun.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE, name


def test_every_field_of_the_head_every_file_and_every_table_is_on_the_page(bundle: Path) -> None:
    head = json.loads((bundle / HEAD).read_bytes())
    for name in (*head, *TABLES):
        assert f"`{name}`" in PAGE, name
    for name in (*BODY, HEAD):
        assert f"\n        {name} " in PAGE, name
    for code in (
        "unknown_tool",
        "invalid_arguments",
        "constraint",
        "too_large",
        "environment_error",
        "completed",
        "partial",
        "agent_error",
    ):
        assert f"`{code}`" in PAGE, code


def test_the_page_keeps_its_lines_readable() -> None:
    prose = [line for line in PAGE.splitlines() if not line.startswith("|")]
    assert max(map(len, prose)) <= 160
