"""A world's bundle, format 1: a folder of seven files named by the world's id (docs/format.md is its page)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

from artifacts.agent_task import AgentTask
from artifacts.errors import InvalidBundle, UnsupportedFormat
from artifacts.files import Files, files_at, refused
from artifacts.identity import digest_of, digest_of_bytes
from artifacts.page import readme
from artifacts.pretty import pretty_bytes
from artifacts.recipe import Recipe
from artifacts.scenario import Scenario
from artifacts.shape import shape_of
from artifacts.toolset import Tool
from artifacts.verdict import Verdict
from artifacts.world import FORMAT, Clock, World

HEAD = "world.json"
BODY = ("schema.sql", "seed.sql", "tools.json", "tasks.json", "report.json", "README.md")
"""Every file but `world.json`, in the order in which they are written."""


class HeadFields(TypedDict):
    """What `world.json` alone says of a world."""

    format: int
    scenario: Scenario
    recipe: Recipe
    clock: Clock
    me: int
    sqlite_min: str
    intentions: tuple[str, ...]


MAX_FILE_BYTES = 64 * 1024 * 1024
"""A larger file is refused unread."""

_TOOLS: TypeAdapter[tuple[Tool, ...]] = TypeAdapter(tuple[Tool, ...])
_TASKS: TypeAdapter[tuple[AgentTask, ...]] = TypeAdapter(tuple[AgentTask, ...])
_REPORT: TypeAdapter[tuple[Verdict, ...]] = TypeAdapter(tuple[Verdict, ...])
_HEAD: TypeAdapter[HeadFields] = TypeAdapter(HeadFields)
_HEAD_FIELDS = tuple(HeadFields.__annotations__)


def counts_of(world: World) -> dict[str, int]:
    """How much a world holds: tables, rows of the initial state, tools, tasks.

    Raises InvalidBundle where the schema or the seed does not load.
    """
    tables = shape_of(world.schema_sql, world.seed_sql)
    return {"tables": len(tables), "rows": sum(t.rows for t in tables), "tools": len(world.tools), "tasks": len(world.tasks)}


def bundle_files(world: World) -> dict[str, bytes]:
    """The seven files of a bundle, name to bytes, `world.json` last; the same world gives the same bytes."""
    body = {**_content_files(world), "README.md": readme(world).encode()}
    files = {name: digest_of_bytes(body[name]) for name in BODY}
    return {**body, HEAD: pretty_bytes(_head(world, counts_of(world), files))}


def write_bundle(world: World, into: str | Path) -> str:
    """Writes a world into `<into>/<id>/`, whole or not at all, and gives that path or URL; a bundle already there is kept.

    Raises Unwritable where the place refuses to be written, InvalidBundle where a damaged bundle is in the way.
    """
    return put_bundle(files_at(str(into)), world.id, world)


def put_bundle(files: Files, path: str, world: World) -> str:
    """Writes a world into the folder `path` of a root; see `write_bundle`."""
    where = files.locate(path)
    try:
        files.write_folder(path, bundle_files(world))
    except FileExistsError:
        if get_bundle(files, path).digest != world.digest:
            raise InvalidBundle(f"{where} holds another world.", "Move it away and run again.") from None
    except (OSError, NotImplementedError) as problem:
        raise refused(where, problem) from problem
    return where


def read_bundle(path: str | Path) -> World:
    """The world of a bundle's folder or URL, every hash and the digest verified.

    Raises InvalidBundle naming the file that is missing, extra, edited or not well formed; UnsupportedFormat for a newer format.
    """
    return get_bundle(files_at(str(path)), "")


def get_bundle(files: Files, path: str) -> World:
    """The world in the folder `path` of a root; see `read_bundle`."""
    where = files.locate(path)
    prefix = f"{path}/" if path else ""
    head_bytes = _read_file(files, prefix, HEAD)
    head = _head_of(where, head_bytes)
    _expect_names(where, files.names(path))
    body = {name: _read_file(files, prefix, name) for name in BODY}
    try:
        _expect_seal(where, head)
        _expect_hashes(where, head, body)
        world = _world_of(where, head, body)
        _expect_identity(where, world, head, head_bytes, body)
    except (ValueError, RecursionError) as problem:  # NaN, lone surrogates, JSON nested without end
        raise InvalidBundle(f"{where}: a file is not well formed: {problem}.", _EDITED) from problem
    return world


def tools_bytes(tools: tuple[Tool, ...]) -> bytes:
    """`tools.json`: the toolset as a person reads it."""
    return pretty_bytes([tool.canonical() for tool in tools])


def report_bytes(report: tuple[Verdict, ...]) -> bytes:
    """`report.json`: every verdict, in the gates' order."""
    return pretty_bytes([verdict.canonical() for verdict in report])


def _content_files(world: World) -> dict[str, bytes]:
    return {
        "schema.sql": world.schema_sql.encode(),
        "seed.sql": world.seed_sql.encode(),
        "tools.json": tools_bytes(world.tools),
        "tasks.json": pretty_bytes([task.canonical() for task in world.tasks]),
        "report.json": report_bytes(world.report),
    }


def _head(world: World, counts: Mapping[str, int], files: Mapping[str, str]) -> dict[str, Any]:
    head = {
        "format": world.format,
        "id": world.id,
        "digest": world.digest,
        "scenario": world.scenario.canonical(),
        "recipe": world.recipe.canonical(),
        "counts": dict(counts),
        "clock": world.clock.canonical(),
        "me": world.me,
        "sqlite_min": world.sqlite_min,
        "intentions": list(world.intentions),
        "files": dict(files),
    }
    return {**head, "seal": digest_of(head)}


def _read_file(files: Files, prefix: str, name: str) -> bytes:
    where = files.locate(prefix + name)
    try:
        size = files.size(prefix + name)
        if size is None:
            raise InvalidBundle(f"{where} is missing.", "A bundle is a folder with world.json and six more files.")
        if size > MAX_FILE_BYTES:
            raise InvalidBundle(f"{where} is too large ({size:,} bytes).", f"A bundle's file holds at most {MAX_FILE_BYTES:,} bytes.")
        return files.read(prefix + name)
    except OSError as problem:
        raise InvalidBundle(f"{where} cannot be read: {problem.strerror or problem}.") from problem


def _json(where: str, name: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise InvalidBundle(f"{where}: {name} is not JSON: {problem}.", _EDITED) from problem


def _head_of(where: str, data: bytes) -> dict[str, Any]:
    head = _json(where, HEAD, data)
    number = head.get("format") if isinstance(head, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidBundle(f"{where}: world.json names no format.", _EDITED)
    if number != FORMAT:
        hint = "Upgrade Worldloom to read it." if number > FORMAT else "Write it again with this version."
        raise UnsupportedFormat(f"{where} is a bundle of format {number}; this version reads format {FORMAT}.", hint)
    return dict(head)


def _expect_names(where: str, names: tuple[str, ...]) -> None:
    expected = {HEAD, *BODY}
    for name in sorted(expected - set(names)):
        raise InvalidBundle(f"{where}: {name} is missing.", _EDITED)
    for name in sorted(set(names) - expected):
        raise InvalidBundle(f"{where}: {name} does not belong to a bundle.", "Move it elsewhere.")


def _expect_seal(where: str, head: Mapping[str, Any]) -> None:
    if head.get("seal") != digest_of({key: value for key, value in head.items() if key != "seal"}):
        raise InvalidBundle(f"{where}: world.json was edited: its seal does not hold.", _EDITED)


def _expect_hashes(where: str, head: Mapping[str, Any], body: Mapping[str, bytes]) -> None:
    stated = head.get("files")
    if not isinstance(stated, dict) or set(stated) != set(BODY):
        raise InvalidBundle(f"{where}: world.json does not list the six other files.", _EDITED)
    for name, data in body.items():
        if stated[name] != digest_of_bytes(data):
            raise InvalidBundle(f"{where}: {name} was edited: its SHA-256 is not the one in world.json.", _EDITED)


def _world_of(where: str, head: Mapping[str, Any], body: Mapping[str, bytes]) -> World:
    def part(name: str, kind: TypeAdapter[Any]) -> Any:
        return _valid(where, name, kind, _json(where, name, body[name]))

    return World(
        **_valid(where, HEAD, _HEAD, {key: head.get(key) for key in _HEAD_FIELDS}),
        schema_sql=_text(where, "schema.sql", body),
        seed_sql=_text(where, "seed.sql", body),
        tools=part("tools.json", _TOOLS),
        tasks=part("tasks.json", _TASKS),
        report=part("report.json", _REPORT),
    )


def _valid(where: str, name: str, kind: TypeAdapter[Any], value: Any) -> Any:
    try:
        return kind.validate_python(value)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise InvalidBundle(f"{where}: {name} is not as the format asks: {place}: {first['msg']}.", _EDITED) from problem


def _text(where: str, name: str, body: Mapping[str, bytes]) -> str:
    try:
        return body[name].decode()
    except UnicodeDecodeError as problem:
        raise InvalidBundle(f"{where}: {name} is not UTF-8: {problem}.", _EDITED) from problem


def _expect_identity(where: str, world: World, head: Mapping[str, Any], head_bytes: bytes, body: Mapping[str, bytes]) -> None:
    """The files say nothing more and nothing else than the world that was read from them."""
    if head.get("digest") != world.digest:
        raise InvalidBundle(f"{where}: the digest in world.json is not the digest of its content.", _EDITED)
    for name, data in _content_files(world).items():
        if data != body[name]:
            raise InvalidBundle(f"{where}: {name} is not in the one form that the format allows.", _EDITED)
    counts: dict[str, int] = head.get("counts", {})
    if not _plausible(counts, world) or pretty_bytes(_head(world, counts, head["files"])) != head_bytes:
        raise InvalidBundle(f"{where}: world.json is not in the one form that the format allows.", _EDITED)


def _plausible(counts: Any, world: World) -> bool:
    """Whether the counts are four whole numbers and right where no database is needed; an audit loads it and counts the rest."""
    if not isinstance(counts, dict) or list(counts) != ["tables", "rows", "tools", "tasks"]:
        return False
    whole = all(type(number) is int and number >= 0 for number in counts.values())
    return whole and counts["tools"] == len(world.tools) and counts["tasks"] == len(world.tasks)


_EDITED = "A sealed world is never changed: fetch it or build it again."
