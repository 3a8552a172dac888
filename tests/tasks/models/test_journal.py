"""The journal: what it has recorded survives anything, and is asked for only once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from dspy.lm15 import Config, Message, Request, Response, TextPart, Usage

from artifacts.errors import Unwritable
from tasks.models.journal import Answer, Journal, JournaledEngine, listening, request_digest

ANSWER = Answer("d" * 64, "m", "text", "stop", 1, 2, 0.5, 0.1, None)


def request_of(text: str, **config: float) -> Request:
    return Request(model="m", messages=(Message.user(text),), system="be brief", config=Config(**config))


class Counting:
    """An engine that counts its calls; `gate` holds them back until it is set."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.requests: list[Request] = []
        self.gate = gate

    def complete(self, request: Request) -> Response:
        self.requests.append(request)
        if self.gate is not None:
            self.gate.wait()
        text = f"answer {len(self.requests)}"
        return Response(
            id=None,
            model="m",
            message=Message.assistant([TextPart(text)]),
            finish_reason="stop",
            usage=Usage(input_tokens=3, output_tokens=4),
            provider_data={"mistake": "typo"},
        )


def test_an_answer_comes_back_as_it_was_recorded(tmp_path: Path) -> None:
    Journal(tmp_path / "j").record(ANSWER)
    assert Journal(tmp_path / "j").recall(ANSWER.digest) == ANSWER._replace(recalled=True)


def test_what_was_never_asked_is_not_recalled(journal: Journal) -> None:
    assert journal.recall("0" * 64) is None


def test_the_first_answer_stands(journal: Journal) -> None:
    journal.record(ANSWER)
    journal.record(ANSWER._replace(text="other"))
    found = journal.recall(ANSWER.digest)
    assert found is not None
    assert found.text == "text"


def test_a_request_is_named_by_all_that_decides_its_answer() -> None:
    requests = [
        request_digest(request_of("a"), 0, None),
        request_digest(request_of("b"), 0, None),
        request_digest(request_of("a"), 1, None),
        request_digest(request_of("a"), 0, [1, 0.3]),
        request_digest(request_of("a", temperature=0.5), 0, None),
        request_digest(request_of("a", max_tokens=5), 0, None),
    ]
    assert len(set(requests)) == len(requests)
    assert request_digest(request_of("a"), 0, None) == requests[0]


def test_a_name_does_not_change_from_version_to_version() -> None:
    assert request_digest(request_of("a"), 0, None) == "fa0cb171288ac53d3e761279952be1793b44ef0b67006f2e76211f4995512b9a"


def test_the_engine_is_asked_once_and_its_mistake_is_noted(journal: Journal) -> None:
    engine = Counting()
    journaled = JournaledEngine(engine, journal)
    with listening(1) as call:
        texts = [journaled.complete(request_of("a")).message.text for _ in range(3)]
    assert (texts, len(engine.requests)) == (["answer 1"] * 3, 1)
    assert [(answer.recalled, answer.mistake, answer.input_tokens) for answer in call.answers] == [
        (False, "typo", 3),
        (True, "typo", 3),
        (True, "typo", 3),
    ]


def test_a_seeded_engine_is_told_which_draw_it_is(journal: Journal) -> None:
    engine = Counting()
    journaled = JournaledEngine(engine, journal, seeded=True)
    for rollout in (4, 5):
        with listening(rollout):
            journaled.complete(request_of("a"))
    assert [request.config.seed for request in engine.requests] == [4, 5]


def test_an_engine_that_fails_leaves_no_trace(journal: Journal) -> None:
    class Failing(Counting):
        def complete(self, request: Request) -> Response:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        JournaledEngine(Failing(), journal).complete(request_of("a"))
    assert len(journal) == 0


def test_twins_in_two_threads_pay_once(journal: Journal) -> None:
    gate = threading.Event()
    engine = Counting(gate)
    journaled = JournaledEngine(engine, journal)
    threads = [threading.Thread(target=journaled.complete, args=(request_of("a"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert len(engine.requests) == 1


def test_twins_in_two_runs_on_one_store_pay_once(tmp_path: Path) -> None:
    gate = threading.Event()
    engine = Counting(gate)
    runs = [JournaledEngine(engine, Journal(tmp_path / "journal.sqlite")) for _ in range(4)]  # each opens the files for itself
    threads = [threading.Thread(target=journaled.complete, args=(request_of("a"),)) for journaled in runs]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert len(engine.requests) == 1


WRITER = """
import sys
from pathlib import Path
from tasks.models.journal import Answer, Journal
journal = Journal(Path(sys.argv[1]))
for number in range(100_000):
    journal.record(Answer(f"{number:064d}", "m", "text" * 500, "stop", 1, 2, None, 0.1, None))
    print(number, flush=True)
"""


def test_kill_nine_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 40:
                writer.send_signal(signal.SIGKILL)
                break
        told = [40, *(int(line) for line in writer.stdout if line.endswith("\n"))]
    journal = Journal(path)
    for number in range(told[-1] + 1):
        assert journal.recall(f"{number:064d}") is not None


def test_two_processes_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "0\n"
        journal = Journal(path)
        for number in range(15):
            journal.record(ANSWER._replace(digest=f"mine {number}"))
        writer.kill()
    assert journal.recall("mine 14") is not None
    assert journal.recall("0" * 64) is not None


def test_a_journal_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable):
        Journal(tmp_path / "file" / "journal.sqlite")


OPENERS = """
import multiprocessing, pathlib, sys
from tasks.models.journal import Journal

def opened(path, together):
    together.wait()
    Journal(path).close()

context = multiprocessing.get_context("fork")
for number in range(15):
    together = context.Barrier(3)
    twins = [context.Process(target=opened, args=(pathlib.Path(sys.argv[1]) / f"{number}.sqlite", together)) for _ in range(3)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    assert not any(twin.exitcode for twin in twins)
"""


def test_processes_that_open_a_new_journal_at_once_all_get_it(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", OPENERS, str(tmp_path)], check=True)
