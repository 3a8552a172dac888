"""What the command shows: lists, pages, audits, versions, and figures on their way."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from artifacts.agent_task import AgentTask, Check, ToolCall
from artifacts.attempt import Attempt
from artifacts.recipe import Recipe
from artifacts.rows import rows_of_draft
from artifacts.scenario import Scenario
from artifacts.store import Store, open_store
from artifacts.toolset import Return, Tool
from artifacts.verdict import Pass, Reject
from artifacts.world import Clock, World
from flows import display, pages
from flows.boundary import guarded
from tasks.job.publishing import utc_now
from tasks.job.tally import Tally, Woven, by_stage, counted

Command = Callable[..., subprocess.CompletedProcess[str]]

WORLD = World(
    scenario=Scenario(name="Toy library", description="Families borrow toys [and return them].", category="clubs"),
    recipe=Recipe(model="worldloom/procedural-1"),
    clock=Clock(),
    me=1,
    intentions=("See which toys can be borrowed today.",),
    schema_sql="CREATE TABLE toys (id INTEGER PRIMARY KEY, name TEXT NOT NULL);",
    seed_sql="INSERT INTO toys VALUES (1, 'Kite'), (2, 'Drum');",
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
            id="t01",
            instruction="Which toy comes first by name?",
            kind="read",
            solution=(ToolCall(tool="list_toys"),),
            answer=("Drum",),
            checks=(Check(name="nothing changed", sql="SELECT count(*) = 2 FROM final.toys"),),
        ),
    ),
    report=(Pass(gate="statements_safe", figures={"statements": 3}),),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = open_store(tmp_path / "loom")
    found.publish(WORLD)
    found.commit(rows_of_draft("toy-library-1", WORLD.report, (), WORLD, run_id="run", created_at=utc_now()))
    return found


def test_ls_lists_worlds_with_whole_ids(worldloom: Command, store: Store) -> None:
    done = worldloom("ls", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert WORLD.id in done.stdout
    (plain,) = json.loads(worldloom("ls", "--json").stdout)
    assert (plain["world_id"], plain["tables"], plain["rows"], plain["tools"], plain["tasks"]) == (WORLD.id, 1, 2, 1, 1)


def test_ls_names_the_scenario_that_an_id_cannot_spell(worldloom: Command, store: Store) -> None:
    library = WORLD.model_copy(update={"scenario": Scenario(name="图书馆", category="public services")})
    store.commit(rows_of_draft("world-1", WORLD.report, (), library, run_id="run", created_at=utc_now()))
    told = worldloom("ls", COLUMNS="80").stdout
    assert "图书馆" in told
    assert "2 worlds" in told
    assert library.id in told
    assert "category" in told


def test_one_world_is_not_several(worldloom: Command, store: Store) -> None:
    assert "1 world in" in worldloom("ls").stdout


def test_ls_of_an_empty_store_says_what_to_do(worldloom: Command, tmp_path: Path) -> None:
    open_store(tmp_path / "loom")
    done = worldloom("ls")
    assert done.returncode == 0
    assert "No worlds in ./loom yet" in done.stdout


def test_show_tells_what_a_world_is(worldloom: Command, store: Store) -> None:
    done = worldloom("show", "toy")
    assert (done.returncode, done.stderr) == (0, "")
    for word in (
        "Toy library",
        "[and return them]",
        "toys",
        "list_toys",
        "Which toy comes first",
        "statements_safe",
        "statements 3",
        WORLD.id,
    ):
        assert word in done.stdout
    plain = json.loads(worldloom("show", "toy", "--json").stdout)
    assert (plain["id"], plain["digest"], plain["tasks"][0]["answer"]) == (WORLD.id, WORLD.digest, ["Drum"])
    assert plain["counts"]["tables"] == 1


def test_show_never_cuts_the_name_of_a_tool(store: Store) -> None:
    console = Console(width=80)
    tool = WORLD.tools[0].model_copy(update={"name": "list_everything_that_a_family_has_reserved"})
    busy = tool.model_copy(update={"parameters": {**tool.parameters, "properties": {"reservation_identifier": {"type": "integer"}}}})
    with console.capture() as captured:
        console.print(pages.tools_table(WORLD.model_copy(update={"tools": (busy,)})))
    assert "…" not in captured.get()


def test_show_task_tells_its_solution(worldloom: Command, store: Store) -> None:
    done = worldloom("show", WORLD.id, "--task", "t01")
    for word in ("Which toy comes first", "list_toys", "Drum", "nothing changed", "final.toys"):
        assert word in done.stdout
    assert json.loads(worldloom("show", WORLD.id, "--task", "t01", "--json").stdout)["solution"] == [{"tool": "list_toys", "arguments": {}}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "toy-libary"), ("no world 'toy-libary'", "Did you mean", WORLD.id)),
        (("show", "zzz"), ("no world 'zzz'", "worldloom ls")),
        (("show", WORLD.id, "--task", "t11"), ("no task 't11'", "t01")),
        (("audit", "toy-libary"), ("no world", WORLD.id)),
    ],
)
def test_unknown_names_get_the_nearest(worldloom: Command, store: Store, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = worldloom(*arguments)
    assert done.returncode == 2
    assert not [word for word in words if word not in done.stderr], done.stderr


def test_audit_fails_a_world_that_does_not_hold(worldloom: Command, store: Store) -> None:
    done = worldloom("audit", "--json")
    assert done.returncode == 1
    (judged,) = json.loads(done.stdout)
    assert judged["world_id"] == WORLD.id
    assert judged["passed"] < judged["gates"], "one table and one tool are too few"
    assert "0 of 1 world holds" in worldloom("audit").stdout


def test_audit_keeps_ids_whole_however_long_the_problem(worldloom: Command, store: Store, tmp_path: Path) -> None:
    (tmp_path / "loom/worlds" / WORLD.id / "tasks.json").unlink()
    told = worldloom("audit", COLUMNS="80").stdout
    assert WORLD.id in told.split("first problem")[1].replace(f"loom/worlds/{WORLD.id}", "")
    assert "…" not in told


def test_audit_finds_a_table_that_was_changed(worldloom: Command, store: Store) -> None:
    (part,) = store.parts("tools")
    content = bytearray(Path(part).read_bytes())
    content[len(content) // 2] ^= 1
    Path(part).write_bytes(content)
    done = worldloom("audit")
    assert done.returncode == 2
    assert f"{part} is missing or was changed" in done.stderr


def test_audit_fails_an_edited_bundle(worldloom: Command, store: Store, tmp_path: Path) -> None:
    seed = tmp_path / "loom/worlds" / WORLD.id / "seed.sql"
    seed.write_text(seed.read_text().replace("Kite", "Bomb"))
    done = worldloom("audit", "--json")
    assert done.returncode == 1
    (judged,) = json.loads(done.stdout)
    assert "seed.sql" in judged["problem"]


def test_version_names_what_decides_the_outcome(worldloom: Command) -> None:
    assert {"worldloom", "python", "sqlite", "sqlglot", "dspy", "prefect"} == json.loads(worldloom("version", "--json").stdout).keys()
    assert worldloom("version").stdout.startswith("worldloom ")


def attempt(
    stage: str, number: int, *, accepted: bool, tokens: int | None = 10, cost: float | None = None, recalled: bool = False
) -> Attempt:
    return Attempt(
        attempt_id=f"{stage}-{number}",
        draft_id="d",
        stage=stage,
        number=number,
        model="m",
        request_digest="r",
        accepted=accepted,
        recalled=recalled,
        input_tokens=tokens,
        output_tokens=tokens,
        cost_usd=cost,
    )


def test_figures_count_drafts_calls_and_first_passes() -> None:
    attempts = (attempt("schema", 1, accepted=False), attempt("schema", 2, accepted=True), attempt("seed", 1, accepted=True, tokens=None))
    tally = counted(Tally(planned=3), Woven(draft_id="d", name="A", attempts=attempts, world=WORLD))
    tally = counted(tally, Woven(draft_id="e", name="B", rejection=Reject(gate="schema_runs", reason="no")))
    tally = counted(tally, Woven(draft_id="f", name="C", fault="the service is away", cause="ModelUnavailable"))
    assert (tally.sealed, tally.rejected, tally.unfinished, tally.finished) == (1, 1, 1, 2)
    assert (tally.rejections, tally.faults) == ({"schema_runs": 1}, ("the service is away",))
    figures = by_stage(tally.attempts)
    assert list(figures) == ["schema", "seed"]
    assert (figures["schema"].first_pass, figures["schema"].calls, figures["schema"].input_tokens) == (0, 2, 20)
    assert figures["seed"].input_tokens is None, "unknown is not zero"
    console = Console(width=160)
    with console.capture() as captured:
        console.print(display.closing(tally, 61))
    for word in ("1 min 1 s", "schema_runs", "unknown"):
        assert word in captured.get()


def test_the_closing_table_keeps_its_headings_whole_at_80_columns() -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(display.closing(Tally(planned=1_000, sealed=999, unfinished=1), 3_590))
    assert "…" not in captured.get()
    assert "59 min 50 s" in captured.get()


def test_nobody_is_sent_to_look_at_worlds_that_are_not_there() -> None:
    assert "look at them" not in display.farewell(Tally(planned=2, known=1, known_rejected=1, unfinished=1, faults=("down.",)), "./loom")
    assert "look at them" in display.farewell(Tally(planned=1, known=1), "./loom")


def test_cost_is_shown_only_when_every_part_is_known_and_recalled_calls_are_free() -> None:
    known = (attempt("schema", 1, accepted=True, cost=0.5), attempt("seed", 1, accepted=True, cost=1.0, recalled=True))
    assert display.spent_line(Tally(attempts=known)) == "1 model calls (and 1 recalled), 20 tokens in, 20 out, $0.50"
    assert "$" not in display.spent_line(Tally(attempts=(*known, attempt("tools", 1, accepted=True))))


@pytest.mark.parametrize(("seconds", "said"), [(3.4, "3 s"), (61, "1 min 1 s"), (3_720, "1 h 2 min")])
def test_lengths_of_time_read_as_people_say_them(seconds: float, said: str) -> None:
    assert display.duration(seconds) == said


def test_time_left_follows_the_pace_of_this_run() -> None:
    assert display.time_left(Tally(planned=10, known=4, sealed=2), 10.0) == "about 20 s left"
    assert display.time_left(Tally(planned=10, doing="planning"), 10.0) == "planning"


def test_plain_lines_tell_each_change_once() -> None:
    console = Console(width=160)
    with console.capture() as captured:
        listen = display.plain(console)
        tally = Tally(planned=1, doing="weaving")
        listen(tally)
        listen(tally)
        listen(counted(tally, Woven(draft_id="d", name="A", world=WORLD)))
    assert captured.get().splitlines() == ["weaving …", f"[1/1] sealed {WORLD.id} (1 tools, 1 tasks)"]


def test_the_live_view_draws_the_figures() -> None:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(display.picture(Tally(planned=4, known=1, sealed=1, rejected=1, unfinished=1, latest="sealed x"), 5.0))
    for word in ("4/4", "1 sealed", "1 done before", "1 rejected", "1 unfinished", "sealed x"):
        assert word in captured.get()


def test_a_fault_of_ours_is_one_line_and_its_details_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ZeroDivisionError("a very\nlong story")

    assert guarded(fail) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError: a very long story" in told
    assert "Traceback" not in told
    details = Path(told.split("Details are in ")[1].strip().removesuffix("."))
    assert "ZeroDivisionError" in details.read_text()
    details.unlink()


def test_ctrl_c_outside_the_flow_has_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert guarded(interrupted) == 130
    assert capsys.readouterr().err.strip() == "error: Interrupted."
