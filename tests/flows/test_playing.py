"""`worldloom play` and `worldloom score`, as a user runs them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from artifacts.agent_task import AgentTask, ToolCall
from artifacts.recipe import Recipe
from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import open_store
from artifacts.toolset import Return, Tool
from artifacts.trajectory import parse_trajectory
from artifacts.world import Clock, World
from flows import transcript
from tasks.job.publishing import utc_now

Command = Callable[..., subprocess.CompletedProcess[str]]

WORLD = World(
    scenario=Scenario(name="Toy library", description="Families borrow toys.", category="clubs"),
    recipe=Recipe(model="worldloom/procedural-1"),
    clock=Clock(),
    me=1,
    intentions=(),
    schema_sql="CREATE TABLE toys (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
    seed_sql="INSERT INTO toys VALUES (1, 'Kite [bold]\x1b[31m'), (2, 'Drum');",
    tools=(
        Tool(
            name="list_toys",
            description="All toys by name.",
            parameters={"type": "object", "properties": {}, "additionalProperties": False},
            program=(Return(returns="SELECT id, name FROM toys ORDER BY name", shape="many"),),
        ),
    ),
    tasks=(
        AgentTask(
            id="t01", instruction="Which toy comes first by name?", kind="read", solution=(ToolCall(tool="list_toys"),), answer=("Drum",)
        ),
    ),
)


@pytest.fixture
def play(worldloom: Command, tmp_path: Path) -> Command:
    """Plays task t01 of the world in ./loom."""
    store = open_store(tmp_path / "loom")
    store.publish(WORLD)
    store.commit(rows_of_draft("toy-library-1", (), (), WORLD, run_id="run", created_at=utc_now()))
    return lambda *arguments, **environment: worldloom("play", "toy", "t01", *arguments, **environment)


def refused(done: subprocess.CompletedProcess[str], *words: str, code: int = 2) -> None:
    """One line of error and one of hint, nothing else."""
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    lines = done.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "hint"], done.stderr
    assert not [word for word in words if word not in done.stderr], done.stderr


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "loom/trajectories").glob("*.json"))


def test_the_transcript_is_shown_and_the_record_is_kept_and_holds(play: Command, worldloom: Command, tmp_path: Path) -> None:
    done = play("--model", "reference")
    assert (done.returncode, done.stderr) == (0, "")
    for word in (
        "── system",
        "Which toy comes first",
        "list_toys",
        "Kite [bold]",
        "completed · reward 1 · answered after 3 turns and 1 calls",
    ):
        assert word in done.stdout
    assert "\x1b" not in done.stdout, "a world cannot command the terminal"
    (path,) = kept(tmp_path)
    assert str(path) in done.stdout
    scored = worldloom("score", path)
    assert (scored.returncode, scored.stderr) == (0, "")
    assert "call 0 (list_toys): agrees" in scored.stdout
    assert "The record holds." in scored.stdout
    by_id = json.loads(worldloom("score", path.stem, "--json").stdout)
    assert (by_id["holds"], by_id["agrees"], by_id["score"]["reward"], by_id["recorded"]["reward"]) == (True, [True], 1.0, 1.0)


@pytest.mark.parametrize("form", ["awm", "native"])
def test_json_is_all_there_is_on_standard_output(play: Command, tmp_path: Path, form: str) -> None:
    done = play("--model", "random", "--seed", "3", "--form", form, "--json", "--max-turns", "4")
    assert done.returncode == 0
    assert "── assistant" in done.stderr
    summary = json.loads(done.stdout)
    assert (summary["policy"], summary["seed"], summary["form"], summary["task_id"]) == ("random", 3, form, "t01")
    (path,) = kept(tmp_path)
    record = parse_trajectory(path.read_bytes(), str(path))
    assert (record.trajectory_id, str(path)) == (summary["trajectory_id"], summary["path"])
    assert record.turns == summary["turns"] <= 4


def test_idleness_earns_nothing_and_is_no_failure_of_the_command(play: Command) -> None:
    done = play("--model", "idle", "--json")
    assert done.returncode == 0
    assert (json.loads(done.stdout)["reward"], json.loads(done.stdout)["calls"]) == (0.0, 0)


def test_a_tampered_trajectory_is_refused_with_one_line(play: Command, worldloom: Command, tmp_path: Path) -> None:
    play("--model", "idle")
    (path,) = kept(tmp_path)
    path.write_text(path.read_text().replace('"reward": 0.0', '"reward": 1.0'))
    refused(worldloom("score", path), path.name, "was edited")


def test_a_record_that_is_not_true_fails(play: Command, worldloom: Command, tmp_path: Path) -> None:
    play("--model", "reference")
    (path,) = kept(tmp_path)
    record = json.loads(path.read_text())
    record["calls"][0]["observation"] = {"result": []}
    del record["digest"]
    from artifacts.trajectory import Trajectory, trajectory_bytes

    path.write_bytes(trajectory_bytes(Trajectory.model_validate(record)))
    done = worldloom("score", path)
    assert done.returncode == 1
    assert "call 0 (list_toys): DIFFERS" in done.stdout
    assert "The record does not hold." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "referense"), ("referense", "Did you mean reference?")),
        (("--model", "gpt-5"), ("no policy or model", "openai/NAME")),
        (("--model", "x", "--api-base", "junk"), ("--api-base", "junk")),
        (("--model", "idle", "--url", "junk"), ("--url", "junk")),
        (("--model", "idle", "--form", "morse"), ("--form", "morse")),
        (("--model", "idle", "--max-turns", "0"), ("--max-turns",)),
        ((), ("--model",)),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_kept(
    play: Command, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(play(*arguments, OPENAI_BASE_URL=""), *words)
    assert kept(tmp_path) == []


def test_unknown_worlds_tasks_and_trajectories_get_the_nearest(play: Command, worldloom: Command, tmp_path: Path) -> None:
    refused(worldloom("play", "toy-libary", "t01", "--model", "idle"), "no world 'toy-libary'", WORLD.id)
    refused(worldloom("play", "toy", "t1", "--model", "idle"), "no task 't1'", "t01")
    play("--model", "idle")
    (path,) = kept(tmp_path)
    refused(worldloom("score", path.stem + "0"), "no trajectory", path.stem)


def test_unreadable_trajectories_are_refused(play: Command, worldloom: Command, tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"digest": "')
    refused(worldloom("score", "torn.json"), "torn.json", "not JSON")
    refused(worldloom("score", "gone.json"), "gone.json", "No such file")
    refused(worldloom("score", "loom"), "loom", "directory")


def test_a_key_that_is_missing_is_asked_for(play: Command) -> None:
    refused(play("--model", "openai/gpt-5", OPENAI_API_KEY="", OPENAI_BASE_URL=""), "needs a key", "OPENAI_API_KEY", code=1)


def test_a_server_that_is_not_there_is_named(play: Command) -> None:
    done = play("--model", "idle", "--url", "http://127.0.0.1:9/mcp")
    refused(done, "http://127.0.0.1:9/mcp", "does not answer", code=1)


def test_what_is_said_cannot_command_the_terminal_and_is_cut_short() -> None:
    console = Console(width=200)
    call = {"function": {"name": "a[bold]", "arguments": "{}"}}
    with console.capture() as captured:
        transcript.told(console, {"role": "assistant", "content": "x\x1b[31m\x07\ny [red]z[/red]", "tool_calls": [call]})
        transcript.told(console, {"role": "tool", "content": "k" * (transcript.MAX_SHOWN + 5)})
    lines = captured.get().splitlines()
    assert lines[:5] == ["── assistant", "x?[31m?", "y [red]z[/red]", "→ a[bold] {}", "── tool"]
    assert "".join(lines[5:]).endswith("k … (5 more characters)")
