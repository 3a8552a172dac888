"""Durable files: the same seven operations on a folder and on an fsspec URL."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from artifacts.errors import InvalidInput, UnknownName
from artifacts.files import Files, LocalFiles, files_at, local_path, make_folder, refused, scheme_of
from artifacts.remote import RemoteFiles


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return files_at(str(tmp_path / "root") if request.param == "local" else f"memory://{uuid.uuid4().hex}/root")


def test_nothing_is_there_at_first(root: Files) -> None:
    assert root.names("") == ()
    assert root.names("deep/er") == ()
    assert root.size("a") is None
    with pytest.raises(FileNotFoundError):
        root.read("a")


def test_what_is_written_is_read_and_listed(root: Files) -> None:
    root.write("a/b/two.txt", b"2")
    root.write("a/b/one.txt", b"1")
    root.write("a/b/one.txt", b"11")
    assert root.read("a/b/one.txt") == b"11"
    assert root.size("a/b/one.txt") == 2
    assert root.size("a/b") is None
    assert root.names("a/b") == ("one.txt", "two.txt")
    assert root.names("a") == ("b",)


def test_creating_is_for_the_first_alone(root: Files) -> None:
    root.create("n/1.json", b"first")
    with pytest.raises(FileExistsError):
        root.create("n/1.json", b"second")
    assert root.read("n/1.json") == b"first"
    assert root.names("n") == ("1.json",)


def test_a_folder_is_written_once(root: Files) -> None:
    root.write_folder("w/one", {"a": b"1", "world.json": b"2"})
    with pytest.raises(FileExistsError):
        root.write_folder("w/one", {"a": b"3", "world.json": b"4"})
    assert root.names("w") == ("one",)
    assert root.read("w/one/a") == b"1"


def test_a_half_written_remote_folder_is_written_again() -> None:
    root = files_at(f"memory://{uuid.uuid4().hex}")
    root.write("w/one/a", b"half")
    root.write_folder("w/one", {"a": b"1", "world.json": b"2"})
    assert root.read("w/one/a") == b"1"


def test_unfinished_names_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".tmp-x").mkdir()
    (tmp_path / "kept").touch()
    assert files_at(str(tmp_path)).names("") == ("kept",)


def test_places_are_told_as_people_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_path("./loom/../x") == tmp_path / "x"
    assert local_path("~/loom") == tmp_path / "loom"
    assert local_path(f"file://{tmp_path}/loom") == tmp_path / "loom"
    assert local_path("s3://bucket/loom") is None
    assert [scheme_of(url) for url in ("loom", "S3://b", "memory://x", "/a:b", "simplecache::s3://b")] == [
        *("file", "s3", "memory", "file", "simplecache")
    ]
    assert files_at("memory://x/y/").locate("z") == "memory://x/y/z"
    assert isinstance(files_at("loom"), LocalFiles)
    assert isinstance(files_at("memory://loom"), RemoteFiles)


@pytest.mark.parametrize(
    ("url", "hint"), [("memry://x", "Did you mean memory"), ("s4://bucket", "s3"), ("qqqqqqqq://x", "Use a folder"), ("htp://x", "http")]
)
def test_an_unknown_scheme_gets_the_nearest_names(url: str, hint: str) -> None:
    with pytest.raises(UnknownName, match="Unknown store scheme") as told:
        files_at(url)
    assert hint in told.value.hint


def test_a_scheme_whose_package_is_missing_is_said() -> None:
    with pytest.raises(UnknownName, match="needs a package that is not installed") as told:
        files_at("dropbox://x")
    assert told.value.hint


@pytest.mark.parametrize("path", ["a\0b", "~nobody-of-that-name/loom"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="is not a path"):
        files_at(path)


def test_new_folders_are_made_durable_from_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    make_folder(tmp_path / "a" / "b")
    assert set(synced) == {str(tmp_path), str(tmp_path / "a")}


def test_refusals_are_one_clear_line() -> None:
    assert "a file stands where a folder should be" in refused("x", NotADirectoryError(20, "Not a directory")).message
    assert "Permission denied" in refused("x", PermissionError(13, "Permission denied")).message
    assert "can only be read" in refused("x", NotImplementedError()).message
    assert all(refused("x", problem).hint for problem in (OSError(), NotImplementedError(), FileExistsError()))
