"""Every stage on a small world, written by hand: what a good answer becomes, and what a bad one costs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import dspy
import pytest
from dspy.lm15 import Message, Request, Response, TextPart, Usage

from artifacts.recipe import Recipe, Size
from artifacts.scenario import Scenario
from artifacts.world import Draft, World
from tasks import agent_tasks, requirements, scenario, schema, seed, tools
from tasks.authoring import author
from tasks.embedded.phrasing import phrase
from tasks.models.journal import Journal, JournaledEngine, request_texts

INTENTIONS = [f"Find the tool number {n} that nobody has borrowed for the longest time." for n in range(10)]

DDL = """CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE tools (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, status TEXT NOT NULL CHECK (status IN ('in','out')));
CREATE TABLE loans (id INTEGER PRIMARY KEY, tool_id INTEGER NOT NULL REFERENCES tools(id),
 member_id INTEGER NOT NULL REFERENCES members(id), note TEXT, returned_at TEXT);
"""

ROWS = [
    {"table": "members", "columns": ["id", "name"], "rows": [[1, "Ana Ruiz"], [2, "Joel Park"]]},
    {"table": "tools", "columns": ["id", "name", "status"], "rows": [[1, "Drill", "out"], [2, "Saw", "in"], [3, "O'Hara plane", "in"]]},
    {"table": "loans", "columns": ["id", "tool_id", "member_id", "note"], "rows": [[1, 1, 1, "for the shed"], [2, 2, 2, "fence"]]},
]

READING: list[dict[str, Any]] = [
    {
        "name": "list_loans",
        "description": "List your open loans.",
        "parameters": {},
        "program": [
            {
                "return": "SELECT loans.id, tools.name AS tool_name, loans.note FROM loans JOIN tools ON tools.id = loans.tool_id "
                "WHERE member_id = :me AND returned_at IS NULL ORDER BY loans.id",
                "shape": "many",
            }
        ],
    },
    {
        "name": "find_tools",
        "description": "Find tools by a part of their name.",
        "parameters": {"query": "text: Part of the name."},
        "program": [{"return": "SELECT id, name, status FROM tools WHERE name LIKE '%'||:query||'%' ORDER BY name, id", "shape": "many"}],
    },
]

CHANGING: list[dict[str, Any]] = [
    {
        "name": "return_tool",
        "description": "Give back a tool that you have borrowed.",
        "parameters": {"loan_id": "integer: Id of the loan, as list_loans returns it."},
        "program": [
            {
                "require": "SELECT tool_id FROM loans WHERE id = :loan_id AND member_id = :me AND returned_at IS NULL",
                "error": "not_found",
                "message": "You have no open loan {loan_id}.",
            },
            {"run": "UPDATE loans SET returned_at = :now WHERE id = :loan_id", "expect": 1},
            {"run": "UPDATE tools SET status = 'in' WHERE id = :tool_id", "expect": 1},
            {"return": "SELECT id, returned_at FROM loans WHERE id = :loan_id", "shape": "one"},
        ],
    },
    {
        "name": "annotate_loan",
        "description": "Change the note of one of your loans.",
        "parameters": {"loan_id": "integer: Id of the loan.", "note": "text: The new note."},
        "program": [
            {
                "require": "SELECT 1 AS mine FROM loans WHERE id = :loan_id AND member_id = :me",
                "error": "not_found",
                "message": "No loan {loan_id}.",
            },
            {"run": "UPDATE loans SET note = :note WHERE id = :loan_id", "expect": 1},
            {"return": "SELECT id, note FROM loans WHERE id = :loan_id", "shape": "one"},
        ],
    },
]

TASKS: list[dict[str, Any]] = [
    {
        "instruction": "I am done with the drill, please give it back.",
        "kind": "write",
        "solution": [{"tool": "list_loans", "arguments": {}}, {"tool": "return_tool", "arguments": {"loan_id": {"$ref": "0[0].id"}}}],
        "answer": None,
        "checks": [
            {"name": "the drill's loan is closed", "sql": "SELECT returned_at IS NOT NULL FROM final.loans WHERE id = 1"},
            {"name": "the drill is in", "sql": "SELECT status = 'in' FROM final.tools WHERE id = 1"},
        ],
    },
    {
        "instruction": "What did I write down for the drill that I have borrowed?",
        "kind": "read",
        "solution": [{"tool": "list_loans", "arguments": {}}, {"tool": "find_tools", "arguments": {"query": "Drill"}}],
        "answer": [{"$ref": "0[0].note"}],
        "checks": [],
    },
]

GOOD: dict[str, str] = {
    "description": "A neighbourhood library where members borrow tools, return them and leave notes about each loan.",
    "category": "clubs",
    "intentions": json.dumps(INTENTIONS),
    "ddl": DDL,
    "tables": json.dumps(ROWS),
    "tasks": json.dumps(TASKS),
}

Speak = Callable[[str, str, int], str]
"""(system prompt, user prompt, how often that system prompt came before) -> answer."""


def sections(**fields: str) -> str:
    return "".join(f"[[ ## {name} ## ]]\n{text}\n\n" for name, text in fields.items()) + "[[ ## completed ## ]]"


def good(system: str, user: str, times: int) -> str:
    """A strong author's answer to any prompt of the small world."""
    asked = [
        name
        for name in ("description", "category", "intentions", "ddl", "tables", "tools", "tasks", "phrases")
        if f"[[ ## {name} ## ]]" in system
    ]
    answers = {**GOOD, "tools": json.dumps(READING if "[[ ## focus ## ]]\nreading" in user else CHANGING)}
    if "phrases" in asked:
        answers["phrases"] = json.dumps(phrases_for(user))
    return sections(**{name: answers[name] for name in asked})


def phrases_for(user: str) -> list[dict[str, str]]:
    """Words for the walks of a prompt."""
    (walks,) = re.findall(r"^\[\[ ## walks ## \]\]\n(.*)$", user, re.MULTILINE)
    return [{"id": view["id"], "instruction": phrase(view)} for view in json.loads(walks)]


class Author:
    """An engine that answers by a function."""

    def __init__(self, speak: Speak) -> None:
        self.speak = speak
        self.prompts: list[tuple[str, str]] = []

    def complete(self, request: Request) -> Response:
        (_, system), (_, user) = request_texts(request)
        times = sum(system == earlier for earlier, _ in self.prompts)
        self.prompts.append((system, user))
        message = Message.assistant([TextPart(self.speak(system, user, times))])
        return Response(id=None, model="author", message=message, finish_reason="stop", usage=Usage(input_tokens=1, output_tokens=1))


@pytest.fixture
def draft() -> Draft:
    size = Size(tables=3, rows=7, tools=4, tasks=2)
    return Draft(scenario=Scenario(name="Tool lending library"), recipe=Recipe(model="author", size=size))


def model_of(author: Author, journal: Journal) -> dspy.LM:
    return dspy.LM("author", engine=JournaledEngine(author, journal), cache=False, num_retries=0)


def then(bad: str, asked: str) -> Speak:
    """Good answers, but for the first to a prompt that asks for `asked`."""

    def speak(system: str, user: str, times: int) -> str:
        return bad if asked in system and times == 0 else good(system, user, times)

    return speak


def up_to(stage: str, draft: Draft, model: dspy.LM) -> Draft:
    """The draft as good answers make it, before a stage."""
    for name, run in RUNS.items():
        if name == stage:
            break
        result = run(draft, model)
        assert result.rejection is None, [d.line() for d in result.rejection.evidence]
        draft = result.draft
    return draft


RUNS = {
    "scenario": scenario.run,
    "requirements": requirements.run,
    "schema": schema.run,
    "seed": seed.run,
    "tools": tools.run,
    "agent_tasks": agent_tasks.run,
}


def test_good_answers_become_a_world_at_the_first_attempt(draft: Draft, journal: Journal) -> None:
    authored = author(draft, model_of(Author(good), journal))
    assert isinstance(authored.outcome, World), authored.outcome
    assert [(attempt.stage, attempt.number, attempt.accepted) for attempt in authored.attempts] == [
        ("scenario", 1, True),
        ("requirements", 1, True),
        ("schema", 1, True),
        ("seed", 1, True),
        ("tools", 1, True),
        ("tools", 1, True),
        ("agent_tasks", 1, True),
        ("agent_tasks", 1, True),
    ]


def test_answers_by_reference_are_resolved_and_clock_columns_are_free(draft: Draft, journal: Journal) -> None:
    size = draft.recipe.size.model_copy(update={"tasks": 3})
    draft = draft.model_copy(update={"recipe": draft.recipe.model_copy(update={"size": size})})
    result = agent_tasks.run(up_to("agent_tasks", draft, model := model_of(Author(good), journal)), model)
    assert result.rejection is None, result.rejection
    write, read, walk = result.draft.tasks
    assert [task.origin for task in (write, read, walk)] == ["intention", "intention", "walk"]
    assert (write.id, write.free_columns) == ("t01", ("loans.returned_at",))
    assert (read.id, read.answer) == ("t02", ("for the shed",))


def test_a_requirement_that_leaves_the_application_is_drawn_again(draft: Draft, journal: Journal) -> None:
    bad = sections(intentions=json.dumps([*INTENTIONS[:9], "Log in with my new password and look around the place."]))
    result = requirements.run(draft, model_of(Author(then(bad, "## intentions ##")), journal))
    assert result.rejection is None
    assert [(attempt.accepted, [d.code for d in attempt.diagnostics]) for attempt in result.attempts] == [
        (False, ["requirement.unusable", "requirement.too_few"]),
        (True, []),
    ]
    assert result.draft.intentions == tuple(INTENTIONS)


def test_a_repair_of_the_schema_sees_the_problems_and_returns_only_what_changes(draft: Draft, journal: Journal) -> None:
    bad = sections(ddl=DDL.replace("REFERENCES tools(id)", "REFERENCES tool(id)"))
    mended = sections(ddl=DDL[DDL.index("CREATE TABLE loans") :])
    author = Author(lambda system, user, times: mended if "Mend" in system else then(bad, "## ddl ##")(system, user, times))
    model = model_of(author, journal)
    result = schema.run(up_to("schema", draft, model), model)
    assert result.rejection is None
    assert result.draft.schema_sql == schema.text_of(schema.read_ddl(DDL)[0])
    system, user = author.prompts[-1]
    assert "Mend the SQLite schema" in system
    assert "table:loans" in user
    assert "CREATE TABLE members" in user


def test_an_open_quote_in_the_schema_costs_only_its_statement(draft: Draft, journal: Journal) -> None:
    bad = sections(ddl=DDL.replace("'in','out'", "'in','it's out'"))
    mended = sections(ddl=DDL[DDL.index("CREATE TABLE tools") : DDL.index("CREATE TABLE loans")])
    author = Author(lambda system, user, times: mended if "Mend" in system else then(bad, "## ddl ##")(system, user, times))
    model = model_of(author, journal)
    result = schema.run(up_to("schema", draft, model), model)
    assert result.rejection is None
    assert [(d.code, d.place) for d in result.attempts[0].diagnostics] == [("sql.syntax", "table:tools")]
    assert len(result.attempts) == 2


def test_a_repair_of_rows_sees_the_failing_rows_only(draft: Draft, journal: Journal) -> None:
    wrong = json.dumps(ROWS).replace('[2, 2, 2, "fence"]', '[2, 9, 2, "fence"]')
    fix = sections(fixes='[{"table":"loans","row":2,"values":{"tool_id":2}}]', tables="[]")
    author = Author(
        lambda system, user, times: fix if "fixes" in system else then(sections(tables=wrong), "## tables ##")(system, user, times)
    )
    model = model_of(author, journal)
    result = seed.run(up_to("seed", draft, model), model)
    assert result.rejection is None
    assert [attempt.accepted for attempt in result.attempts] == [False, True]
    _, user = author.prompts[-1]
    assert '- loans #2: {"id":2,"tool_id":9,"member_id":2,"note":"fence"}' in user
    assert "for the shed" not in user
    assert "CREATE TABLE members" in user, "what a failing table refers to is shown"
    assert "VALUES (2, 2, 2, 'fence');" in result.draft.seed_sql


def test_rows_cut_off_are_asked_for_and_the_others_kept(draft: Draft, journal: Journal) -> None:
    text = json.dumps(ROWS)
    cut = "[[ ## tables ## ]]\n" + text[: text.index('"loans"') + 60]
    more = sections(fixes="[]", tables=json.dumps(ROWS[2:]))
    author = Author(lambda system, user, times: more if "fixes" in system else then(cut, "## tables ##")(system, user, times))
    model = model_of(author, journal)
    result = seed.run(up_to("seed", draft, model), model)
    assert result.rejection is None
    assert [d.code for d in result.attempts[0].diagnostics][:1] == ["json.truncated"]
    assert [block.table for block in result.draft.seed] == ["members", "tools", "loans"]


def test_a_repair_of_tools_replaces_the_failing_one_and_leaves_the_others(draft: Draft, journal: Journal) -> None:
    broken = json.dumps(CHANGING).replace("SET status = 'in'", "SET state = 'in'")
    touched = [CHANGING[0], {**CHANGING[1], "description": "Something else."}]
    author = Author(
        lambda system, user, times: (
            sections(tools=json.dumps(touched))
            if "Mend the tools" in system
            else sections(tools=broken)
            if "## focus ## ]]\nchanging" in user
            else good(system, user, times)
        )
    )
    model = model_of(author, journal)
    result = tools.run(up_to("tools", draft, model), model)
    assert result.rejection is None, result.rejection
    assert [attempt.accepted for attempt in result.attempts] == [True, False, True], "the fault is with the call that wrote the tool"
    _, user = author.prompts[-1]
    failing = user[user.index("[[ ## failing ## ]]") :]
    assert "return_tool" in failing
    assert "annotate_loan" not in failing
    assert "- annotate_loan(loan_id: integer, note: text): Change the note of one of your loans." in user
    assert result.draft.tools[3].description == "Change the note of one of your loans.", "a sound tool is not touched"


def test_a_tool_that_cannot_be_formed_costs_only_itself(draft: Draft, journal: Journal) -> None:
    unformed = json.dumps([{**CHANGING[0], "parameters": {"loan_id": "whatever: Id."}}, {**CHANGING[1], "program": [{"do": "it"}]}])
    author = Author(
        lambda system, user, times: (
            sections(tools=json.dumps(CHANGING))
            if "Mend the tools" in system
            else sections(tools=unformed)
            if "## focus ## ]]\nchanging" in user
            else good(system, user, times)
        )
    )
    model = model_of(author, journal)
    result = tools.run(up_to("tools", draft, model), model)
    assert result.rejection is None
    assert [(d.code, d.place) for d in result.attempts[1].diagnostics] == [
        ("tool.parameters", "tool:return_tool/parameters"),
        ("tool.form", "tool:annotate_loan/program/0"),
    ]


def test_a_repair_of_tasks_keeps_their_ids(draft: Draft, journal: Journal) -> None:
    lazy = [{**TASKS[0], "solution": TASKS[0]["solution"][:1]}, TASKS[1]]
    author = Author(
        lambda system, user, times: (
            sections(tasks=json.dumps([{**TASKS[0], "id": "t01"}]))
            if "Mend the tasks" in system
            else then(sections(tasks=json.dumps(lazy)), "## tasks ##")(system, user, times)
        )
    )
    model = model_of(author, journal)
    result = agent_tasks.run(up_to("agent_tasks", draft, model), model)
    assert result.rejection is None, result.rejection
    assert [task.id for task in result.draft.tasks] == ["t01", "t02"]
    _, user = author.prompts[-1]
    assert '"id":"t01"' in user
    assert '"id":"t02"' not in user
    data = user[user.index("[[ ## data ## ]]") : user.index("[[ ## failing ## ]]")]
    assert "loans(id,tool_id,member_id,note,returned_at): 1|1|1|for the shed|-; 2|2|2|fence|-" in data
    assert "members(" not in data, "rows that the failing task is not about are left out"


@pytest.mark.parametrize("stage", ["scenario", "requirements", "schema", "seed", "tools", "agent_tasks"])
@pytest.mark.parametrize("bad", ["", "I'm sorry, I cannot help with that.", "[[ ## completed ## ]]", '[[ ## tools ## ]]\n[{"na'])
def test_every_stage_gets_over_an_answer_without_content(stage: str, bad: str, draft: Draft, journal: Journal) -> None:
    before = up_to(stage, draft, model_of(Author(good), journal))
    asked = {"scenario": "description", "requirements": "intentions", "schema": "ddl", "seed": "tables", "tools": "tools"}.get(
        stage, "tasks"
    )
    author = Author(then(bad, f"## {asked} ##"))
    with_other_journal = JournaledEngine(author, Journal(journal.path.with_name("other.sqlite")))
    model = dspy.LM("author", engine=with_other_journal, cache=False, num_retries=0)
    result = RUNS[stage](before, model)
    assert result.rejection is None
    assert not result.attempts[0].accepted
    assert result.attempts[-1].accepted


@pytest.mark.parametrize("stage", ["scenario", "requirements", "schema", "seed", "tools", "agent_tasks"])
def test_what_cannot_be_mended_is_rejected_with_its_evidence(stage: str, draft: Draft, journal: Journal) -> None:
    before = up_to(stage, draft, model_of(Author(good), journal))
    author = Author(lambda system, user, times: "")
    with_other_journal = JournaledEngine(author, Journal(journal.path.with_name("other.sqlite")))
    model = dspy.LM("author", engine=with_other_journal, cache=False, num_retries=0)
    result = RUNS[stage](before, model)
    assert result.rejection is not None
    assert result.rejection.gate == stage
    assert result.rejection.evidence
    assert {attempt.number for attempt in result.attempts} == {1, 2, 3, 4, 5}
    assert not any(attempt.accepted for attempt in result.attempts)


def test_a_second_run_asks_nothing_and_gives_the_same(draft: Draft, journal: Journal) -> None:
    engine = Author(good)
    first = author(draft, model_of(engine, journal))
    asked = len(engine.prompts)
    second = author(draft, model_of(engine, journal))
    assert len(engine.prompts) == asked
    assert first.outcome == second.outcome
    assert all(attempt.recalled for attempt in second.attempts)
    assert [attempt.attempt_id for attempt in first.attempts] == [attempt.attempt_id for attempt in second.attempts]


def test_another_draw_of_a_scenario_asks_anew(draft: Draft, journal: Journal) -> None:
    engine = Author(good)
    scenario.run(draft, model_of(engine, journal))
    scenario.run(draft.model_copy(update={"recipe": draft.recipe.model_copy(update={"seed": 1})}), model_of(engine, journal))
    assert len(engine.prompts) == 2
