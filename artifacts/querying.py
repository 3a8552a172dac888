"""SQL over a store: every table of a snapshot as a view of DuckDB's, read only where a query needs it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from artifacts.errors import InvalidInput, UnknownName
from artifacts.files import LocalFiles
from artifacts.snapshots import Snapshot, readable_parts
from artifacts.store import Store
from artifacts.tables import TABLES, Table, arrow_schema

if TYPE_CHECKING:
    import duckdb

_UNKNOWN_TABLE = re.compile(r"Table with name (\S+) does not exist")
_UNKNOWN_COLUMN = re.compile(r'Referenced column "([^"]+)" (?:was )?not found')


def connect(store: Store) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with a view for each table of the store's snapshot; projection and filters reach the files.

    Raises UnsupportedFormat for tables of a newer version, InvalidInput for a damaged snapshot or part.
    """
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    if not isinstance(store.files, LocalFiles):
        connection.register_filesystem(store.files.fs)  # type: ignore[attr-defined]  # a remote store's files have one
    snapshot = store.snapshot()
    try:
        for table in TABLES.values():
            _view(connection, store, snapshot, table)
    except duckdb.Error as problem:
        store.check_parts()
        raise explained(str(problem), "") from problem
    return connection


def _view(connection: Any, store: Store, snapshot: Snapshot, table: Table) -> None:
    """One table as a view; columns that came later than its parts are null, and the columns stand in their order."""
    connection.register(f"_{table.name}_columns", arrow_schema(table).empty_table())
    sources = [f"SELECT * FROM _{table.name}_columns"]
    parts = readable_parts(store.files, snapshot, table.name)
    if parts:
        paths = ", ".join("'" + store.files.locate(part.path).replace("'", "''") + "'" for part in parts)
        same = len({part.schema_version for part in parts}) == 1
        sources.append(f"SELECT * FROM read_parquet([{paths}], hive_partitioning = false, union_by_name = {not same})")
    connection.execute(f"CREATE VIEW {table.name} AS {' UNION ALL BY NAME '.join(sources)}")


def query(store: Store, sql: str) -> Any:
    """The result of one SQL query over a store's snapshot, as an Arrow table.

    Raises InvalidInput for SQL that DuckDB refuses and for a damaged part, UnknownName, with the nearest right name, for a table that is
    not there.
    """
    import duckdb

    with connect(store) as connection:
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1:
                raise InvalidInput(f"One query is asked for; there are {len(statements)}.", "Leave out what stands after the first ';'.")
            return connection.sql(sql).to_arrow_table()
        except duckdb.Error as problem:
            if not isinstance(problem, duckdb.ParserException | duckdb.CatalogException | duckdb.BinderException):
                store.check_parts()  # a file that cannot be read is not the query's fault
            raise explained(str(problem), sql) from problem


def explained(said: str, sql: str) -> InvalidInput | UnknownName:
    """What DuckDB said of a query, as one line and a hint."""
    unknown = _UNKNOWN_TABLE.search(said)
    if unknown:
        near = difflib.get_close_matches(unknown[1].lower(), TABLES, n=1, cutoff=0.4)
        meant = f"Did you mean {near[0]}? " if near else ""
        return UnknownName(f"There is no table '{unknown[1]}'.", f"{meant}The tables are {', '.join(TABLES)}.")
    column = _UNKNOWN_COLUMN.search(said)
    if column:
        names = {name: None for table in TABLES.values() if table.name in sql for c in table.columns for name in [c.name]}
        near = difflib.get_close_matches(column[1].lower(), names, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`DESCRIBE worlds` lists the columns of a table."
        return UnknownName(f"There is no column '{column[1]}'.", hint)
    line = said.splitlines()[0] if said else "no reason was given"
    return InvalidInput(f"The query cannot be run: {line}.".replace("..", "."), "The tables are listed in docs/manifests.md.")
