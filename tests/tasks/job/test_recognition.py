"""Trouble that is not ours by name is recognised by what it says."""

from pathlib import Path

import polars as pl
import pytest

from artifacts.errors import InvalidInput
from tasks.job.recognition import recognized


def test_a_damaged_table_is_the_files_fault_and_fsck_is_named(tmp_path: Path) -> None:
    file = tmp_path / "part.parquet"
    pl.DataFrame({"name": [f"{number}" * 9 for number in range(999)]}).write_parquet(file)
    data = file.read_bytes()
    file.write_bytes(data[:40] + bytes(200) + data[240:])
    with pytest.raises(pl.exceptions.ComputeError) as met:
        pl.scan_parquet(file).collect()
    known = recognized(met.value)
    assert isinstance(known, InvalidInput)
    assert "fsck" in known.hint
    assert recognized(pl.exceptions.ComputeError("no such column")) is None
