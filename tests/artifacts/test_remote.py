"""An object store that fails at times, lists late, tears puts and does not say whether they were carried out."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from itertools import islice
from random import Random
from typing import Any, ClassVar, TypeVar

import pytest
from tenacity import wait_none

from artifacts import commits, remote
from artifacts.attempt import Attempt
from artifacts.errors import StoreUnavailable
from artifacts.fsck import check
from artifacts.remote import RemoteFiles, may_pass
from artifacts.rows import row_of_attempt, rows_of_draft
from artifacts.snapshots import numbers
from artifacts.store import Store, open_store
from artifacts.world import World

MakeAttempt = Callable[..., Attempt]
Answer = TypeVar("Answer")
Memory: Any = import_module("fsspec.implementations.memory").MemoryFileSystem  # it carries no types


class Unreliable(Memory):
    """A filesystem in memory of which a share of the calls fails, before or after what they do, or halfway."""

    protocol = "unreliable"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    cachable = False
    draw: ClassVar[Random] = Random(0)  # noqa: S311 - faults that come again
    rate: ClassVar[float] = 0.0
    late: ClassVar[int] = 0
    """So many of the newest objects of a folder are not listed yet."""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(Memory._strip_protocol(path.replace("unreliable://", "memory://")))

    def fails(self) -> bool:
        return self.draw.random() < self.rate

    def may_fail(self) -> None:
        if self.fails():
            raise self.draw.choice([ConnectionResetError("connection reset"), TimeoutError("timed out"), OSError("500 Internal Error")])

    def cat_file(self, path: str, *more: Any, **named: Any) -> Any:
        self.may_fail()
        return super().cat_file(path, *more, **named)

    def info(self, path: str, **named: Any) -> Any:
        self.may_fail()
        return super().info(path, **named)

    def ls(self, path: str, detail: bool = True, **named: Any) -> Any:
        self.may_fail()
        found = sorted(super().ls(path, detail=True, **named), key=lambda seen: str(seen.get("created", "")))
        listed = found[: max(0, len(found) - self.late)]
        return listed if detail else [seen["name"] for seen in listed]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **named: Any) -> None:
        self.may_fail()
        if self.fails():
            super().pipe_file(path, value[: self.draw.randrange(len(value) + 1)], mode=mode, **named)
            raise ConnectionResetError("connection reset")
        super().pipe_file(path, value, mode=mode, **named)

    def rm_file(self, path: str) -> None:
        self.may_fail()
        super().rm_file(path)
        self.may_fail()


@pytest.fixture
def shaky(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[Callable[..., None]]:
    """Sets how often calls fail and how many objects are listed late; what fails is tried again at once."""
    import_module("fsspec").register_implementation("unreliable", Unreliable, clobber=True)
    monkeypatch.setattr(remote, "PAUSE_SECONDS", 0)
    monkeypatch.setenv("WORLDLOOM_HOME", f"{tmp_path}/home")

    def be(rate: float = 0.0, late: int = 0, seed: int = 0) -> None:
        Unreliable.rate, Unreliable.late, Unreliable.draw = rate, late, Random(seed)  # noqa: S311 - faults that come again

    be()
    yield be
    be()


@pytest.fixture
def store(shaky: Callable[..., None]) -> Store:
    """A new store there."""
    return open_store(f"unreliable://{uuid.uuid4().hex}/loom")


def numbered(make_attempt: MakeAttempt, noon: datetime, *given: int) -> dict[str, list[dict[str, Any]]]:
    return {"attempts": [row_of_attempt(make_attempt(number), "run-1", noon) for number in given]}


@pytest.fixture(params=range(8))
def faulty(request: pytest.FixtureRequest, shaky: Callable[..., None], store: Store) -> Store:
    """A new store of which a share of the calls fails from now on, others for each seed."""
    shaky(0.15, late=2, seed=request.param)
    return store


def until_it_answers(call: Callable[[], Answer]) -> Answer:
    """What users do when they are told that the store does not answer: the same again."""
    while True:
        with suppress(StoreUnavailable):
            return call()


def test_what_was_acknowledged_is_there_once(
    faulty: Store, shaky: Callable[..., None], make_world: Callable[..., World], make_attempt: MakeAttempt, noon: datetime
) -> None:
    store = faulty
    worlds = [make_world(seed=number) for number in range(3)]
    for number, world in enumerate(worlds):
        rows = rows_of_draft(f"d{number}", world.report, [make_attempt(number)], world, run_id="run-1", created_at=noon)
        until_it_answers(lambda: open_store(store.url).publish(world))  # noqa: B023 - called at once
        until_it_answers(lambda: open_store(store.url).commit(rows, noon))  # noqa: B023 - called at once
        assert until_it_answers(store.snapshot).number == number + 1
    shaky()
    assert {summary.world_id: store.world(summary.world_id) for summary in store.worlds()} == {world.id: world for world in worlds}
    assert sorted(store.scan("attempts").collect()["number"]) == [0, 1, 2]
    assert {fault.kind for fault in check(store)} <= {"reference"}  # the run has no row here


@pytest.mark.parametrize("torn", [0.0, 0.3, 1.0])
def test_a_put_that_was_carried_out_in_silence_is_ours(
    store: Store, make_attempt: MakeAttempt, noon: datetime, monkeypatch: pytest.MonkeyPatch, torn: float
) -> None:
    put = Memory.pipe_file
    lost: list[str] = []

    def lose_the_answer(fs: Any, path: str, value: bytes, mode: str = "overwrite", **named: Any) -> None:
        losing = mode == "create" and not lost
        put(fs, path, value[: int(len(value) * torn)] if losing else value, mode=mode, **named)
        if losing:
            lost.append(path)
            raise ConnectionResetError("connection reset")

    with monkeypatch.context() as broken:
        broken.setattr(Unreliable, "pipe_file", lose_the_answer)
        assert store.commit(numbered(make_attempt, noon, 1), noon).number == 1
    assert lost
    assert numbers(store.files) == [1]
    assert store.scan("attempts").collect()["number"].to_list() == [1]


def test_a_rival_whose_put_came_first_is_not_taken_for_us(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put = Memory.pipe_file

    def rival_first(fs: Any, path: str, value: bytes, mode: str = "overwrite", **named: Any) -> None:
        if not fs.exists(path):
            put(fs, path, b"theirs", mode=mode, **named)
            raise ConnectionResetError("connection reset")
        put(fs, path, value, mode=mode, **named)

    monkeypatch.setattr(Unreliable, "pipe_file", rival_first)
    with pytest.raises(FileExistsError):
        store.files.create("snapshots/0000000001.json", b"ours")
    assert store.files.read("snapshots/0000000001.json") == b"theirs"


def test_a_store_that_never_answers_is_one_clear_line(
    store: Store, shaky: Callable[..., None], make_attempt: MakeAttempt, noon: datetime
) -> None:
    store.commit(numbered(make_attempt, noon, 1), noon)
    shaky(1.0)
    doors: tuple[Callable[[], object], ...] = (
        lambda: open_store(store.url),
        lambda: store.commit(numbered(make_attempt, noon, 2), noon),
        lambda: store.scan("attempts").collect(),
        store.worlds,
        lambda: check(store),
    )
    for door in doors:
        with pytest.raises(StoreUnavailable, match=f"{store.url}/.* does not answer, after 6 tries: .+") as told:
            door()
        assert told.value.hint
        assert "\n" not in told.value.message
    shaky()
    assert open_store(store.url).scan("attempts").collect().height == 1


def test_what_will_not_pass_is_not_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()

    def refuse(_: Any, path: str, *__: Any, **___: Any) -> Any:
        asked[path] += 1
        raise PermissionError(13, "Access Denied")

    monkeypatch.setattr(Unreliable, "cat_file", refuse)
    with pytest.raises(PermissionError):
        store.files.read("store.json")
    assert set(asked.values()) == {1}


def test_what_may_pass_is_told_from_what_will_not() -> None:
    aiohttp: Any = import_module("aiohttp")
    assert all(may_pass(problem) for problem in (OSError("503"), TimeoutError(), aiohttp.ServerDisconnectedError()))
    assert not any(may_pass(problem) for problem in (OSError(28, "full"), FileNotFoundError(), PermissionError(), ValueError()))


def test_listings_that_a_filesystem_remembers_are_not_believed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: dict[str, Any] = {}
    listed = Memory.ls

    def remember(fs: Any, path: str, detail: bool = True, **named: Any) -> Any:
        return remembered.setdefault(f"{path}{detail}", listed(fs, path, detail=detail, **named))

    monkeypatch.setattr(Unreliable, "ls", remember)
    monkeypatch.setattr(Unreliable, "invalidate_cache", lambda *_: remembered.clear())
    files = store.files
    assert isinstance(files, RemoteFiles)
    files.write("snapshots/0000000001.json", b"{}")
    assert files.names("snapshots") == ("0000000001.json",)
    files.write("snapshots/0000000002.json", b"{}")
    assert files.names("snapshots") == ("0000000001.json", "0000000002.json")


def test_rivals_on_an_object_store_lose_nothing(
    store: Store, shaky: Callable[..., None], make_attempt: MakeAttempt, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shaky(0.03, late=1, seed=3)
    following = commits.following
    rivals = iter(range(100, 106))

    def overtaken(*given: Any) -> Any:
        with monkeypatch.context() as alone:
            alone.setattr(commits, "following", following)
            for number in islice(rivals, 1):
                open_store(store.url).commit(numbered(make_attempt, noon, number), noon)
        return following(*given)

    monkeypatch.setattr(commits, "following", overtaken)
    monkeypatch.setattr(commits, "wait_random_exponential", lambda **_: wait_none())
    for number in (1, 2):
        store.commit(numbered(make_attempt, noon, number), noon)
    shaky()
    assert sorted(store.scan("attempts").collect()["number"]) == [1, 2, *range(100, 106)]
