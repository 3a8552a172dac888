"""What all gates share about one draft: the initial bytes, one blueprint, one environment, and what each tool does."""

from __future__ import annotations

import threading
from functools import cached_property, lru_cache

from artifacts.agent_task import AgentTask
from artifacts.observation import RowChange
from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from artifacts.world import Clock, Draft
from containers.environment import Blueprint, Environment
from containers.initial_state import load_initial_state
from containers.reference import Replay, replay
from tasks.sql.catalog import Catalog
from tasks.sql.lineage import Usage, usage_of
from tasks.sql.scratch import catalog_of

_HELD = 3


@lru_cache(maxsize=16)
def initial_bytes(schema_sql: str, seed_sql: str, clock: Clock) -> bytes:
    """The serialized initial state; raises StatementFailed."""
    return load_initial_state(schema_sql, seed_sql, clock)


class Workbench:
    """A draft's tools ready to be called; for one thread. The environment is reset, never forked anew."""

    def __init__(self, draft: Draft, tools: tuple[Tool, ...]) -> None:
        self.draft = draft
        self.tools = tools
        self.blueprint = Blueprint(initial_bytes(draft.schema_sql, draft.seed_sql, draft.clock), draft.clock, draft.me, tools, ())
        self.probed: dict[str, object] = {}
        self.read: dict[str, tuple[AgentTask, tuple[Diagnostic, ...]]] = {}
        self.replayed: dict[str, tuple[AgentTask, Replay, tuple[RowChange, ...]]] = {}

    @cached_property
    def environment(self) -> Environment:
        """The one environment; callers reset it before they rely on its state."""
        return Environment.fork(self.blueprint)

    def reference(self, task: AgentTask) -> tuple[Replay, tuple[RowChange, ...]]:
        """What a task's reference solution gives and changes, replayed once."""
        known = self.replayed.get(task.id)
        if known is None or known[0] is not task:
            known = self.replayed[task.id] = (task, *self.replay(task))
        return known[1], known[2]

    def replay(self, task: AgentTask) -> tuple[Replay, tuple[RowChange, ...]]:
        """Replays a task's reference solution from the initial state."""
        self.environment.reset()
        return replay(self.environment, task.solution), self.environment.difference()

    @property
    def catalog(self) -> Catalog:
        """The schema's catalog."""
        return catalog_of(self.draft.schema_sql)

    @cached_property
    def usages(self) -> dict[str, Usage]:
        """What each tool reads, writes, takes and gives."""
        return {tool.name: usage_of(tool, self.draft.schema_sql) for tool in self.tools}

    @cached_property
    def initial_digest(self) -> str:
        """The digest of the initial state."""
        self.environment.reset()
        return self.environment.state_digest()

    def unchanged(self) -> bool:
        """Whether the environment is in the initial state."""
        return not self.environment.difference()

    def close(self) -> None:
        """Frees the environment, and what was found with it: some of that holds the workbench, which would else wait for the collector."""
        if "environment" in self.__dict__:
            self.environment.close()
        for found in (self.probed, self.read, self.replayed):
            found.clear()


_local = threading.local()


def workbench_of(draft: Draft, tools: tuple[Tool, ...] | None = None) -> Workbench:
    """The workbench of a draft with these tools (all of them by default); the last few of each thread are kept.

    Raises StatementFailed when schema or seed do not load.
    """
    chosen = draft.tools if tools is None else tools
    held: list[Workbench] = _local.__dict__.setdefault("held", [])
    for bench in held:
        if _same(bench, draft, chosen):
            return bench
    bench = Workbench(draft, chosen)
    held.insert(0, bench)
    for old in held[_HELD:]:
        old.close()
    del held[_HELD:]
    return bench


def _same(bench: Workbench, draft: Draft, tools: tuple[Tool, ...]) -> bool:
    one = bench.draft
    return (
        one.schema_sql == draft.schema_sql
        and one.seed_sql == draft.seed_sql
        and one.clock == draft.clock
        and one.me == draft.me
        and bench.tools == tools
    )
