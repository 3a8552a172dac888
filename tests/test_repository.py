"""The repository keeps its word: the lock is honest, and the pages name only commands and files that exist."""

import ast
import importlib
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
import typer.main
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from prefect import Flow

from flows.command import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKED = {
    canonicalize_name(name): Version(number)
    for name, number in re.findall(r"^([A-Za-z0-9._-]+)==(\S+) \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
}


def declared() -> list[Requirement]:
    return [Requirement(line) for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]]


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_what_is_declared_is_locked_within_its_bounds_and_installed_as_locked(requirement: Requirement) -> None:
    locked = LOCKED[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(locked)
    assert Version(version(requirement.name)) == locked


def test_every_pin_of_the_lock_is_what_is_installed_and_has_a_hash() -> None:
    text = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^[A-Za-z0-9._-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pins) == len(LOCKED) > 50
    unlike = {name for name, locked in LOCKED.items() if name not in ("pip", "setuptools", "wheel") and Version(version(name)) != locked}
    assert unlike == set()


def test_the_list_for_training_is_what_is_installed_and_stands_beside_the_lock() -> None:
    beside = {canonicalize_name(r.name): r for r in map(Requirement, (ROOT / "requirements-train.txt").read_text().splitlines()[1:])}
    extra = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["train"]}
    assert not beside.keys() & LOCKED.keys()
    assert extra <= beside.keys() | LOCKED.keys()
    assert all(pin.specifier.contains(version(name)) for name, pin in beside.items())


def test_the_lock_names_no_host_and_brings_no_training_stack() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert not {"torch", "deepspeed"} & LOCKED.keys()


def shell_lines(page: Path) -> list[str]:
    """The lines of a page's shell blocks, and its inline code, that call one of our doors."""
    text = page.read_text()
    blocks = "\n".join(re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    inline = re.findall(r"`((?:worldloom|make) [^`]+)`", text)
    lines = [line.strip().removeprefix("$ ") for line in [*blocks.splitlines(), *inline]]
    return [line.split("#")[0].strip() for line in lines if re.match(r"(worldloom|make)\b", line)]


COMMANDS = [(page.name, line) for page in PAGES for line in shell_lines(page)]


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_on_a_page_exists(page: str, line: str) -> None:
    words = line.split()
    if words[0] == "make":
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert {word for word in words[1:] if "=" not in word} <= targets
        return
    command: Any = typer.main.get_command(app)
    for word in words[1:]:
        if word.startswith("-") or not hasattr(command, "commands"):
            break
        assert word in command.commands
        command = command.commands[word]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options


def test_the_readme_shows_the_two_commands() -> None:
    lines = shell_lines(ROOT / "README.md")
    assert "make run" in lines
    assert "make test" in lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = [
        link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link and not link.startswith("#")
    ]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_deployment_names_a_dotted_entrypoint_that_exists() -> None:
    yaml: Any = importlib.import_module("yaml")
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert {"flows.synthesize.synthesize", "flows.packing.package"} <= {deployment["entrypoint"] for deployment in deployments}
    for deployment in deployments:
        module, name = deployment["entrypoint"].rsplit(".", 1)
        assert isinstance(getattr(importlib.import_module(module), name), Flow)


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


@cache
def imported(folder: str) -> set[str]:
    """The top-level modules that the files of a folder import, wherever in the file."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    sources = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    late = {
        str(node.args[0].value)
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module" and isinstance(node.args[0], ast.Constant)
    }
    return {name.split(".")[0] for name in plain | sources | late}


@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        (("artifacts", "containers", "tasks", "flows"), ("embed", "dask")),
        (("training",), ("train",)),
        (("tests", "benchmarks"), ("dev", "train")),
    ],
)
def test_what_is_imported_is_declared(folders: tuple[str, ...], extras: tuple[str, ...]) -> None:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    named = {canonicalize_name(Requirement(line).name) for line in lines} | PEERS
    rooms = {"artifacts", "containers", "tasks", "flows", "training", "benchmarks", "tests"}
    beside = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    outside = set().union(*map(imported, folders)) - rooms - beside - set(sys.stdlib_module_names)
    homes = packages_distributions()
    assert {name for name in outside if not {canonicalize_name(home) for home in homes.get(name, [name])} & named} == set()


def test_what_is_declared_is_imported() -> None:
    distributions = packages_distributions()
    homes = {canonicalize_name(home) for name in set().union(*map(imported, ROOMS)) for home in distributions.get(name, [])}
    assert {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} - homes - PINNED_FOR_OTHERS == set()


ROOMS = ("artifacts", "containers", "tasks", "flows", "training")
PEERS = {"fastapi-mcp", "litdata", "torchdata", "webdataset"}
"""Measured against, with packages of their own: benchmarks/peer/requirements.txt, benchmarks/loaders.txt."""
PINNED_FOR_OTHERS = {"fastapi"}
"""From FastAPI 0.151 on Prefect's server refuses what `prefect deploy` asks (a null for a number); from 0.155 on it does not import."""
