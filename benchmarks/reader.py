"""A reader that looks at a store all the time, until its standard input ends: is every snapshot whole the moment it is there?"""

from __future__ import annotations

import json
import select
import sys

from artifacts.errors import WorldloomError
from artifacts.fsck import check
from artifacts.snapshots import numbers
from artifacts.store import Store, open_store

POLL_SECONDS = 0.005


def problems(store: Store) -> list[str]:
    """What a reader would stumble over; what killed writers left is none of that."""
    return [f"{fault.kind} {fault.place}: {fault.problem}" for fault in check(store) if fault.kind != "leftover"]


def opened(url: str) -> Store | None:
    """The store, once it is there."""
    try:
        return open_store(url, create=False)
    except WorldloomError:
        return None


def main() -> None:
    """Look, and say in the end what was seen: {"snapshots": how many, "problems": [...]}."""
    seen: set[int] = set()
    found: list[str] = []
    store = None
    while not select.select([sys.stdin], [], [], POLL_SECONDS)[0]:
        store = store or opened(sys.argv[1])
        fresh = set(numbers(store.files)) - seen if store is not None else set()
        if store is not None and fresh:
            found += [f"at {max(fresh)}: {problem}" for problem in problems(store)]
            seen |= fresh
    print(json.dumps({"snapshots": len(seen), "problems": found}))


if __name__ == "__main__":
    main()
