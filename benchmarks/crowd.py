"""A crowd of environments in one process: prints how long they took to start and the memory of each, as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.environments import CROWD, CROWD_WORLDS, worlds_of
from containers.environment import Blueprint, Environment


def resident_bytes() -> int:
    """The memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4_096


def main() -> None:
    """Start the crowd."""
    worlds = worlds_of(Path(sys.argv[1]))[:CROWD_WORLDS]
    began = time.perf_counter()
    blueprints = [Blueprint.of(world) for world in worlds]
    compiled = time.perf_counter() - began
    before, began = resident_bytes(), time.perf_counter()
    crowd = [Environment.fork(blueprints[number % len(blueprints)]) for number in range(CROWD)]
    seconds = time.perf_counter() - began
    each = (resident_bytes() - before) / len(crowd) / 1_000_000
    found = {"environments": len(crowd), "worlds": len(blueprints), "compiled": compiled, "seconds": seconds, "megabytes_each": each}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
