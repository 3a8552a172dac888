"""The rooms: each top-level name is ours, and imports point one way."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("artifacts", "containers", "tasks", "flows", "training")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_imported_from_this_repository(room: str) -> None:
    found = importlib.import_module(room).__file__
    assert found is not None
    assert Path(found).resolve() == ROOT / room / "__init__.py"


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("room", ["artifacts", "containers"])
def test_the_rooms_inside_an_image_load_nothing_heavy(room: str) -> None:
    modules = sorted(path.stem for path in (ROOT / room).glob("*.py") if path.stem != "__init__")
    code = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module({room!r} + "." + name)
print([name for name in ("prefect", "dspy", "torch", "pyarrow", "polars", "sqlglot", "duckdb", "litellm") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_is_named_like_a_drawer() -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "misc.py", "util.py"}
    assert [path for room in ROOMS for path in (ROOT / room).rglob("*.py") if path.name in drawers] == []
