"""The wish to stop: seen by every process that has the home at hand, asked for by signals, and gone when the run is over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.job.stopping import Stop, mark_of, signals_ask, stopping


def test_a_wish_is_seen_from_another_process_and_gone_when_the_run_is_over(tmp_path: Path) -> None:
    look = "import sys; from pathlib import Path; from tasks.job.stopping import stopping; print(stopping(Path(sys.argv[1]), 'run'))"
    stop = Stop()
    with stop.seen_from(tmp_path, "run"):
        assert not stopping(tmp_path, "run")
        stop.ask()
        assert (stop.wanted, stop.interrupted) == (True, False)
        told = subprocess.run([sys.executable, "-c", look, str(tmp_path)], capture_output=True, text=True, check=True)
        assert told.stdout == "True\n"
        assert not stopping(tmp_path, "another run")
    assert not stopping(tmp_path, "run")


def test_a_wish_from_before_the_run_counts_and_a_mark_of_an_earlier_attempt_does_not(tmp_path: Path) -> None:
    mark = mark_of(tmp_path, "run")
    mark.parent.mkdir()
    mark.touch()
    with Stop().seen_from(tmp_path, "run"):
        assert not stopping(tmp_path, "run")
    early = Stop()
    early.ask(interrupted=True)
    with early.seen_from(tmp_path, "run"):
        assert stopping(tmp_path, "run")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_and_what_handled_it_before_does_so_again(number: signal.Signals) -> None:
    before, stop = signal.getsignal(number), Stop()
    with signals_ask(stop):
        os.kill(os.getpid(), number)
        assert (stop.wanted, stop.interrupted) == (True, True)
        if number == signal.SIGTERM:
            os.kill(os.getpid(), number)  # a second one changes nothing
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_ends_the_process_at_once() -> None:
    code = """
import os, signal
from tasks.job.stopping import Stop, signals_ask
with signals_ask(Stop()):
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)
    print("still here")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
