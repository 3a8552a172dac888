"""The agent tasks stage: tasks that begin with an intention, and tasks that begin with a walk and are then put into words.

An intention is solved with the tools by the model, checks and all. A walk has been carried out and judged before the model
hears of it; the model only writes the instruction. What cannot be said well is replaced by another walk.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, tee
from typing import Any, NamedTuple

import dspy

from artifacts.agent_task import AgentTask
from artifacts.verdict import Diagnostic
from artifacts.world import Draft
from tasks.acceptance import accept_tasks, finished
from tasks.correction import Ask, Built, Made, Problems, Reply, Stage, correct, part_name, without_size
from tasks.difficulty.measures import difficulty_of
from tasks.difficulty.spread import fitting, quotas
from tasks.forming import Drafts, TaskDraft, formed
from tasks.gates import diagnose
from tasks.models.adapter import with_rules
from tasks.phrasing import PhraseDraft, PhraseWalks, RepairPhrases, view_of
from tasks.scenario import scenario_text
from tasks.stage import StageResult, stage_task
from tasks.task_view import data_text, tables_behind, tool_lines
from tasks.trials.workbench import workbench_of
from tasks.walk_tasks import Phrased, choose_walks, phrase_problems, unphrased, walk_stream, walks_wanted
from tasks.walks.walk import Walk

BATCH = 12
"""The most tasks asked for in one call."""

MOST_PHRASINGS = 2
"""How often words are asked for before a walk gives way to another."""


RULES = """
`tools`: name(parameters) -> result: what it does; `?` marks optional, [{…}] by x a list in that order (NULL first); `writes` tells the
columns it updates, +table rows it adds, -table rows it deletes. `data`: the rows at the start, as table(columns): rows; values are
separated by |, - is NULL. The signed-in user is row 1 of the people's table. The clock says 2026-03-02 09:00.

A task is {"instruction","kind","solution","answer","checks","free_columns"}; one line of JSON each. The agent gets the instruction
and the tools, nothing else.

instruction: what the signed-in user writes to an assistant: first person, natural, one to five sentences, in varied voices. It
holds all that is needed and leaves one right result only: which record (by name, title, date, amount, status), every value to set,
the exact words of any text to store, and, where several records fit, the rule that picks one. Never an id or a key that a person
would not know, never a tool, table or column name, never the steps to take. It does not reveal what the agent has to find out.
kind: read (nothing changes, an answer is asked), write (records change, "answer":null), mixed (records change and an answer is asked).
solution: the calls in order, at most 12, seldom one, each succeeding on `data`. An id is found by an earlier call, never written down:
{"tool":"cancel_order","arguments":{"order_id":{"$ref":"0[2].id"}}} takes `id` of the third element of call 0's list; "1.order.total_cents"
goes into objects, "0.lines[1].price" into lists in them, "0" is a whole result; a list argument: [{"$ref":"0[0].id"},{"$ref":"0[2].id"}].
Literals come from the instruction. Mind sorting, ties and filters: the reference must be what the instruction says on this very
data; ask for nothing that hangs on a tie. No call changes what the instruction did not ask for.
answer: a flat array of the values asked for, in order: literals or {"$ref":"2.total_cents"}; names, dates, amounts, counts; no ids.
Each stands in the results of the solution's calls, or is one count, sum or difference of what stands there. Money is asked for in cents.
checks: for write and mixed, one to four {"name","sql"}; the SQL gives one value, 1 or 0, from final.<table> (after) and
initial.<table> (before). Every check is 0 on the untouched data and 1 after the solution, and together they cover every change:
{"name":"the kettle order is cancelled","sql":"SELECT status='cancelled' FROM final.orders WHERE id=17"}. Existing rows by their key
in `data`; new rows by content: SELECT EXISTS(SELECT 1 FROM final.notes WHERE order_id=17 AND body='Call first'). NULL counts as 0:
compare with IS or COALESCE. All other rows are compared anyway: no check that nothing else changed. For read: [].
free_columns: ["table.column"] whose text is left to the agent, mostly []; columns filled from the clock are found by themselves.
conditions: may be left out; [{"name":"my cheapest pending order","table":"orders","sql":"SELECT id FROM orders WHERE …"}] tells in SQL on
`data` which rows the instruction means, by what it says of them (names, dates, amounts, states; never an id): the keys of exactly those
that the solution finds, where that is more than a name.""".strip()


class Parts(NamedTuple):
    """The tasks that begin with an intention, those that begin with a walk, and the walks that were given up."""

    intended: Drafts = ()
    phrased: tuple[Phrased, ...] = ()
    left: tuple[Walk, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to go on from."""
        return bool(self.intended or self.phrased)

    @property
    def walks(self) -> tuple[Walk, ...]:
        """Every walk that was ever chosen."""
        return (*self.left, *(one.walk for one in self.phrased))


@with_rules(RULES)
class WriteTasks(dspy.Signature):
    """Write `count` tasks that test whether an assistant can get things done in this application with its tools.

    {rules}

    About 3 of 10 read, 4 write, 3 mixed. Half of them take 4 or more calls: choices among several records, totals to compute from
    what was read, several dependent changes, a condition to check first. Take up the intentions; no two tasks about the same record
    and change, none like one in `existing`; use many different tools.

    tasks: a JSON array of tasks.
    """

    scenario: str = dspy.InputField()
    intentions: list[str] = dspy.InputField()
    tools: list[str] = dspy.InputField()
    data: str = dspy.InputField()
    existing: list[str] = dspy.InputField()
    count: int = dspy.InputField()
    tasks: list[TaskDraft] = dspy.OutputField()


@with_rules(RULES)
class RepairTasks(dspy.Signature):
    """Mend the tasks in `failing`, which test whether an assistant can get things done with these tools on this data: every
    problem listed must be gone. A task keeps its id, and its idea where that can be saved.

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


_TASK_PLACE = re.compile(r"task:(t\d+)")


def run(draft: Draft, model: dspy.LM) -> StageResult:
    """Fill in the draft's agent tasks."""
    return correct(STAGE, draft, model)


def _write(draft: Draft, ask: Ask) -> Made[Parts]:
    """Intentions first, in as many calls as they need, each told of the instructions so far; walks then fill what is left."""
    wanted = draft.recipe.size.tasks
    seen, stream = tee(walk_stream(draft))
    made = _intended(draft, wanted - len(list(islice(seen, walks_wanted(wanted)))), ask)
    walked = _with_walks(draft, Parts(made.parts), stream, ask)
    return Made(walked.parts, (*made.replies, *walked.replies))


def _intended(draft: Draft, wanted: int, ask: Ask) -> Made[Drafts]:
    inputs = {
        "scenario": scenario_text(draft.scenario),
        "intentions": list(draft.intentions),
        "tools": tool_lines(draft),
        "data": data_text(draft),
    }
    parts: Drafts = ()
    replies: tuple[Reply, ...] = ()
    for _ in range(-(-wanted // BATCH)):
        existing = [part.instruction for part in parts]
        reply = ask(WriteTasks, {**inputs, "existing": existing, "count": min(BATCH, wanted - len(parts))})
        known = frozenset(part.id for part in parts)
        parts = merged(parts, reply.values["tasks"], frozenset())[:wanted]
        replies += (reply._replace(wrote=frozenset(part.id for part in parts) - known),)
    return Made(parts, replies)


def _with_walks(draft: Draft, parts: Parts, stream: Iterator[Walk], ask: Ask) -> Made[Parts]:
    """The parts with walks in the places that are open, put into words by one call."""
    wanted = draft.recipe.size.tasks
    intended, levels = _in_their_places(draft, parts)
    most = wanted if draft.recipe.difficulty else walks_wanted(wanted)
    count = min(most, wanted - len(intended)) - len(parts.phrased)
    walks = choose_walks(draft, stream, count, levels)
    ids = _free_ids(wanted, {part.id for part in intended} | {one.id for one in parts.phrased})
    new = tuple(Phrased(task_id, walk) for task_id, walk in zip(ids, walks, strict=False))
    parts = parts._replace(intended=intended, phrased=(*parts.phrased, *new))
    return _phrased(draft, parts, new, (), ask) if new else Made(parts, ())


def _in_their_places(draft: Draft, parts: Parts) -> tuple[Drafts, tuple[int, ...]]:
    """The intended tasks, those that a spread asked for has no place for left out, and the levels of all tasks that stay."""
    bench = workbench_of(draft)
    kept = tuple(difficulty_of(one.walk.task(one.id, "-"), bench).level for one in parts.phrased)
    tasks = {task.id: task for task in formed(draft, parts.intended)[0]}
    levelled = [(difficulty_of(tasks[part.id], bench).level, part) for part in parts.intended if part.id in tasks]
    if draft.recipe.difficulty is None:
        return parts.intended, (*(level for level, _ in levelled), *kept)
    places = Counter(quotas(draft.recipe.difficulty, draft.recipe.size.tasks)) - Counter(kept)
    fits = fitting(levelled, places)
    return fits, (*(level for level, part in levelled if part in fits), *kept)


def _free_ids(wanted: int, used: set[str]) -> Iterator[str]:
    return (task_id for number in range(1, wanted + 1) if (task_id := f"t{number:02d}") not in used)


def _phrased(draft: Draft, parts: Parts, asked: tuple[Phrased, ...], problems: Problems, ask: Ask) -> Made[Parts]:
    """The parts with the words that a call gives to these walks; words that have problems are mended."""
    bench = workbench_of(draft)
    views = [view_of(one.id, one.walk, bench) for one in asked]
    inputs: dict[str, Any] = {"scenario": scenario_text(draft.scenario)}
    if problems:
        said = [{**view, "instruction": one.instruction} for view, one in zip(views, asked, strict=True)]
        reply = ask(RepairPhrases, {**inputs, "walks": said, "problems": [problem.line() for problem in problems]})
    else:
        reply = ask(PhraseWalks, {**inputs, "walks": views})
    ids = frozenset(one.id for one in asked)
    phrased = worded(parts.phrased, reply.values["phrases"], ids)
    return Made(parts._replace(phrased=phrased), (reply._replace(wrote=ids),))


def worded(phrased: tuple[Phrased, ...], answered: Iterable[PhraseDraft], asked: frozenset[str]) -> tuple[Phrased, ...]:
    """The walks with the words of an answer, which counts as a try for each that was asked for; the first words for a walk count."""
    said: dict[str, str] = {}
    for draft in answered:
        said.setdefault(draft.id.strip().lower(), " ".join(draft.instruction.split()))
    return tuple(
        one._replace(instruction=said.get(one.id) or one.instruction, tries=one.tries + 1) if one.id in asked else one for one in phrased
    )


def _repair(draft: Draft, parts: Parts, problems: Problems, ask: Ask) -> Made[Parts]:
    """Failing intentions are mended; failing words too, once; walks that cannot be said, or fail otherwise, give way to others."""
    of_walks = {one.id: tuple(p for p in problems if part_name(p.place) == one.id) for one in parts.phrased}
    others = tuple(p for p in problems if part_name(p.place) not in of_walks and not p.place.startswith("answer/phrases"))
    made = _mended(draft, parts.intended, others, frozenset(of_walks), ask) if others else Made(parts.intended, ())
    given_up = tuple(one for one in parts.phrased if _is_given_up(one, of_walks[one.id]))
    kept = tuple(one for one in parts.phrased if one not in given_up)
    parts = Parts(made.parts, kept, (*parts.left, *(one.walk for one in given_up)))
    again = tuple(one for one in kept if of_walks[one.id])
    told = tuple(problem for one in again for problem in of_walks[one.id])
    reworded = _phrased(draft, parts, again, told, ask) if again else Made(parts, ())
    walked = _with_walks(draft, reworded.parts, walk_stream(draft, reworded.parts.walks), ask)
    return Made(walked.parts, (*made.replies, *reworded.replies, *walked.replies))


def _is_given_up(phrased: Phrased, problems: Problems) -> bool:
    """Whether words cannot mend a walk, or have had their chances."""
    of_words = all(problem.place == f"task:{phrased.id}/instruction" for problem in problems)
    return bool(problems) and (not of_words or phrased.tries >= MOST_PHRASINGS)


def _mended(draft: Draft, parts: Drafts, problems: Problems, reserved: frozenset[str], ask: Ask) -> Made[Drafts]:
    named = failing_ids(problems)
    failing = [part for part in parts if part.id in named]
    inputs = {
        "scenario": scenario_text(draft.scenario),
        "tools": tool_lines(draft),
        "data": data_text(draft, _tables_concerned(draft, failing) if all(map(_names_task, problems)) else None),
        "failing": failing,
        "problems": [problem.line() for problem in problems],
    }
    reply = ask(RepairTasks, inputs)
    mended = merged(parts, reply.values["tasks"], named, reserved)
    known = {part.id for part in parts} - named
    return Made(mended, (reply._replace(wrote=frozenset(part.id for part in mended) - known),))


def _names_task(problem: Diagnostic) -> bool:
    return _TASK_PLACE.match(problem.place) is not None


def _tables_concerned(draft: Draft, failing: Iterable[TaskDraft]) -> frozenset[str]:
    """What a failing task's calls and checks are about; a repair needs no other rows."""
    tools = {call.tool for part in failing for call in part.solution}
    return tables_behind(draft, tools, (check.sql for part in failing for check in part.checks))


def failing_ids(problems: Problems) -> frozenset[str]:
    """The tasks that diagnostics name by their place."""
    return frozenset(match.group(1) for problem in problems if (match := _TASK_PLACE.match(problem.place)))


def merged(current: Drafts, answered: Iterable[TaskDraft], replace: frozenset[str], reserved: frozenset[str] = frozenset()) -> Drafts:
    """The tasks with the answer in them: one that names a task of `replace` takes its place, one that names none takes the
    first such place that is still open, or the first number that is not reserved; sound tasks are not touched.
    """
    by_id = {part.id: part for part in current}
    nameless = []
    open_places = {key: None for key in by_id if key in replace}
    for part in answered:
        if part.id in open_places:
            by_id[part.id] = part
            del open_places[part.id]
        elif part.id not in replace:
            nameless.append(part)
    for part in nameless:
        place = next(iter(open_places), None) or next(_free_ids(1_000, {*by_id, *reserved}))
        open_places.pop(place, None)
        by_id[place] = part.model_copy(update={"id": place})
    return tuple(by_id.values())


def _build(draft: Draft, parts: Parts) -> Built:
    tasks, unformed = formed(draft, parts.intended)
    walked, unsaid = _walked(draft, parts.phrased)
    ordered = tuple(sorted((*tasks, *walked), key=lambda task: task.id))[: draft.recipe.size.tasks]
    built = draft.model_copy(update={"tasks": ordered})
    problems = diagnose(built, "agent_tasks") if ordered else ()
    none = () if parts else (Diagnostic(code="task.none", place="tasks", message="There are no tasks."),)
    written = len(parts.intended) + len(parts.phrased)
    found = tuple(dict.fromkeys((*none, *unformed, *without_size(problems, written, draft.recipe.size.tasks), *unsaid)))
    return Built(built if found else accept_tasks(built), found)


def _walked(draft: Draft, phrased: tuple[Phrased, ...]) -> tuple[tuple[AgentTask, ...], Problems]:
    """The walks that have words as agent tasks, and what is missing in the words."""
    bench = workbench_of(draft)
    tasks: list[AgentTask] = []
    problems: list[Diagnostic] = []
    for one in phrased:
        if not one.instruction:
            problems.append(unphrased(one))
            continue
        task = finished(one.walk.task(one.id, one.instruction[:4_000]), bench)
        tasks.append(task)
        problems.extend(phrase_problems(one, task, draft))
    return tuple(tasks), tuple(problems)


STAGE: Stage[Parts] = Stage("agent_tasks", _write, _repair, _build)
write_agent_tasks = stage_task("write_agent_tasks", run)
