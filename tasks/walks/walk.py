"""The nouns of a walk: what was done, on which rows, how a person names them, what has to be given and what is asked."""

from __future__ import annotations

from typing import Any, Literal

from artifacts.agent_task import AgentTask, Check, Condition, Kind, Scalar, ToolCall
from artifacts.noun import Noun

Relation = Literal["is", "greatest", "least", "latest", "earliest", "more than", "less than", "before", "after"]
SUPERLATIVES: tuple[Relation, ...] = ("greatest", "least", "latest", "earliest")


class Said(Noun):
    """One fact by which a person names rows: `label` in words, `column` as "books.title", and how the value bounds it.

    For a superlative the value is the extreme that the data has; the instruction says the superlative, not the value.
    """

    label: str
    column: str
    relation: Relation = "is"
    value: Scalar


class Selector(Noun):
    """How a person names exactly these rows: `keys` are what `condition` gives on the initial state.

    `mine` is the column that holds the signed-in user ("orders.user_id") where only the user's own rows are meant; `within` is the
    index of the walk's selector that names the parent, where the rows are those of one parent.
    """

    noun: str
    condition: Condition
    keys: tuple[Scalar, ...]
    said: tuple[Said, ...]
    mine: str = ""
    within: int | None = None

    @property
    def many(self) -> bool:
        """Whether it names all rows of a kind, not one."""
        return len(self.keys) > 1


class Setting(Noun):
    """A value that the instruction has to give: an argument of a step, with the words for it."""

    step: int
    parameter: str
    label: str
    value: Any


class Asked(Noun):
    """What the answer must tell, and where the reference finds it: {"$ref": path}, {"count": path} or {"sum": path, "field": name}.

    `selector` is the index of the selector that names what it is asked about, where there is one; `after` says that the value is
    what the walk's own changes make it, not what it was before.
    """

    label: str
    value: Scalar
    reference: dict[str, str]
    selector: int | None = None
    after: bool = False


class WalkStep(Noun):
    """One call that was carried out; `result` is what it gave, cut short; `selectors` name the rows that it is about."""

    tool: str
    does: str
    arguments: dict[str, Any]
    result: Any = None
    writes: bool = False
    hurdle: bool = False
    selectors: tuple[int, ...] = ()


class Walk(Noun):
    """A chain of calls that was carried out, and all that its instruction has to say."""

    id: str
    kind: Kind
    steps: tuple[WalkStep, ...]
    selectors: tuple[Selector, ...] = ()
    settings: tuple[Setting, ...] = ()
    asked: tuple[Asked, ...] = ()
    checks: tuple[Check, ...] = ()
    tables: tuple[str, ...] = ()
    hurdles: int = 0

    @property
    def solution(self) -> tuple[ToolCall, ...]:
        """The calls, as a reference solution holds them."""
        return tuple(ToolCall(tool=step.tool, arguments=step.arguments) for step in self.steps)

    @property
    def tools(self) -> tuple[str, ...]:
        """The distinct tools, in the order of their first calls."""
        return tuple(dict.fromkeys(step.tool for step in self.steps))

    @property
    def signature(self) -> str:
        """What tells this walk from others: its calls and the rows that they are about."""
        calls = [(call.tool, sorted(call.arguments.items())) for call in self.solution]
        return repr((calls, [selector.keys for selector in self.selectors], [asked.label for asked in self.asked]))

    def task(self, task_id: str, instruction: str) -> AgentTask:
        """The agent task that asks for this walk in these words."""
        return AgentTask(
            id=task_id,
            instruction=instruction,
            kind=self.kind,
            solution=self.solution,
            answer=tuple(asked.value for asked in self.asked) if self.asked else None,
            checks=self.checks,
            conditions=tuple(dict.fromkeys(selector.condition for selector in self.selectors)),
            origin="walk",
        )
