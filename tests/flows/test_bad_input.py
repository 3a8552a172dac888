"""Bad input gets one clear line and a hint, no traceback, and exit code 2."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

GOOD = '{"name": "Toy library", "description": "Families borrow toys, reserve them and return them.", "category": "clubs"}'


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")
    assert len(done.stderr) < 1_000
    assert "Traceback" not in done.stderr
    assert not [word for word in words if word not in done.stderr], done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["No scenarios", "--scenarios FILE"]),
        (["--worlds", "-3"], ["--worlds", "1"]),
        (["--worlds", "0"], ["--worlds"]),
        (["--worlds", "many"], ["--worlds"]),
        (["A", "--tasks-per-world", "-1"], ["--tasks-per-world"]),
        (["A", "--max-concurrency", "0"], ["--max-concurrency"]),
        (["A", "--fault-rate", "1.5"], ["--fault-rate"]),
        (["A", "--temperature", "-1"], ["--temperature"]),
        (["A", "--model", "worldloom/procedural-9"], ["no model", "worldloom/procedural-1"]),
        (["A", "--model", "gpt"], ["no model 'gpt'", "provider/name"]),
        (["A", "--model", ""], ["no model ''", "provider/name"]),
        (["A", "--model", "openai/"], ["no model 'openai/'", "provider/name"]),
        (["A", "--model", "openai/mine", "--api-base", "localhost:8000/v1"], ["--api-base", "http://localhost:8000/v1"]),
        (["A", "--model", "openai/mine", "--api-base", "http://"], ["--api-base"]),
        (["A", "--api-base", "http://localhost:8000/v1"], ["--api-base", "embedded", "--model openai/"]),
        (["A", "--model", "openai/gpt-5", "--fault-rate", "0.3"], ["fault rate", "embedded"]),
        (["A", "--store", "warp://somewhere"], ["scheme", "warp"]),
        (["A", "--store", ""], ["store", "empty"]),
        (["A", "--frobnicate"], ["--frobnicate", "worldloom synthesize --help"]),
        (["x" * 10_000], ["10,000 characters", "120"]),
        (["Veterinary\x07clinic"], ["control character", "U+0007"]),
        (["../seeds.jsonl"], ["looks like a path"]),
        (["/etc/passwd"], ["looks like a path"]),
        (["   "], ["scenario name"]),
        (["?!"], ["no letter or digit"]),
        (["seeds.jsonl"], ["looks like a file", "--scenarios seeds.jsonl"]),
        (["--scenarios", "nowhere.jsonl"], ["nowhere.jsonl", "cannot be read"]),
        (["--scenarios", "."], ["cannot be read"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_synthesize_refuses(worldloom: Command, arguments: list[str], words: list[str]) -> None:
    refused(worldloom("synthesize", *arguments), *words)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([GOOD, '{"name": "Half'], ["seeds.jsonl:2", "not JSON"]),
        ([GOOD, "", "[1, 2]"], ["seeds.jsonl:3", "JSON object"]),
        (['{"title": "No name"}'], ["seeds.jsonl:1"]),
        ([json.dumps({"name": "y" * 10_000})], ["seeds.jsonl:1", "10,000 characters"]),
        ([json.dumps({"name": "Bell\x07"})], ["seeds.jsonl:1", "control character"]),
        (["", ""], ["holds no scenarios"]),
    ],
    ids=["cut off", "a list", "no name", "too long", "control character", "empty"],
)
def test_a_malformed_line_is_named_by_its_number(worldloom: Command, tmp_path: Path, lines: list[str], words: list[str]) -> None:
    (tmp_path / "seeds.jsonl").write_text("\n".join(lines))
    refused(worldloom("synthesize", "--scenarios", "seeds.jsonl"), *words)


@pytest.mark.parametrize("arguments", [["ls"], ["show", "x"], ["audit"], ["synthesize", "A"]], ids=lambda value: value[0])
def test_a_store_of_a_newer_format_is_refused(worldloom: Command, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "loom").mkdir()
    (tmp_path / "loom/store.json").write_text('{"store": "worldloom", "format": 99}')
    refused(worldloom(*arguments), "format 99", "Upgrade")


def test_a_folder_that_cannot_be_written_is_refused(worldloom: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused(worldloom("synthesize", "A", "--store", "file/loom"), "cannot be made", "a file stands")


@pytest.mark.parametrize("arguments", [["ls"], ["show", "x"], ["audit"]], ids=lambda value: value[0])
def test_a_store_that_is_not_there_is_named(worldloom: Command, arguments: list[str]) -> None:
    refused(worldloom(*arguments, WORLDLOOM_STORE="elsewhere"), "no store at", "elsewhere")


def test_an_unknown_command_is_refused(worldloom: Command) -> None:
    refused(worldloom("weave"), "weave")


def test_a_number_too_large_is_refused(worldloom: Command) -> None:
    refused(worldloom("synthesize", "A", "--tasks-per-world", "1001"), "--tasks-per-world")
