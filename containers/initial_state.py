"""The initial state: schema and seed run statement by statement into one serialized database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from artifacts.errors import StatementFailed
from artifacts.world import Clock
from containers.clock import set_now, start_of
from containers.sandbox import MAX_STATE_GROWTH, Guard, Mode, open_connection, refused_words, rows_of

_PIECES = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|;|[^;'\"`\[/-]+|.",
    re.DOTALL,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)


def split_statements(sql: str) -> tuple[str, ...]:
    """The whole statements of a text, without their closing `;`; comments, quotes and trigger bodies are respected."""
    return tuple(_statements(sql))


def _statements(sql: str) -> Iterator[str]:
    start = 0
    for piece in _PIECES.finditer(sql):
        if piece.group() != ";":
            continue
        text = sql[start : piece.end()]
        if _is_trigger(text) and not apsw.complete(text.replace("\0", " ")):  # NUL, which SQLite's test refuses, ends nothing
            continue
        start = piece.end()
        if _has_code(text[:-1]):
            yield text[:-1].strip()
    if _has_code(sql[start:]):
        yield sql[start:].strip()


def _is_trigger(text: str) -> bool:
    head = _COMMENT.sub(" ", text[:2000]).split(None, 3)[:3]
    return "TRIGGER" in (word.upper() for word in head)


def _has_code(text: str) -> bool:
    return bool(_COMMENT.sub(" ", text).strip(" \t\r\n;"))


def load_initial_state(schema_sql: str, seed_sql: str, clock: Clock) -> bytes:
    """The serialized database that schema and seed make, foreign keys on; raises StatementFailed at the first failure."""
    with _load(schema_sql, seed_sql, clock) as (connection, failures):
        for failure in failures:
            raise failure
        return connection.serialize("main")


def failed_statements(schema_sql: str, seed_sql: str, clock: Clock) -> tuple[StatementFailed, ...]:
    """Every failure of schema and seed, carrying on after each; problems of the whole database have the index -1."""
    with _load(schema_sql, seed_sql, clock) as (_, failures):
        return tuple(failures)


@contextmanager
def _load(schema_sql: str, seed_sql: str, clock: Clock) -> Iterator[tuple[apsw.Connection, Iterator[StatementFailed]]]:
    guard = Guard(Mode.LOAD)
    connection = open_connection(guard)
    try:
        yield connection, _failures(connection, guard, schema_sql, seed_sql, clock)
    finally:
        connection.close()


def _failures(connection: apsw.Connection, guard: Guard, schema_sql: str, seed_sql: str, clock: Clock) -> Iterator[StatementFailed]:
    set_now(start_of(clock))
    guard.mode = Mode.HOST
    connection.execute(f"PRAGMA max_page_count = {MAX_STATE_GROWTH // 4096}")
    connection.execute("BEGIN")
    schema, seed = split_statements(schema_sql), split_statements(seed_sql)
    yield from _run_all(connection, guard, schema, ("CREATE",))
    yield from _unresolved(connection, guard, schema)
    yield from _run_all(connection, guard, seed, ("INSERT", "REPLACE", "WITH"))
    guard.mode = Mode.HOST
    yield from _whole_problems(connection)
    yield from _commit(connection)


def _run_all(connection: apsw.Connection, guard: Guard, statements: tuple[str, ...], verbs: tuple[str, ...]) -> Iterator[StatementFailed]:
    guard.mode = Mode.LOAD
    for index, statement in enumerate(statements):
        reason = refused_words(statement) or _wrong_verb(statement, verbs) or _run(connection, guard, statement)
        if reason:
            yield StatementFailed(f"Statement {index + 1} failed: {reason}.", index=index, statement=statement)


def _wrong_verb(statement: str, verbs: tuple[str, ...]) -> str:
    verb = _COMMENT.sub(" ", statement).split(None, 1)[0].upper()
    return "" if verb in verbs else f"{verb[:40]} is not allowed here, only {' or '.join(verbs)}"


def _run(connection: apsw.Connection, guard: Guard, statement: str) -> str:
    guard.denied, guard.ticks = "", 0
    try:
        connection.execute(statement, can_cache=False).fetchall()
    except (apsw.Error, UnicodeError, ValueError) as trouble:
        return reason_of(trouble, guard)
    return ""


def reason_of(trouble: Exception, guard: Guard) -> str:
    """SQLite's message in one line; for a refusal, what was refused."""
    if isinstance(trouble, apsw.AuthError) or (guard.denied and "not authorized" in str(trouble)):
        return f"not allowed: {guard.denied or trouble}"
    if isinstance(trouble, apsw.InterruptError):
        return "it takes too many steps"
    return " ".join(str(trouble).split()).rstrip(".")


def _unresolved(connection: apsw.Connection, guard: Guard, schema: tuple[str, ...]) -> Iterator[StatementFailed]:
    """Views and triggers are only parsed when they are created; preparing a use of each resolves their names."""
    guard.mode = Mode.HOST
    for kind, name, table in rows_of(connection, "SELECT type, name, tbl_name FROM sqlite_schema WHERE type IN ('view', 'trigger')"):
        reasons = (_prepare(connection, guard, use) for use in _uses(connection, kind, name, table))
        reason = next((r for r in reasons if r), "")
        if reason:
            index = _creator(schema, kind, name)
            text = schema[index] if index >= 0 else ""
            yield StatementFailed(f"Statement {index + 1} failed: in {kind} {name}: {reason}.", index=index, statement=text)


def _uses(connection: apsw.Connection, kind: str, name: str, table: str) -> tuple[str, ...]:
    if kind == "view":
        return (f"SELECT * FROM {quoted(name)}",)
    columns = [row[0] for row in rows_of(connection, "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (table,))]
    settings = ", ".join(f"{quoted(c)} = {quoted(c)}" for c in columns)
    return f"INSERT INTO {quoted(table)} DEFAULT VALUES", f"UPDATE {quoted(table)} SET {settings}", f"DELETE FROM {quoted(table)}"


def _prepare(connection: apsw.Connection, guard: Guard, sql: str) -> str:
    guard.mode = Mode.HOST
    try:
        connection.execute(f"EXPLAIN {sql}", can_cache=False).fetchall()
    except apsw.Error as trouble:
        text = reason_of(trouble, guard)
        # A view without an INSTEAD OF trigger for this verb cannot be changed; that is no fault of the trigger.
        return "" if text.startswith("cannot modify") else text
    return ""


def _creator(schema: tuple[str, ...], kind: str, name: str) -> int:
    pattern = re.compile(rf"\b{kind}\s+(?:if\s+not\s+exists\s+)?[\"`\[]?{re.escape(name)}\b", re.IGNORECASE)
    return next((i for i, text in enumerate(schema) if pattern.search(text)), -1)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _whole_problems(connection: apsw.Connection) -> Iterator[StatementFailed]:
    for table, rowid, parent, _ in rows_of(connection, "PRAGMA foreign_key_check"):
        yield StatementFailed(f"Row {rowid} of {table} refers to a row of {parent} that does not exist.", index=-1, statement="")
    for (text,) in rows_of(connection, "PRAGMA integrity_check"):
        if text != "ok":
            yield StatementFailed(f"The database is not whole: {text}.", index=-1, statement="")


def _commit(connection: apsw.Connection) -> Iterator[StatementFailed]:
    try:
        connection.execute("COMMIT")
    except apsw.Error as trouble:
        yield StatementFailed(f"The rows cannot be committed: {trouble}.", index=-1, statement="")
