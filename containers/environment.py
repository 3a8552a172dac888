"""The environment in this process: a world that runs, one connection each, forked in a fraction of a millisecond."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import apsw

from artifacts.agent_task import AgentTask
from artifacts.errors import EnvironmentFault, InvalidInput
from artifacts.observation import Observation, RowChange, Score
from containers.arguments import WrongArgument, shown
from containers.blueprint import Blueprint
from containers.clock import Instant, instant, set_now
from containers.compile_program import CompiledTool
from containers.constraints import explain_constraint
from containers.difference import changes_of, json_value, state_digest
from containers.initial_state import reason_of
from containers.program import Call, Scope, perform_all
from containers.results import ToolFailed
from containers.sandbox import CHECK_FLAGS, FINAL, INITIAL, QUERY_FLAGS, Guard, Mode, open_state
from containers.scoring import Gold, gold_of, score

__all__ = ["Blueprint", "Environment"]

_TROUBLES = (ToolFailed, EnvironmentFault, apsw.Error, ValueError, OverflowError, MemoryError, RecursionError)
_BROKEN = Observation(None, "environment_error", "The environment failed; this is not your fault.")


class Environment:
    """One running instance of a world, for one thread at a time.

    An episode is one open transaction: `reset` rolls it back. `faults` are the failures of the environment itself since then.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.faults: list[str] = []
        self._calls = 0
        self._kept: list[tuple[CompiledTool, Scope, Instant]] = []
        self._closed = False
        self._guard = Guard()
        self._guard.recording = True
        self._connection = open_state(blueprint.initial, self._guard)
        self._cursor = self._connection.cursor()
        self._initial_attached = False
        self._session: apsw.Session | None = None
        self._begin()

    @classmethod
    def fork(cls, blueprint: Blueprint) -> Environment:
        """A fresh environment in the initial state."""
        return cls(blueprint)

    def copy(self) -> Environment:
        """Another environment in this one's state, clock and faults included: the calls that changed something are done again."""
        twin = Environment.fork(self.blueprint)
        for tool, scope, moment in self._kept:
            bound = dict(scope)
            twin._perform(tool, bound, moment)
            twin._kept.append((tool, bound, moment))
        twin._calls = self._calls
        twin.faults.extend(self.faults)
        return twin

    def _begin(self) -> None:
        self._cursor.execute("BEGIN")

    def reset(self) -> None:
        """Back to the initial state, the clock included."""
        self._guard.mode = Mode.HOST
        if self._connection.in_transaction:
            self._cursor.execute("ROLLBACK")
        if self._session is not None:
            self._session.close()
            self._session = None
        self._begin()
        self._calls = 0
        self._kept.clear()
        self.faults.clear()

    @property
    def today(self) -> str:
        """The world's day, `YYYY-MM-DD`."""
        return self.blueprint.clock.start[:10]

    def list_tools(self) -> list[dict[str, Any]]:
        """Name, description and inputSchema of every tool; never a program or an example."""
        return self.blueprint.list_tools()

    def call_tool(self, name: str, arguments: object = None) -> Observation:
        """The tool's result or a short error with the state unchanged; never raises, whatever the arguments."""
        if self._closed:
            return _BROKEN
        moment = instant(self.blueprint.clock.start, self._calls * self.blueprint.clock.step_seconds)
        self._calls += 1
        tool = self.blueprint.tool(name) if type(name) is str else None
        if tool is None:
            return Observation(None, "unknown_tool", f"There is no tool {shown(name)}.")
        if tool.problems:
            return self._fault(f"{name}: {tool.problems[0].line()}")
        try:
            scope = tool.check(arguments)
        except WrongArgument as wrong:
            return Observation(None, "invalid_arguments", str(wrong))
        scope["me"], scope["now"], scope["today"] = self.blueprint.me, moment.now, moment.today
        return self._call(tool, scope, moment)

    def _call(self, tool: CompiledTool, scope: Scope, moment: Instant) -> Observation:
        """One call, done whole or not at all."""
        try:
            result = self._perform(tool, scope, moment)
        except _TROUBLES as trouble:
            self._undo(tool)
            return self._explain(tool, trouble)
        if tool.writes:
            self._kept.append((tool, scope, moment))
        return Observation(result)

    def _perform(self, tool: CompiledTool, scope: Scope, moment: Instant) -> Any:
        """The program's result, its changes kept; a savepoint is left open when it raises."""
        guard, cursor = self._guard, self._cursor
        call = Call(self._connection, cursor)
        set_now(moment)
        self._connection.set_last_insert_rowid(0)  # no call sees what an earlier one inserted, other than in the rows
        if not tool.writes:
            guard.mode, guard.ticks = Mode.TOOL, 0
            return perform_all(tool.operations, call, scope)
        self._watch()
        guard.mode = Mode.HOST
        cursor.execute("SAVEPOINT call")
        guard.mode, guard.ticks = Mode.TOOL, 0
        result = perform_all(tool.operations, call, scope)
        if self._connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:
            raise ToolFailed("constraint", "foreign key: it refers to something that does not exist.")
        guard.mode = Mode.HOST
        cursor.execute("RELEASE call")
        return result

    def _watch(self) -> None:
        """Records changes from the first call that may write on."""
        if self._session is None:
            self._session = apsw.Session(self._connection, FINAL)
            self._session.attach()

    def _undo(self, tool: CompiledTool) -> None:
        self._guard.mode = Mode.HOST
        if not self._connection.in_transaction:
            self._restore()
        elif tool.writes:
            self._cursor.execute("ROLLBACK TO call")
            self._cursor.execute("RELEASE call")

    def _restore(self) -> None:
        """SQLite rolls the whole episode back when it stops a change half-way; the calls kept so far are done again."""
        self._begin()
        for tool, scope, moment in self._kept:
            self._perform(tool, scope, moment)  # names bound by the first time are bound again before any step reads them

    def _explain(self, tool: CompiledTool, trouble: Exception) -> Observation:
        if isinstance(trouble, ToolFailed):
            return Observation(None, trouble.code, trouble.message)
        if isinstance(trouble, apsw.ConstraintError):
            return Observation(None, "constraint", explain_constraint(trouble, self.blueprint.column_names))
        if isinstance(trouble, apsw.InterruptError):
            return Observation(None, "too_large", "This call takes too many steps; ask for less.")
        if isinstance(trouble, apsw.TooBigError | apsw.FullError | MemoryError) or "integer overflow" in str(trouble):
            return Observation(None, "too_large", "A value became too large; ask for less.")
        return self._fault(f"{tool.name}: {trouble}")

    def _fault(self, detail: str) -> Observation:
        self.faults.append(detail)
        return _BROKEN

    def score(self, task: AgentTask | str, answer: object = None) -> Score:
        """The judgement of the present state and an answer; raises UnknownName for a task id that does not exist."""
        found = self.blueprint.task(task)
        gold = self.blueprint.remember_gold(found, lambda: self._gold(found))
        return score(self, gold, found, answer, self.blueprint.tables)

    def _gold(self, task: AgentTask) -> Gold:
        """Made on one environment that a blueprint keeps for this: its statements are prepared once for all tasks."""
        referee: Environment = self.blueprint.referee(lambda: Environment.fork(self.blueprint))
        referee.reset()
        return gold_of(referee, task)

    def difference(self) -> tuple[RowChange, ...]:
        """Every row that differs from the initial state, by table and primary key."""
        if self._session is None:
            return ()
        tables = self.blueprint.tables
        if any(table.weak for table in tables.values()):
            self._attach_initial()
        self._guard.mode = Mode.HOST
        return changes_of(self._connection, self._session, tables)

    def _attach_initial(self) -> None:
        """Only where a statement reads it: a second schema costs every environment some 100 KB."""
        if not self._initial_attached:
            self._guard.mode = Mode.HOST
            self.blueprint.attach_initial(self._connection)
            self._initial_attached = True

    @contextmanager
    def reading_backwards(self) -> Iterator[None]:
        """Inside, rows without an ORDER BY come in the reverse of their usual order; a result that then differs hangs on chance."""
        self._connection.config(apsw.SQLITE_DBCONFIG_REVERSE_SCANORDER, 1)
        try:
            yield
        finally:
            self._connection.config(apsw.SQLITE_DBCONFIG_REVERSE_SCANORDER, 0)

    def interrupt(self) -> None:
        """Stops the statement that runs now; the one thing that another thread may ask while a call is under way."""
        self._connection.interrupt()

    def state_digest(self) -> str:
        """SHA-256 over all tables' rows in primary-key order."""
        self._guard.mode = Mode.HOST
        return state_digest(self._connection, tuple(self.blueprint.tables.values()))

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows of a read-only statement, for authors and gates; `initial.` and `final.` are both there. Raises InvalidInput."""
        columns, rows = self._read(sql, parameters or {}, Mode.QUERY, QUERY_FLAGS)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def read_check(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a check's statement; raises InvalidInput."""
        return self._read(sql, parameters, Mode.CHECK, CHECK_FLAGS)[1]

    def _read(self, sql: str, parameters: dict[str, Any], mode: Mode, flags: int) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        if INITIAL in sql.lower():
            self._attach_initial()
        moment = instant(self.blueprint.clock.start, self._calls * self.blueprint.clock.step_seconds)
        scope = {"me": self.blueprint.me, "now": moment.now, "today": moment.today, **parameters}
        set_now(moment)
        self._guard.mode, self._guard.ticks, self._guard.denied = mode, 0, ""
        try:
            cursor = self._connection.execute(sql, scope, prepare_flags=flags)
            columns = _columns(cursor)
            rows = cursor.fetchall()
        except KeyError as unbound:
            raise InvalidInput(f"The query binds :{unbound.args[0]}, which has no value.") from unbound
        except (apsw.Error, TypeError, ValueError, OverflowError) as trouble:
            raise InvalidInput(f"The query cannot be run: {reason_of(trouble, self._guard)}.") from trouble
        finally:
            self._guard.mode = Mode.HOST
        return columns, [tuple(map(json_value, row)) for row in rows]

    def close(self) -> None:
        """Frees the connection; every later call is an environment error."""
        self._closed = True
        if self._session is not None:
            self._session.close()
            self._session = None
        self._cursor.close()
        self._connection.close()

    def __enter__(self) -> Environment:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _columns(cursor: apsw.Cursor) -> tuple[str, ...]:
    """The column names; none where there is no row, since SQLite is done by then."""
    try:
        return tuple(column[0] for column in cursor.get_description())
    except apsw.ExecutionCompleteError:
        return ()
