"""DeepSpeed's list of machines: a line each, `NAME slots=NUMBER`."""

from __future__ import annotations

import re
from pathlib import Path

from artifacts.errors import InvalidInput

HERE = ("localhost", "127.0.0.1")
"""This machine, which needs no way to reach others."""

_LINE = re.compile(r"(\S+)\s+slots=([1-9]\d*)")
_HINT = "DeepSpeed's hostfile has a line for each machine: NAME slots=NUMBER."


def hosts_in(path: Path, ranks: int) -> tuple[str, ...]:
    """The machines in a hostfile, each with room for `ranks` processes; raises InvalidInput.

    DeepSpeed would go on without a file that is missing, on this machine alone.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        raise InvalidInput(
            f"The hostfile {path} cannot be read: {getattr(problem, 'strerror', None) or 'it is no text'}.", _HINT
        ) from problem
    slots: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        found = _LINE.match(line)
        if found is None:
            raise InvalidInput(f"The hostfile {path} has no machine in line {number}: {line[:80]}.", _HINT)
        if found[1] in slots:
            raise InvalidInput(f"The hostfile {path} names {found[1]} twice.", "Give each machine one line with all of its slots.")
        slots[found[1]] = int(found[2])
    if not slots:
        raise InvalidInput(f"The hostfile {path} names no machine.", _HINT)
    few = next((name for name, room in slots.items() if room < ranks), None)
    if few is not None:
        raise InvalidInput(
            f"{few} has {slots[few]} slots in {path}, and {ranks} ranks are asked for.", "Lower --ranks, or raise its slots."
        )
    return tuple(slots)
