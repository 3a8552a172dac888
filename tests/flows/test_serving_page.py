"""The guide to serving does what it says: its commands run, its tables are complete."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from typer.main import get_command

from containers.control import ControlPlane, control_app
from containers.metrics import Metrics
from containers.sessions import SessionRegistry
from flows.command import app
from tasks.job.workflow_server import LocalServer

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
LONG_ENOUGH = 240


def two_free_ports() -> int:
    """A port that is free with the one above it."""
    for port in range(20_000 + os.getpid() % 10_000, 60_000, 7):
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two ports are free")


def script() -> str:
    """All blocks of the page, in order, in one shell."""
    parts = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for number, (language, code) in enumerate(BLOCKS):
        parts.append(code if language == "sh" else f"cat > block-{number}.py <<'PYTHON'\n{code}PYTHON\npython3 -W error block-{number}.py")
    port = two_free_ports()
    return "\n".join(parts).replace("8766", str(port + 1)).replace("8765", str(port))


@pytest.mark.xdist_group("server")
def test_the_commands_of_the_page_work_in_their_order(tmp_path: Path, server: LocalServer) -> None:
    if shutil.which("curl") is None:
        pytest.skip("this machine has no curl, with which the page shows the control plane")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "WORLDLOOM_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    run = subprocess.Popen(
        ["bash", "-c", script()],
        cwd=tmp_path,
        env={**kept, "PREFECT_API_URL": server.url, "PATH": path, "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complained = run.communicate(timeout=LONG_ENOUGH)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 0, said[-2_000:] + complained[-3_000:]
    assert "tools, the first is" in said
    assert '"outcome":"completed"' in said
    assert "[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]" in said
    assert re.search(r"^worldloom_calls_total [1-9]", said, re.MULTILINE)


def test_the_desktop_client_s_block_is_json_with_options_that_exist() -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (entry,) = json.loads(block)["mcpServers"].values()
    assert entry["command"] == "worldloom"
    assert entry["args"][0] == "serve"
    assert {part for part in entry["args"] if part.startswith("--")} <= options().keys()


def options() -> dict[str, Any]:
    """The options of `worldloom serve` with their defaults."""
    command = cast(Any, get_command(app)).commands["serve"]
    return {flag: parameter.default for parameter in command.params for flag in parameter.opts}


def test_the_limits_of_the_page_are_the_limits_of_the_command() -> None:
    limits = re.findall(r"^\| `(--[a-z-]+)` \| ([0-9.]+) \|", PAGE, re.MULTILINE)
    assert len(limits) >= 6
    known = options()
    assert {flag: float(default) for flag, default in limits} == {flag: float(known[flag]) for flag, _ in limits}


def test_every_option_that_the_page_names_exists() -> None:
    elsewhere = {"--model", "--url", "--silent", "--fail", "--fail-with-body", "--quiet", "--tasks-per-world"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - elsewhere <= options().keys()


def test_the_table_of_routes_is_complete() -> None:
    registry = SessionRegistry(lambda _: pytest.fail("no world is needed"), ())
    routes = ControlPlane(registry, Metrics(), "").routes()
    there = {
        (method, re.sub(r"\{session\}", "{id}", route.path)) for route in routes for method in (route.methods or ()) if method != "HEAD"
    }
    told = set(re.findall(r"`(GET|POST|DELETE) (/[^`]*)`", PAGE))
    assert told == {(method, path) for method, path in there if method != "HEAD"}


def test_every_figure_of_the_page_is_given_and_none_is_left_out() -> None:
    metrics = Metrics()
    control_app(SessionRegistry(lambda _: pytest.fail("no world is needed"), ()), "token", metrics, "")
    given = set(re.findall(r"^# TYPE (worldloom_\w+) ", metrics.text().decode(), re.MULTILINE))
    assert set(re.findall(r"`(worldloom_\w+)", PAGE)) == {name for name in given if not name.endswith("_created")}
