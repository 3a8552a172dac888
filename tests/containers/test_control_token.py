from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from artifacts.errors import InvalidInput, Unwritable
from containers.control import control_token


def test_the_token_of_the_environment_is_taken_and_written_nowhere(tmp_path: Path) -> None:
    assert control_token({"WORLDLOOM_TOKEN": "0123456789abcdef"}, tmp_path) == ("0123456789abcdef", None)
    assert list(tmp_path.iterdir()) == []


def test_without_one_a_new_one_is_kept_for_the_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = control_token({}, tmp_path / "state")
    finally:
        os.umask(old)
    assert made.path == tmp_path / "state" / "control-token"
    assert made.path.read_text() == made.value + "\n"
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert len(made.value) >= 32
    assert list(made.path.parent.iterdir()) == [made.path]


def test_every_start_makes_another_and_trusts_no_file_that_was_there(tmp_path: Path) -> None:
    loose = tmp_path / "control-token"
    loose.write_text("known to all")
    loose.chmod(0o666)
    first, second = control_token({}, tmp_path), control_token({}, tmp_path)
    assert first.value != second.value
    assert loose.read_text() == second.value + "\n"
    assert stat.S_IMODE(loose.stat().st_mode) == 0o600


@pytest.mark.parametrize("given", ["", "short", "has a space in it....", "ümlauts-are-no-token", "x" * 513, "0123456789abcdef\n"])
def test_a_weak_or_unusable_token_is_refused_without_repeating_it(tmp_path: Path, given: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        control_token({"WORLDLOOM_TOKEN": given}, tmp_path)
    assert "WORLDLOOM_TOKEN" in str(refused.value)
    assert not given or given not in str(refused.value)


def test_a_folder_that_takes_no_token_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match="file/control-token"):
        control_token({}, tmp_path / "file")
