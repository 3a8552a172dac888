"""What all environments of one world share: its initial bytes, its compiled tools, its tables and its gold states."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import apsw

from artifacts.agent_task import AgentTask
from artifacts.errors import UnknownName
from artifacts.toolset import Tool
from artifacts.verdict import Diagnostic
from artifacts.world import Clock, Draft, World
from containers.clock import set_now, start_of
from containers.compile_program import CompiledTool, check_problems, compile_tool
from containers.difference import Table, read_tables
from containers.initial_state import load_initial_state
from containers.prepare import Prepared, prepare
from containers.sandbox import FINAL, INITIAL, Guard, Mode, open_state

MAX_GOLDS = 4_096

_serial = itertools.count()


@dataclass(eq=False)
class Blueprint:
    """One world, ready to be forked any number of times, from any thread.

    Tools are compiled when they are first needed, once for all environments.
    """

    initial: bytes
    clock: Clock
    me: int
    tools: tuple[Tool, ...]
    tasks: tuple[AgentTask, ...]
    _by_name: dict[str, Tool] = field(init=False, repr=False)
    _by_id: dict[str, AgentTask] = field(init=False, repr=False)
    _compiled: dict[str, CompiledTool] = field(init=False, repr=False, default_factory=dict)
    _golds: dict[int, tuple[AgentTask, Any]] = field(init=False, repr=False, default_factory=dict)
    _referee: Any = field(init=False, repr=False, default=None)
    _lock: threading.RLock = field(init=False, repr=False, default_factory=threading.RLock)
    _workbench: tuple[apsw.Connection, Guard] | None = field(init=False, repr=False, default=None)
    _shared: apsw.Connection | None = field(init=False, repr=False, default=None)
    _tables: dict[str, Table] | None = field(init=False, repr=False, default=None)
    _listing: str = field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        self._by_name = {tool.name: tool for tool in self.tools}
        self._by_id = {task.id: task for task in self.tasks}
        self._shared_name = f"/worldloom-{id(self)}-{next(_serial)}"

    @classmethod
    def of(cls, source: Draft | World) -> Blueprint:
        """The blueprint of a draft or a world, tools and tasks optional; raises StatementFailed."""
        initial = load_initial_state(source.schema_sql, source.seed_sql, source.clock)
        return cls(initial, source.clock, source.me, source.tools, source.tasks)

    def tool(self, name: str) -> CompiledTool | None:
        """The compiled tool of that name, or None."""
        found = self._compiled.get(name)
        if found is None and name in self._by_name:
            with self._lock:
                found = compile_tool(self._by_name[name], self._prepare_tool)
                self._compiled[name] = found
        return found

    def task(self, task: AgentTask | str) -> AgentTask:
        """The task of that id, or the task itself; raises UnknownName."""
        if not isinstance(task, str):
            return task
        if task not in self._by_id:
            raise UnknownName(f"There is no task '{task[:40]}' in this world.", f"It has {', '.join(self._by_id) or 'none'}.")
        return self._by_id[task]

    def list_tools(self) -> list[dict[str, Any]]:
        """Name, description and input schema of every tool, as an agent sees them; a fresh copy each time."""
        if not self._listing:
            listing = [{"name": t.name, "description": t.description, "inputSchema": t.parameters} for t in self.tools]
            self._listing = json.dumps(listing)
        listed: list[dict[str, Any]] = json.loads(self._listing)
        return listed

    def compile_problems(self) -> tuple[Diagnostic, ...]:
        """Everything that is wrong with the statements of tools and checks, each prepared on the pinned SQLite."""
        with self._lock:
            tools = [problem for tool in self.tools for problem in compile_tool(tool, self._prepare_tool).problems]
            checks = [problem for task in self.tasks for problem in check_problems(task, self._prepare_check)]
        return (*tools, *checks)

    @property
    def tables(self) -> dict[str, Table]:
        """The tables of the world by name."""
        if self._tables is None:
            with self._lock:
                connection, guard = self._bench()
                guard.mode = Mode.HOST
                self._tables = {table.name: table for table in read_tables(connection, FINAL)}
        return self._tables

    @cached_property
    def column_names(self) -> frozenset[str]:
        """The names of all columns of all tables."""
        return frozenset(column for table in self.tables.values() for column in table.columns)

    def remember_gold(self, task: AgentTask, make: Callable[[], Any]) -> Any:
        """What `make` gives for this very task, made once."""
        known = self._golds.get(id(task))
        if known is None:  # the task is kept with its gold, so that no other object can get its id
            with self._lock:
                if len(self._golds) >= MAX_GOLDS:
                    self._golds.clear()
                known = (task, make())
                self._golds[id(task)] = known
        return known[1]

    def referee(self, make: Callable[[], Any]) -> Any:
        """The environment on which golds are made, one after the other; only `remember_gold` may lead here, with the lock held."""
        if self._referee is None:
            self._referee = make()
        return self._referee

    def attach_initial(self, connection: apsw.Connection) -> None:
        """Makes the initial state readable as `initial`; all environments share one copy of its pages."""
        with self._lock:
            if self._shared is None:
                self._shared = _share(self._shared_name, self.initial)
        connection.execute(f"ATTACH 'file:{self._shared_name}?vfs=memdb&mode=ro' AS {INITIAL}")

    def _bench(self) -> tuple[apsw.Connection, Guard]:
        """The connection on which statements are prepared; use it with the lock held."""
        if self._workbench is None:
            guard = Guard()
            connection = open_state(self.initial, guard)
            self.attach_initial(connection)
            self._workbench = connection, guard
        set_now(start_of(self.clock))
        return self._workbench

    def _prepare_tool(self, sql: str) -> Prepared:
        return prepare(*self._bench(), sql, Mode.TOOL)

    def _prepare_check(self, sql: str) -> Prepared:
        return prepare(*self._bench(), sql, Mode.CHECK)


def _share(name: str, initial: bytes) -> apsw.Connection:
    """A database in memory that other connections of this process can attach by name while this one is open."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    source = apsw.Connection(":memory:")
    source.deserialize("main", initial)
    shared = apsw.Connection(f"file:{name}?vfs=memdb", flags=flags)
    with shared.backup("main", source, "main") as copy:
        copy.step(-1)
    source.close()
    return shared
