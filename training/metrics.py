"""A job's figures, step by step: lines as they come, one Parquet file at each checkpoint, TensorBoard where it is installed."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from artifacts.tables import arrow

LINES, TABLE = "metrics.jsonl", "metrics.parquet"


class Metrics:
    """The figures of one job, kept in its folder; the steps after `step` of an earlier try are forgotten."""

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        self._rows = [row for row in read_lines(folder) if int(row["step"]) <= step]
        (folder / LINES).write_text("".join(json.dumps(row) + "\n" for row in self._rows), encoding="utf-8")
        self._lines = (folder / LINES).open("a", encoding="utf-8")
        self._board = _board(folder)

    def add(self, row: dict[str, Any]) -> None:
        """Keeps a step's figures; what is unknown is None."""
        self._rows.append(row)
        self._lines.write(json.dumps(row) + "\n")
        self._lines.flush()
        if self._board is not None:
            for name, value in row.items():
                if name != "step" and value is not None:
                    self._board.add_scalar(f"train/{name}", value, row["step"])

    def save(self) -> None:
        """Writes all figures as Parquet, whole or not at all."""
        pq: Any = import_module("pyarrow.parquet")
        aside = self._folder / f".tmp-{TABLE}"
        pq.write_table(arrow().Table.from_pylist(self._rows), aside, compression="zstd")
        aside.rename(self._folder / TABLE)

    def close(self) -> None:
        """Ends the files."""
        self._lines.close()
        if self._board is not None:
            self._board.close()


def read_lines(folder: Path) -> list[dict[str, Any]]:
    """The figures that a job has written so far; a line that is being written is left out."""
    try:
        text = (folder / LINES).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _board(folder: Path) -> Any:
    """A TensorBoard writer, or None where TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        return None
    return import_module("torch.utils.tensorboard").SummaryWriter(str(folder / "tensorboard"))
