"""The guide to operating the factory: what it tells a laptop's owner to type is typed, in its order, and works."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from artifacts.store import open_store

pytestmark = pytest.mark.xdist_group("guide")

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
TARGETS = re.compile(r"'\{\"worlds\": .*?\}'")
FEW = '\'{"worlds": 2, "tasks_per_world": 2}\''
"""In place of the page's two hundred worlds by a model that costs money."""


class Reader(NamedTuple):
    """Somebody who follows the page on a machine of their own: the page's places and its port are theirs."""

    folder: Path
    port: int

    @property
    def loom(self) -> Path:
        return self.folder / "loom"

    def types(self, lines: str) -> str:
        """What the shell says to the page's lines; the first that fails fails the test."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WORLDLOOM_"))}
        path = f"{Path(sys.executable).parent}:{environment['PATH']}"
        own = {
            "PATH": path,
            "PREFECT_HOME": str(self.folder / "home"),
            "COLUMNS": "200",
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
        }
        command = ["bash", "-euxc", self.own(lines)]
        done = subprocess.run(command, cwd=self.folder, env={**environment, **own}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def own(self, lines: str) -> str:
        """The page's lines with the reader's own port and places."""
        lines = lines.replace("/backup/loom", str(self.folder / "backup")).replace("/srv/loom", str(self.loom))
        return TARGETS.sub(FEW, re.sub(r"worldloom up\b", f"worldloom up --port {self.port}", lines.replace("4200", str(self.port))))


def blocks(section: str) -> list[str]:
    """The shell's blocks of a section of the page."""
    (text,) = (part for part in PAGE.read_text().split("\n## ") if part.startswith(f"{section}\n"))
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def without(lines: str, *words: str) -> str:
    """The lines that hold none of these words."""
    return "".join(line for line in lines.splitlines(keepends=True) if not any(word in line for word in words))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    found = Reader(tmp_path_factory.mktemp("guide"), port)
    yield found
    if (found.loom / ".worldloom" / "service.json").exists():
        found.types("worldloom down")


@pytest.fixture(scope="module")
def standing(reader: Reader) -> Reader:
    """A factory that is up, as the page's first section brings it up, with its targets set and one run done."""
    start, run, targets = blocks("A laptop")
    assert "The factory is up at" in reader.types(without(start, "worldloom down"))
    reader.types(targets)
    reader.types(run)
    return reader


def test_what_is_typed_day_by_day_works_as_it_stands(standing: Reader) -> None:
    assert worlds(standing) == 2
    standing.types(blocks("Regeneration and maintenance")[0])
    assert "synthesize/nightly" in standing.types(without(blocks("Deployments and schedules")[1], "old-name", "SCHEDULE_ID"))


def test_a_store_that_is_lost_comes_back_from_its_backup_with_the_history(standing: Reader) -> None:
    (backup,) = blocks("Backup")
    standing.types(backup)
    assert "Stopped: worker-1, server." in standing.types("worldloom down")
    shutil.rmtree(standing.loom)
    (standing.folder / "backup").rename(standing.loom)
    standing.types("worldloom fsck --repair")
    assert worlds(standing) == 2
    standing.types("worldloom up --workers 0")
    assert "COMPLETED" in standing.types("prefect flow-run ls --flow-name synthesize")


def worlds(reader: Reader) -> int:
    """How many worlds the reader's store holds."""
    return len(open_store(reader.loom, create=False).worlds())
