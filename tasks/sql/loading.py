"""All failures of a schema and a seed, whatever state the schema is in."""

from __future__ import annotations

from functools import lru_cache

import apsw

from artifacts.errors import StatementFailed
from artifacts.world import Clock
from containers.initial_state import failed_statements


@lru_cache(maxsize=16)
def load_failures(schema_sql: str, seed_sql: str, clock: Clock) -> tuple[StatementFailed, ...]:
    """Every failed statement; a schema that SQLite cannot even check is one failure with the index -1."""
    try:
        return failed_statements(schema_sql, seed_sql, clock)
    except apsw.Error as error:
        return (StatementFailed(f"The database cannot be checked: {error}.", index=-1, statement=""),)
