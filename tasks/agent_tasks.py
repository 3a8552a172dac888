"""The agent tasks stage: instructions with their reference solutions, answers and checks."""

from __future__ import annotations

from typing import Any

import dspy
from pydantic import BaseModel

from tasks.adapter import with_rules


class CallDraft(BaseModel):
    """One call of a reference solution."""

    tool: str
    arguments: dict[str, Any] = {}


class CheckDraft(BaseModel):
    """One named predicate."""

    name: str
    sql: str


class TaskDraft(BaseModel):
    """An agent task as a model writes it; `answer` may hold {"$ref": …}."""

    id: str = ""
    instruction: str
    kind: str
    solution: list[CallDraft]
    answer: list[Any] | None = None
    checks: list[CheckDraft] = []
    free_columns: list[str] = []


RULES = """
A task is {"instruction","kind","solution","answer","checks","free_columns"}; one line of JSON each. The agent gets the instruction
and the tools, nothing else.

instruction: what the signed-in user writes to an assistant: first person, natural, one to five sentences, in varied voices. It
holds all that is needed and leaves one right result only: which record (by name, title, date, amount, status), every value to set,
the exact words of any text to store, and, where several records fit, the rule that picks one. Never an id or a key that a person
would not know, never a tool, table or column name, never the steps to take. It does not reveal what the agent has to find out.
kind: read (nothing changes, an answer is asked), write (records change, "answer":null), mixed (records change and an answer is asked).
solution: the calls in order, 2 to 12, each succeeding on `data`. An id is found by an earlier call, never written down:
{"tool":"cancel_order","arguments":{"order_id":{"$ref":"0[2].id"}}} takes `id` of the third element of call 0's list; "1.order.total_cents"
goes into objects, "0" is a whole result. Literals come from the instruction. Mind sorting, ties and filters: the reference must
be what the instruction says on this very data. No call changes what the instruction did not ask for.
answer: the values asked for, in order, as the tools return them: literals or {"$ref":"2.total_cents"}; names, dates, counts, sums;
no ids. When it is money, the instruction asks for cents.
checks: for write and mixed, one to four {"name","sql"}; the SQL gives one value, 1 or 0, from final.<table> (after) and
initial.<table> (before). Every check is 0 on the untouched data and 1 after the solution, and together they cover every change:
{"name":"the kettle order is cancelled","sql":"SELECT status='cancelled' FROM final.orders WHERE id=17"}. Existing rows by their key
in `data`; new rows by content: SELECT EXISTS(SELECT 1 FROM final.notes WHERE order_id=17 AND body='Call first'). For read: [].
free_columns: ["table.column"] for what may differ in a right result: columns filled from the clock, text left to the agent.""".strip()


@with_rules(RULES)
class WriteTasks(dspy.Signature):
    """Write `count` tasks that test whether an assistant can get things done in this application with its tools.

    `tools`: name(parameters) -> result: what it does; `?` marks optional, `writes` what it changes. `data`: all rows at the start, as
    table(columns): rows; values are separated by |. The signed-in user is row 1 of the people's table. The clock says 2026-03-02 09:00.

    {rules}

    About 3 of 10 read, 4 write, 3 mixed. Half of them take 4 or more calls: choices among several records, totals to compute from
    what was read, several dependent changes, a condition to check first. Take up the intentions; no two tasks about the same record
    and change; use many different tools.

    tasks: a JSON array of tasks.
    """

    scenario: str = dspy.InputField()
    intentions: list[str] = dspy.InputField()
    tools: list[str] = dspy.InputField()
    data: str = dspy.InputField()
    count: int = dspy.InputField()
    tasks: list[TaskDraft] = dspy.OutputField()


@with_rules(RULES)
class RepairTasks(dspy.Signature):
    """Mend the tasks in `failing`, which test whether an assistant can get things done with these tools on this data: every
    problem listed must be gone. A task keeps its id, and its idea where that can be saved.

    `tools`: name(parameters) -> result: what it does. `data`: all rows at the start, as table(columns): rows; values are separated by |.
    The signed-in user is row 1 of the people's table. The clock says 2026-03-02 09:00.

    {rules}

    tasks: a JSON array of the mended tasks, whole, each with its "id", and of no others; where a problem says that tasks are missing,
    write new ones too, without an id.
    """

    scenario: str = dspy.InputField()
    tools: list[str] = dspy.InputField()
    data: str = dspy.InputField()
    failing: list[TaskDraft] = dspy.InputField()
    problems: list[str] = dspy.InputField()
    tasks: list[TaskDraft] = dspy.OutputField()
