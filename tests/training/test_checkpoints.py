"""A job's checkpoints as folders: which count, and what is taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifacts.errors import InvalidInput
from training.checkpoints import FOLDER, POLICY, WHOLE, newest, tag_of, thin, write_whole
from training.checkpoints import Whole as Checkpoint
from training.stream import Position


def a_checkpoint(folder: Path, step: int) -> Path:
    """A checkpoint with a file of each kind."""
    place = folder / FOLDER / tag_of(step)
    for name in (f"{POLICY}/model.safetensors", "zero/optimizer.pt", "random-0.pt"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("x")
    position = Position(snapshot=1, snapshot_id="ab" * 32, about="", epoch=0, ranks=1, workers=0, lanes=(), turns=(0,))
    write_whole(folder, Checkpoint(
        checkpoint_id=f"sft-{step}", parent_checkpoint_id=None, step=step, samples=step, position=position, worlds=(), zero=1, weights="0",
    ))  # fmt: skip
    return place


def inside(place: Path) -> set[str]:
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}


@pytest.mark.parametrize("keep", [1, 2, 3, 9, None])
def test_of_older_checkpoints_the_policy_stays(tmp_path: Path, keep: int | None) -> None:
    places = [a_checkpoint(tmp_path, step) for step in (5, 10, 15)]
    whole = inside(places[0])
    thin(tmp_path, keep)
    old = 0 if keep is None else max(0, 3 - keep)
    assert [inside(place) for place in places] == [{f"{POLICY}/model.safetensors"}] * old + [whole] * (3 - old)
    found = newest(tmp_path)
    assert found is not None
    assert found.step == 15


def test_what_is_half_taken_away_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = a_checkpoint(tmp_path, 1), a_checkpoint(tmp_path, 2)

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        thin(tmp_path, 1)
    assert not (first / WHOLE).exists()
    assert (second / WHOLE).exists()


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    (a_checkpoint(tmp_path, 3) / WHOLE).write_text("{")
    with pytest.raises(InvalidInput, match=r"whole\.json is damaged"):
        newest(tmp_path)
    assert newest(tmp_path / "none") is None
