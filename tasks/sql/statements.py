"""Reading SQL: sqlglot's tree of a statement, its parameters, and whether it stands on the whitelist."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, TypeVar

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from artifacts.verdict import Diagnostic
from tasks.sql.whitelist import CREATED, EXPECTED, FUNCTIONS, KINDS, NODES, Context

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it warns of each statement that it keeps as plain text; we refuse those ourselves

MAX_SQL = 20_000
"""The longest statement of a schema, a tool or a check, in characters."""

_TABLE_OPTIONS = re.compile(r"\)\s*(?:(?:WITHOUT\s+ROWID|STRICT)\s*,?\s*)+;?\s*$", re.IGNORECASE)
_TRIGGER = re.compile(
    r"^\s*CREATE\s+TRIGGER\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"\[`]?(\w+)[\"\]`]?\s(.*?)\bBEGIN\b(.*)\bEND\s*;?\s*$", re.IGNORECASE | re.DOTALL
)
_OWN_FUNCTIONS = "SQLite's own deterministic functions are there, and no others."
_HIGHLIGHT = re.compile(r"\x1b\[[0-9;]*m")
_POSITION = re.compile(r"<Token token_type: (?:TokenType\.)?(\w+), text: (.*?), line: \d+.*?>")
_MISSING = re.compile(r"Required keyword: '\w+' missing for <class '[\w.]+'>")


class Parsed(NamedTuple):
    """One SQL text read by sqlglot; `tree` is shared and must not be changed. `problem` is empty when it could be read."""

    sql: str
    tree: exp.Expr | None
    problem: str = ""
    line: int = 1
    column: int = 1
    near: str = ""

    @property
    def at(self) -> str:
        """Where the problem is, for people."""
        return f"line {self.line}, column {self.column}"


@lru_cache(maxsize=1_000)
def parse_statement(sql: str) -> Parsed:
    """The tree of exactly one statement, or the reason why there is none, with its position."""
    try:
        trees = [t for t in sqlglot.parse(_TABLE_OPTIONS.sub(")", sql), dialect="sqlite") if t is not None]
    except ParseError as error:
        return _refused(sql, error)
    except (SqlglotError, RecursionError):
        line, text = _odd_quotes(sql)
        return Parsed(sql, None, "it cannot be split into words; look for a quote inside a text, which is written twice", line, 1, text)
    if len(trees) != 1:
        return Parsed(sql, None, "it is empty" if not trees else f"it holds {len(trees)} statements, one is expected")
    if isinstance(trees[0], exp.Command):
        return Parsed(sql, None, "its syntax is outside the accepted dialect", near=sql.strip()[:40])
    return Parsed(sql, trees[0])


def _refused(sql: str, error: ParseError) -> Parsed:
    detail = error.errors[0] if error.errors else {}
    message = _MISSING.sub("something is missing", _POSITION.sub(r"'\2'", str(detail.get("description") or _first_line(str(error)))))
    column = int(detail.get("col") or 1)
    return Parsed(
        sql, None, f"syntax error: {message.rstrip('.')}", int(detail.get("line") or 1), column, str(detail.get("highlight") or "")
    )


def _odd_quotes(sql: str) -> tuple[int, str]:
    """The first line with an odd number of single quotes, which is where a text is cut short; the first line where there is none."""
    lines = sql.splitlines() or [""]
    return next(((number, text.strip()[:80]) for number, text in enumerate(lines, 1) if text.count("'") % 2), (1, lines[0].strip()[:80]))


def _first_line(text: str) -> str:
    return _HIGHLIGHT.sub("", text).strip().splitlines()[0][:160] if text.strip() else "unreadable"


N = TypeVar("N", bound=exp.Expr)


@lru_cache(maxsize=1_000)
def _nodes(sql: str) -> tuple[exp.Expr, ...]:
    tree = parse_statement(sql).tree
    return tuple(tree.walk()) if tree is not None else ()


def nodes_of(sql: str, *kinds: type[N]) -> list[N]:
    """The nodes of these kinds in a statement's tree, breadth first; the tree is walked once, however often it is asked."""
    return [node for node in _nodes(sql) if isinstance(node, kinds)]


def parameters_of(tree: exp.Expr) -> tuple[str, ...]:
    """The names bound as `:name`, in order of appearance, without repeats."""
    return tuple(dict.fromkeys(str(node.this) for node in tree.find_all(exp.Placeholder) if node.this))


def position_of(node: exp.Expr) -> str:
    """The line and column of the first name inside a node, or an empty text."""
    for inner in node.walk():
        if "line" in inner.meta:
            return f"line {inner.meta['line']}, column {max(1, int(inner.meta['col']) - len(str(inner.name)) + 1)}"
    return ""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """A hint with the known names closest to a wrong one, or all of them when they are few."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=count, cutoff=0.55)
    chosen = [n for c in close for n in names if n.lower() == c] or (names if len(names) <= 14 else [])
    if not chosen:
        return ""
    return f"{'Did you mean' if close else 'There are'} {', '.join(dict.fromkeys(chosen))}{'?' if close else '.'}"


def function_name(node: exp.Expr) -> str:
    """The SQL name of a function node, in lower case."""
    return str(node.name if isinstance(node, exp.Anonymous) else getattr(node, "sql_name", lambda: type(node).__name__)()).lower()


def _admitted(node: exp.Expr) -> bool:
    return function_name(node) in FUNCTIONS if isinstance(node, exp.Anonymous) else type(node).__name__ in NODES


def statement_problems(sql: str, context: Context, place: str) -> tuple[Diagnostic, ...]:
    """What keeps one statement off the whitelist of its context; empty when it may be prepared."""
    return tuple(problem.model_copy(update={"place": place}) for problem in _problems(sql, context))


@lru_cache(maxsize=1_000)
def _problems(sql: str, context: Context, place: str = "") -> tuple[Diagnostic, ...]:
    if len(sql) > MAX_SQL and context != "seed":
        return (Diagnostic(code="sql.too_long", place=place, message=f"The statement has {len(sql)} characters; {MAX_SQL} are allowed."),)
    trigger = _TRIGGER.match(sql) if context == "schema" else None
    if trigger:
        return _trigger_problems(trigger, place)
    parsed = parse_statement(sql)
    if parsed.tree is None:
        near = f" near '{parsed.near}'" if parsed.near else ""
        hint = f"Write {EXPECTED[context]} in plain SQLite."
        return (
            Diagnostic(
                code="sql.syntax", place=place, message=f"The statement cannot be read: {parsed.problem} ({parsed.at}{near}).", hint=hint
            ),
        )
    return (*_kind_problems(parsed.tree, context, place), *_inner_problems(parsed.tree, place))


def _kind_problems(tree: exp.Expr, context: Context, place: str) -> tuple[Diagnostic, ...]:
    right = isinstance(tree, KINDS[context]) and not isinstance(tree, exp.Values)
    if isinstance(tree, exp.Create):
        plain = not (tree.args.get("properties") or tree.args.get("replace"))
        right = right and str(tree.kind).upper() in CREATED and (str(tree.kind).upper() == "VIEW" or not tree.expression) and plain
    if right:
        return ()
    words = _shown(tree)
    return (
        Diagnostic(
            code="sql.kind", place=place, message=f"'{words}…' is not allowed here.", hint=f"Here stands {EXPECTED[context]}, nothing else."
        ),
    )


def _shown(tree: exp.Expr) -> str:
    if not isinstance(tree, exp.Create):
        return " ".join(tree.sql(dialect="sqlite").split()[:3])
    made_of = " … AS SELECT" if str(tree.kind).upper() == "TABLE" and tree.expression else ""
    return f"CREATE {tree.kind}{made_of}"


def _inner_problems(tree: exp.Expr, place: str) -> tuple[Diagnostic, ...]:
    found = []
    for node in tree.walk():
        if isinstance(node, exp.Func) and not _admitted(node):
            name = "random" if isinstance(node, exp.Rand) else function_name(node)
            random = name in ("random", "randomblob")
            hint = "A world has no randomness; choose by an ORDER BY." if random else nearest(name, FUNCTIONS) or _OWN_FUNCTIONS
            found.append(Diagnostic(code="sql.function", place=place, message=f"The function {name}() is not available.", hint=hint))
        elif isinstance(node, (exp.Attach, exp.Pragma, exp.Detach)) or (isinstance(node, exp.Insert) and node is not tree):
            found.append(Diagnostic(code="sql.kind", place=place, message=f"{type(node).__name__.upper()} is not allowed here."))
        elif isinstance(node, exp.Placeholder) and not node.this:
            found.append(
                Diagnostic(
                    code="sql.positional", place=place, message="A bare ? is bound by position.", hint="Bind by name, as in :order_id."
                )
            )
        elif isinstance(node, exp.Parameter) or (isinstance(node, exp.Column) and node.name.startswith("$")):
            text = node.sql(dialect="sqlite")
            found.append(
                Diagnostic(code="sql.positional", place=place, message=f"{text} is not a parameter.", hint="Bind by name, as in :order_id.")
            )
    return tuple(dict.fromkeys(found))


def _trigger_problems(trigger: re.Match[str], place: str) -> tuple[Diagnostic, ...]:
    condition = re.search(r"\bWHEN\b(.*)$", trigger[2], re.IGNORECASE | re.DOTALL)
    head = statement_problems(f"SELECT {condition[1]}", "read", place) if condition else ()
    body = (part for part in split_body(trigger[3]) if part.strip())
    return (*head, *(d for part in body for d in statement_problems(part, "trigger", place)))


def split_body(body: str) -> tuple[str, ...]:
    """The statements of a trigger's body: cut at semicolons outside quotes."""
    parts = re.findall(r"(?:'(?:[^']|'')*'|\"[^\"]*\"|[^;'\"])+", body)
    return tuple(part.strip() for part in parts if part.strip())


def trigger_parts(sql: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Name, head and body statements of a CREATE TRIGGER, or None for any other statement."""
    found = _TRIGGER.match(sql)
    return (found[1], found[2], split_body(found[3])) if found else None


def created_object(sql: str) -> tuple[str, str] | None:
    """Kind ("table", "view", "index", "trigger") and name of what a CREATE statement makes; None when it cannot be told."""
    trigger = _TRIGGER.match(sql)
    if trigger:
        return "trigger", trigger[1]
    plain = re.match(
        r"\s*(?:--[^\n]*\n\s*)*CREATE\s+(?:TEMP\w*\s+)?(?:UNIQUE\s+)?(TABLE|VIEW|INDEX|TRIGGER)\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"\[`]?(\w+)",
        sql,
        re.IGNORECASE,
    )
    return (plain[1].lower(), plain[2]) if plain else None


def schema_place(sql: str) -> str:
    """The place of a schema's statement: "table:orders", "view:order_docs", …, or "schema"."""
    made = created_object(sql)
    return f"{made[0]}:{made[1]}" if made else "schema"
