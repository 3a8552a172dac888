"""`worldloom export` as a user runs it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from artifacts.store import open_store
from flows.boundary import OK, USAGE, guarded
from flows.command import app

Command = Callable[..., subprocess.CompletedProcess[str]]


def command(*words: str) -> int:
    """The command in this process; gives its exit code."""
    return guarded(lambda: app(list(words), standalone_mode=False))


def test_a_store_is_exported_and_the_run_is_told(worldloom: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert worldloom("synthesize", "Tool lending library", "--quiet").returncode == 0
    store, out = str(tmp_path / "loom"), str(tmp_path / "out")
    assert command("export", out, "--name", "tools-to-lend", "--json", "--store", store) == OK
    said = json.loads(capsys.readouterr().out)
    assert {file["table"] for file in said["files"]} == {"agent_tasks", "worlds", "tools"}
    assert said["licence"] == "apache-2.0"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"README.md", "croissant.json", "data"}
    files = open_store(tmp_path / "loom").files
    events = [json.loads(line) for entry in files.entries("openlineage") for line in files.read(entry.path).splitlines()]
    assert sorted((event["job"]["name"], event["eventType"]) for event in events) == [
        ("export", "COMPLETE"),
        ("export", "START"),
        ("synthesize", "COMPLETE"),
        ("synthesize", "START"),
    ]
    woven = next(event for event in events if (event["job"]["name"], event["eventType"]) == ("synthesize", "COMPLETE"))
    amounts = {one["name"].rpartition("/")[2]: one["outputFacets"]["outputStatistics"]["rowCount"] for one in woven["outputs"]}
    assert (amounts["worlds"], amounts["runs"]) == (1, 2)
    assert command("export", out, "--store", store) == USAGE
    assert "out is there already, and not empty." in capsys.readouterr().err
