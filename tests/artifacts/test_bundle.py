"""A bundle is written whole, read strictly, and never read when anything in it changed."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifacts.bundle import BODY, HEAD, bundle_files, counts_of, read_bundle, write_bundle
from artifacts.errors import InvalidBundle, UnsupportedFormat, Unwritable, UserError
from artifacts.identity import digest_of, digest_of_bytes
from artifacts.pretty import pretty_bytes
from artifacts.world import World

NAMES = (*BODY, HEAD)


@pytest.fixture
def bundle(world: World, tmp_path: Path) -> Path:
    """The small world, written."""
    return Path(write_bundle(world, tmp_path))


def reseal(bundle: Path, **changes: bytes) -> None:
    """Edits files as one who can compute every hash would."""
    head = json.loads((bundle / HEAD).read_bytes())
    del head["seal"]
    for name, data in changes.items():
        file = name.replace("_", ".")
        (bundle / file).write_bytes(data)
        head["files"][file] = digest_of_bytes(data)
    (bundle / HEAD).write_bytes(pretty_bytes({**head, "seal": digest_of(head)}))


def test_a_bundle_is_a_folder_of_seven_files_named_by_the_id(world: World, bundle: Path) -> None:
    assert bundle.name == world.id
    assert sorted(path.name for path in bundle.iterdir()) == sorted(NAMES)
    assert read_bundle(bundle) == world
    assert os.listdir(bundle.parent) == [world.id]


def test_the_head_says_what_the_design_asks(world: World, bundle: Path) -> None:
    head = json.loads((bundle / HEAD).read_bytes())
    assert list(head) == [
        *("format", "id", "digest", "scenario", "recipe", "counts", "clock", "me", "sqlite_min", "intentions", "files", "seal")
    ]
    assert head["counts"] == counts_of(world) == {"tables": 2, "rows": 5, "tools": 1, "tasks": 2}
    assert head["files"] == {name: digest_of_bytes((bundle / name).read_bytes()) for name in BODY}
    assert head["intentions"] == list(world.intentions)


def test_the_same_world_gives_the_same_bytes(world: World, make_world: Callable[..., World]) -> None:
    assert bundle_files(world) == bundle_files(make_world())
    assert bundle_files(world)[HEAD] != bundle_files(make_world(seed=1))[HEAD]


def test_sql_is_kept_to_the_byte(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world().model_copy(update={"schema_sql": "CREATE TABLE a(b);\r\n-- é\r\n", "seed_sql": ""})
    bundle = Path(write_bundle(world, tmp_path))
    assert (bundle / "schema.sql").read_bytes() == "CREATE TABLE a(b);\r\n-- é\r\n".encode()
    assert read_bundle(bundle).schema_sql == world.schema_sql


def test_writing_again_changes_nothing(world: World, bundle: Path) -> None:
    before = (bundle / HEAD).stat().st_ino
    assert write_bundle(world, bundle.parent) == str(bundle)
    assert (bundle / HEAD).stat().st_ino == before


def test_a_damaged_bundle_in_the_way_is_not_taken_for_the_world(world: World, bundle: Path) -> None:
    (bundle / "seed.sql").write_text("")
    with pytest.raises(InvalidBundle, match=r"seed\.sql was edited"):
        write_bundle(world, bundle.parent)


def test_another_world_in_the_way_is_said(world: World, make_world: Callable[..., World], bundle: Path, tmp_path: Path) -> None:
    other = Path(write_bundle(make_world(seed=1), tmp_path / "other"))
    other.rename(tmp_path / "moved")
    bundle.rename(tmp_path / "away")
    (tmp_path / "moved").rename(bundle)
    with pytest.raises(InvalidBundle, match="holds another world"):
        write_bundle(world, bundle.parent)


def test_a_bundle_may_be_renamed(world: World, bundle: Path) -> None:
    assert read_bundle(bundle.rename(bundle.with_name("mine"))) == world


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_edited_byte_is_read(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    original = _small_bundle()[name]
    place = data.draw(st.integers(0, len(original) - 1))
    edited = data.draw(
        st.one_of(
            st.integers(1, 255).map(lambda change: original[:place] + bytes([original[place] ^ change]) + original[place + 1 :]),
            st.just(original[:place] + original[place + 1 :]),
            st.binary(min_size=1, max_size=1).map(lambda extra: original[:place] + extra + original[place:]),
            st.just(original[:place]),
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        for other, content in _small_bundle().items():
            Path(folder, other).write_bytes(edited if other == name else content)
        if edited == original:
            read_bundle(folder)
            return
        with pytest.raises((InvalidBundle, UnsupportedFormat)) as told:
            read_bundle(folder)
    assert name in told.value.message or isinstance(told.value, UnsupportedFormat)
    assert told.value.hint


_SMALL: dict[str, bytes] = {}


def _small_bundle() -> dict[str, bytes]:
    return _SMALL


@pytest.fixture(autouse=True)
def _fill_small(world: World) -> None:
    if not _SMALL:
        _SMALL.update(bundle_files(world))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(name: str, bundle: Path) -> None:
    (bundle / name).unlink()
    with pytest.raises(InvalidBundle, match=f"{name} is missing"):
        read_bundle(bundle)


@pytest.mark.parametrize("extra", ["notes.txt", ".hidden", "sub"])
def test_an_extra_file_is_named(extra: str, bundle: Path) -> None:
    if extra == "sub":
        (bundle / extra).mkdir()
    else:
        (bundle / extra).write_text("x")
    with pytest.raises(InvalidBundle, match=f"{extra} does not belong"):
        read_bundle(bundle)


def test_no_bundle_at_all_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "nowhere" / "deep"):
        with pytest.raises(InvalidBundle, match=r"world\.json is missing"):
            read_bundle(path)


def test_a_pipe_or_a_folder_in_place_of_a_file_does_not_hang(bundle: Path) -> None:
    (bundle / "seed.sql").unlink()
    os.mkfifo(bundle / "seed.sql")
    with pytest.raises(InvalidBundle, match=r"seed\.sql is missing"):
        read_bundle(bundle)


def test_a_huge_file_is_refused_unread(bundle: Path) -> None:
    os.truncate(bundle / "seed.sql", 65 * 1024 * 1024)
    with pytest.raises(InvalidBundle, match=r"seed\.sql is too large"):
        read_bundle(bundle)


def test_a_newer_format_asks_for_an_upgrade(bundle: Path) -> None:
    (bundle / HEAD).write_text('{"format": 2, "anything": "else"}')
    with pytest.raises(UnsupportedFormat, match=r"format 2; this version reads format 1.*Upgrade"):
        read_bundle(bundle)


@pytest.mark.parametrize(
    "head",
    [b"", b"{", b"[]", b"null", b'{"format": "1"}', b'{"format": true}', b'{"format": 1}', b"\xff", b"[" * 100_000, b'{"format": 0}'],
)
def test_a_head_that_is_none_is_refused(head: bytes, bundle: Path) -> None:
    (bundle / HEAD).write_bytes(head)
    with pytest.raises(UserError, match=r"world\.json|format 0"):
        read_bundle(bundle)


HOSTILE: dict[str, dict[str, bytes]] = {
    "deep": {"tools_json": b"[" * 100_000 + b"]" * 100_000},
    "deep arguments": {"tasks_json": b'[{"x":' * 5_000 + b"1" + b"}]" * 5_000},
    "a number without end": {"tools_json": b"1" * 10_000},
    "not UTF-8": {"schema_sql": b"\xff\xfe"},
    "not a list": {"tools_json": b'{"name": "x"}\n'},
    "a wrong field": {"tasks_json": b'[{"id": "t01"}]\n'},
    "NaN": {"report_json": b'[{"verdict": "pass", "gate": "g", "figures": {"a": NaN}}]\n'},
    "a lone surrogate": {"report_json": b'[{"verdict": "pass", "gate": "\\ud800", "figures": {"a": "\\ud800"}}]\n'},
    "a key twice": {"report_json": b'[{"verdict": "pass", "gate": "g", "gate": "g", "figures": {}}]\n'},
    "other spacing": {"report_json": b'[ {"verdict":"pass","gate":"g","figures":{}} ]'},
    "another tool": {"tools_json": b"[]\n"},
    "another seed": {"seed_sql": b"DELETE FROM users;\n"},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_edits_that_mend_the_hashes_are_refused_too(what: str, bundle: Path) -> None:
    reseal(bundle, **HOSTILE[what])
    with pytest.raises(InvalidBundle):
        read_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [
        *({"me": 2}, {"intentions": []}, {"scenario": {}}, {"files": {}}, {"id": "other-000000000000"}, {"x": 1}, {"digest": "0" * 64}),
        *({"counts": {}}, {"counts": None}, {"counts": {"tables": 2, "rows": 5, "tools": 2, "tasks": 2}}),
        *({"counts": {"tables": 2, "rows": -1, "tools": 1, "tasks": 2}}, {"counts": {"tables": 2, "rows": True, "tools": 1, "tasks": 2}}),
    ],
)
def test_edits_of_the_head_that_mend_the_seal_are_refused_too(change: dict[str, Any], bundle: Path) -> None:
    head = {**json.loads((bundle / HEAD).read_bytes()), **change}
    del head["seal"]
    (bundle / HEAD).write_bytes(pretty_bytes({**head, "seal": digest_of(head)}))
    with pytest.raises(InvalidBundle):
        read_bundle(bundle)


def test_the_right_file_is_blamed(bundle: Path) -> None:
    head = (bundle / HEAD).read_bytes()
    hash_of_seed = digest_of_bytes((bundle / "seed.sql").read_bytes()).encode()
    (bundle / HEAD).write_bytes(head.replace(hash_of_seed, b"0" * 64))
    with pytest.raises(InvalidBundle, match=r"world\.json was edited: its seal"):
        read_bundle(bundle)
    (bundle / HEAD).write_bytes(head)
    reseal(bundle, tools_json=b"[]\n")
    with pytest.raises(InvalidBundle, match=r"the digest in world\.json is not the digest of its content"):
        read_bundle(bundle)


def test_a_world_whose_database_does_not_load_is_not_written(world: World, tmp_path: Path) -> None:
    for field in ("schema_sql", "seed_sql"):
        broken = world.model_copy(update={field: "CREATE TABLE broken("})
        with pytest.raises(InvalidBundle, match=f"{field[:-4]}.sql does not load: .*incomplete"):
            write_bundle(broken, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sql", ["ATTACH '{0}/x.db' AS x", "VACUUM INTO '{0}/x.db'"])
def test_counting_reaches_no_file(sql: str, world: World, tmp_path: Path) -> None:
    with pytest.raises(InvalidBundle, match="does not load"):
        counts_of(world.model_copy(update={"seed_sql": sql.format(tmp_path)}))
    assert list(tmp_path.iterdir()) == []


def test_counting_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifacts.shape.STEP_BUDGET", 1_000_000)
    forever = "INSERT INTO users(name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n;"
    with pytest.raises(InvalidBundle, match="interrupted"):
        counts_of(world.model_copy(update={"seed_sql": forever}))


@pytest.mark.parametrize("step", range(1, 10))
def test_a_write_that_breaks_off_leaves_nothing(step: int, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(1, 1_000))
    sync = os.fsync

    def full_disk(handle: int) -> None:
        if next(calls) == step:
            raise OSError(28, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full_disk)
    target = tmp_path / "worlds"
    target.mkdir()
    if step <= 8:  # seven files and their folder; the ninth comes after the rename
        with pytest.raises(Unwritable, match="No space left"):
            write_bundle(world, target)
        assert list(target.iterdir()) == []
    monkeypatch.undo()
    assert read_bundle(write_bundle(world, target)) == world


def test_a_remote_bundle_has_its_head_written_last(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    order: list[str] = []
    pipe: Any = MemoryFileSystem.pipe_file

    def noted(self: MemoryFileSystem, path: str, *rest: Any, **more: Any) -> None:
        order.append(path.rpartition("/")[2])
        pipe(self, path, *rest, **more)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", noted)
    url = write_bundle(world, "memory://bundles/here")
    assert order == [*BODY, HEAD]
    assert read_bundle(url) == world
    write_bundle(world, "memory://bundles/here")
    assert len(order) == 7
