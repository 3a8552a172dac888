"""The words of an instruction: whether a person would write them, and whether they leave one result only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from artifacts.agent_task import AgentTask, Scalar
from artifacts.verdict import Diagnostic
from containers.plain_text import plain_text
from tasks.instructions.saying import Saying, saying_of, unquoted
from tasks.sql.catalog import Catalog
from tasks.sql.lineage import Usage, root_of

MAX_CHARACTERS = 1_500
_ANY_DAY = "2026-03-02"
"""Only words and quotations are read here; the day matters to neither."""


def instruction_problems(task: AgentTask, usages: dict[str, Usage], catalog: Catalog) -> Iterator[Diagnostic]:
    """Names of tools, tables and columns, keys that a person could not know, steps, vague words, an answer that is given away."""
    yield from _inner_names(task, usages, catalog)
    for name, key in _quoted_keys(task, usages, catalog):
        message = f"The instruction quotes '{name}', an internal key."
        yield _problem(task, "key", message, f"Say which one by what a person knows (name, date, amount), not by {key[0]}.{key[1]}.")
    for lint in _LINTS:
        yield from lint(task)


def _problem(task: AgentTask, code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code=f"task.instruction_{code}", place=f"task:{task.id}/instruction", message=message, hint=hint)


def _inner_names(task: AgentTask, usages: dict[str, Usage], catalog: Catalog) -> Iterator[Diagnostic]:
    tokens = set(re.findall(r"[A-Za-z]\w*", task.instruction))
    columns = {c.name for t in catalog.tables.values() for c in t.columns.values()}
    inner = {"tool": set(usages), "table": set(catalog.names()), "column": columns}
    for kind, names in inner.items():
        for name in sorted(tokens & {n for n in names if "_" in n}):
            message = f"The instruction names the {kind} {name}, which a person does not know."
            yield _problem(task, "names", message, "Say it in everyday words.")
            return


def _quoted_keys(task: AgentTask, usages: dict[str, Usage], catalog: Catalog) -> Iterator[tuple[str, tuple[str, str]]]:
    """Integer keys of the solution's arguments that the instruction holds right after a word such as "order" or "#"."""
    for call in task.solution:
        for link in usages[call.tool].links if call.tool in usages else ():
            root = root_of((link.table, link.column), catalog)
            table = catalog.tables.get(root[0])
            value = call.arguments.get(link.name)
            if table is None or [c.lower() for c in table.primary_key] != [root[1]]:
                continue
            for number in [v for v in (value if isinstance(value, list) else [value]) if type(v) is int]:
                singular = root[0].split("_")[-1].rstrip("s")
                found = re.search(
                    rf"(?:#|\bids?\b|\b{singular}s?)(?:\s+(?:number|no\.?|id|#))?[\s:=#]*{number}\b(?!\s*[%€$a-z])", task.instruction, re.I
                )
                if found:
                    yield found[0], root


_VAGUE = re.compile(
    r"\b(?:some|a few|several|various|a couple|a handful|a bit|any) "
    r"(?!of (?:my|the|our|your) |one\b|time|day|other|more|thing|free|open|slot)"
    r"(?:of )?(?P<what>[a-z]+(?:s|es)\b)"
    r"|\b(?:as|if|where|when) (?:appropriate|necessary|needed|you see fit|you like|you think)\b"
    r"|\b(?:an? |the |some )?(?:appropriate|suitable|reasonable|decent|sensible|nice) "
    r"(?:one|time|date|day|amount|note|text|reason|message|comment|price|value|number)\b"
    r"|(?<!as )\bsoon\b(?! as)|\bsometime\b|\bat some point\b|\bor so\b|\bor something\b|\betc\b|\band so on\b|\bsomehow\b|\bwhatever you\b"
    r"|\b(?:about|around|roughly|approximately) (?:\d+|ten|twenty|a dozen)\b(?!:)|\b(?:a|an|the) (?:right|usual|normal) (?:way|thing)\b",
    re.IGNORECASE,
)


def _vague(task: AgentTask) -> Iterator[Diagnostic]:
    found = _VAGUE.search(unquoted(task.instruction))
    if found:
        message = f"'{found[0].strip()}' leaves open what is to be done; two people would do two different things."
        yield _problem(task, "vague", message, "Say which one, how many, when, or the exact words, so that one end state is right.")


_STEPS = re.compile(
    r"(?:^|\n)\s*(?:\d+[.)]|[-*\u2022]) \S|\bstep (?:\d|one|two|three)\b"
    r"|\b(?:call|invoke|use|run) the [a-z ]{0,30}(?:tool|function|endpoint|api|command)\b"
    r"|\b(?:api|endpoint|database|sql|json|foreign key|primary key|backend|query the|tool call|function call)\b",
    re.IGNORECASE,
)


def _steps(task: AgentTask) -> Iterator[Diagnostic]:
    found = _STEPS.search(unquoted(task.instruction))
    if found:
        message = f"'{found[0].strip()}' tells how to do it; a person says what is wanted."
        yield _problem(task, "steps", message, "Say the wish and all its facts; leave the way to the assistant.")


_ASIDE = re.compile(
    r"\b(?:the (?:user|customer|agent|assistant|ai|model)|this user) (?:wants?|needs?|asks?|would|should|must|has to|is asked|wishes)\b"
    r"|\byour (?:task|job|goal) is to\b|\byou are an? (?:helpful |ai )?(?:assistant|agent)\b|\bas an (?:ai|assistant)\b",
    re.IGNORECASE,
)
_HOLES = re.compile(
    r"\{[a-z_ ]*\}|<[a-z_ ]+>|\[[a-z][a-z_ ]*\]|\$ref|\bTODO\b|\bTBD\b|\blorem ipsum\b|\bXX+\b|\bN/A\b|\bNone\b(?= and|\.|,)|\bnull\b"
)


def _voice(task: AgentTask) -> Iterator[Diagnostic]:
    found = _ASIDE.search(unquoted(task.instruction))
    if found:
        message = f"'{found[0]}' speaks about a person; the instruction is what the signed-in person writes."
        yield _problem(task, "voice", message, 'Write in the first person ("cancel my order", not "the user wants …").')
    hole = _HOLES.search(task.instruction)
    if hole:
        yield _problem(task, "hole", f"'{hole[0]}' was never filled in.", "Put the value there, in a person's words.")


def _length(task: AgentTask) -> Iterator[Diagnostic]:
    text = task.instruction.strip()
    if len(text) > MAX_CHARACTERS:
        message = f"The instruction has {len(text)} characters; at most {MAX_CHARACTERS} read like a message."
        yield _problem(task, "length", message, "Ask for less, or leave out what the result does not hang on.")
    elif len(text.split()) < 3:
        yield _problem(task, "length", "The instruction is no sentence.", "Say what is wanted, and of which record.")


_ASKS = re.compile(
    r"\?|\b(?:tell|give|name|list|show|report|say|know|find out|which|what|who|whose|when|where|how|count|quote|find|check|look up"
    r"|i (?:want|need|would like) to know"
    r"|remind|need|want|send|read|confirm|calculate|summarise|summarize|work out|answer|mention|include|add)\b",
    re.IGNORECASE,
)
_DEMANDS = re.compile(
    r"\b(?:tell me|let me know|report back|give me the (?:total|number|name|date|price|code))\b|\bhow (?:much|many)\b[^?.]*\?", re.I
)


def _answer_asked(task: AgentTask) -> Iterator[Diagnostic]:
    text = unquoted(task.instruction)
    if task.answer is not None and not _ASKS.search(text):
        message = "The task expects an answer, and the instruction asks for none."
        yield _problem(task, "unasked", message, "Ask for the values of the answer in the instruction, or set the answer to null.")
    elif task.answer is None and (found := _DEMANDS.search(text)):
        message = f"'{found[0]}' asks for an answer, and the task has none to compare with."
        yield _problem(task, "unanswered", message, 'Give the answer and make it "mixed", or take the question out.')


def _given_away(task: AgentTask) -> Iterator[Diagnostic]:
    """Every value of the answer stands in the instruction already; a choice between two that are named gives nothing away."""
    saying = saying_of(task.instruction, _ANY_DAY)
    told = [value for value in task.answer or () if _tells(value, saying)]
    if task.answer and len(told) == len(task.answer):
        message = f"The instruction already holds the answer: {', '.join(map(str, told))}."
        yield _problem(task, "reveals", message, "Name the record by other facts, so that the answer has to be looked up.")


def _tells(value: Scalar, saying: Saying) -> bool:
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return abs(value) > 12 and value in saying.numbers
    if len(value) < 3 or (value.islower() and value.replace("_", "").isalpha()):
        return False  # a state such as "planned" stands in many sentences without giving anything away
    return saying.says_words(value) and not _offered(value, saying)


def _offered(value: str, saying: Saying) -> bool:
    """Whether it stands beside an "or": "is it open or closed", "which costs less, A or B"."""
    wanted = plain_text(value)
    places = [found.start() for found in re.finditer(re.escape(wanted), saying.plain)]
    return any(re.search(r"\b(?:or|whether|between|than)\b", saying.plain[max(0, at - 40) : at + len(wanted) + 12]) for at in places)


Lint = Callable[[AgentTask], Iterator[Diagnostic]]
_LINTS: tuple[Lint, ...] = (_vague, _steps, _voice, _length, _answer_asked, _given_away)
