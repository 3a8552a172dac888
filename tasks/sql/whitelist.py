"""Which statements and functions are admitted, by where the SQL stands.

The authorizer of the sandbox holds the same line when a world runs; this list is what an author is told.
"""

from __future__ import annotations

from typing import Literal

from sqlglot import exp


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


Context = Literal["schema", "seed", "read", "write", "check", "trigger"]

KINDS: dict[Context, tuple[type[exp.Expr], ...]] = {
    "schema": (exp.Create,),
    "seed": (exp.Insert,),
    "read": (exp.Query,),
    "check": (exp.Query,),
    "write": (exp.Insert, exp.Update, exp.Delete),
    "trigger": (exp.Insert, exp.Update, exp.Delete, exp.Query),
}

EXPECTED: dict[Context, str] = {
    "schema": "CREATE TABLE, CREATE INDEX, CREATE VIEW or CREATE TRIGGER",
    "seed": "INSERT INTO … VALUES …",
    "read": "one SELECT",
    "check": "one SELECT that gives a single true or false",
    "write": "one INSERT, UPDATE or DELETE",
    "trigger": "INSERT, UPDATE, DELETE or SELECT RAISE(…)",
}

CREATED = ("TABLE", "INDEX", "VIEW")

FUNCTIONS = words(
    """
    abs avg ceil ceiling changes char coalesce concat concat_ws count cume_dist current_date current_time current_timestamp date
    datetime dense_rank exp first_value floor format glob group_concat hex if ifnull iif instr json json_array json_array_length
    json_each json_extract json_group_array json_group_object json_insert json_object json_patch json_quote json_remove
    json_replace json_set json_tree json_type json_valid julianday lag last_insert_rowid last_value lead length like likelihood
    likely ln log log10 log2 lower ltrim max median min mod nth_value ntile nullif octet_length percent_rank pow power printf
    quote raise rank replace round row_number rtrim sign sqrt strftime string_agg substr substring sum time timediff total trim
    trunc typeof unicode unixepoch unlikely upper
    """
)
"""SQLite's deterministic functions by name, the clock's included (it is the world's), and what has no effect outside the statement.

`changes` and `last_insert_rowid` belong to the environment's own connection and stay fixed by the calls before.
"""

NODES = words(
    """
    Abs And Any Avg Between Case Cast Ceil Chr Coalesce Concat ConcatWs Count CumeDist CurrentDate CurrentTime CurrentTimestamp
    Date Datetime DenseRank Exists Exp FirstValue Floor Format Glob Greatest GroupConcat Hex If JSON JSONArray JSONArrayAgg
    JSONArrayLength JSONBExtract JSONBExtractScalar JSONBObjectAgg JSONExtract JSONExtractArray JSONExtractScalar JSONFormat
    JSONKeyValue JSONObject JSONObjectAgg JSONRemove JSONSet JSONType JSONValid Lag LastValue Lead Least Left Length Like Ln Log
    Lower Max Median Min Mod NthValue Ntile Nullif Or ParseJSON PercentRank Pow Quote Rank Replace Right Round RowNumber Sign Sqrt
    StrPosition StrToUnix Stuff Substring Sum Time TimestampFromParts TimeToStr TimeToUnix Trim Trunc TryCast TsOrDsToDate
    TsOrDsToTimestamp Typeof Unhex Unicode UnixSeconds Upper Xor
    """
)
"""sqlglot's nodes for those functions; operators that sqlglot counts as functions are among them."""
