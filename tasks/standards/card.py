"""The card of an export: a README.md that the Hugging Face Hub shows, with the configurations that its viewer reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from artifacts.tables import TABLES, Table
from tasks.standards.extract import Extract, splits_of
from tasks.standards.origin import UNSTATED, Provenance

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))
LARGEST = "10M<n<100M"
DEFAULT = "agent_tasks"
"""The table that is loaded when none is named."""


def card(made: Provenance, files: Sequence[Extract]) -> str:
    """The whole page."""
    rows = splits_of(files)
    head = yaml.safe_dump(metadata(made, rows), sort_keys=False, allow_unicode=True, width=120)
    parts = (_about(made), _contents(rows), _loading(rows), _making(made), _licence(made), _limits(), _columns(rows))
    return "\n".join([f"---\n{head}---\n", *parts])


def metadata(made: Provenance, rows: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """What the Hub reads of a card: https://huggingface.co/docs/hub/datasets-cards."""
    licence = {"license_name": "not-stated", "license_link": "README.md"} if made.licence == UNSTATED else {}
    return {
        "pretty_name": made.title,
        "license": made.licence,
        **licence,
        "language": ["en"],
        "annotations_creators": ["machine-generated"],
        "task_categories": ["reinforcement-learning", "text-generation"],
        "tags": list(made.keywords),
        "size_categories": [size_of(max((sum(splits.values()) for splits in rows.values()), default=0))],
        "configs": [_config(table, splits) for table, splits in rows.items()],
    }


def size_of(rows: int) -> str:
    """The Hub's word for a number of rows."""
    return next((word for most, word in SIZES if rows < most), LARGEST)


def _config(table: str, splits: Mapping[str, int]) -> dict[str, Any]:
    files = [{"split": split, "path": f"data/{table}/{split}-*.parquet"} for split in splits]
    return {"config_name": table, **({"default": True} if table == DEFAULT else {}), "data_files": files}


def _about(made: Provenance) -> str:
    return f"# {made.title}\n\n{made.description}\n"


def _contents(rows: Mapping[str, Mapping[str, int]]) -> str:
    lines = [f"| `{name}` | {TABLES[name].meaning} | {_counts(splits)} |" for name, splits in rows.items()]
    said = (
        "A split is drawn by the name of the scenario, so no two worlds of nearly the same name stand on both sides. "
        "Tables whose rows belong to no single world have the one split `unsplit`; "
        "rows of theirs may tell of worlds of any split, so train on none of them."
    )
    return "\n".join(["## What is in it\n", "| table | holds | rows |", "| --- | --- | --- |", *lines, "", said, ""])


def _counts(splits: Mapping[str, int]) -> str:
    return ", ".join(f"{split} {rows:,}" for split, rows in splits.items())


def _loading(rows: Mapping[str, Mapping[str, int]]) -> str:
    split = next(iter(rows.get(DEFAULT, {"train": 0})))
    return f"""## How to use it

```python
from datasets import load_dataset

tasks = load_dataset("path/to/this/folder", "agent_tasks", split="{split}")
worlds = load_dataset("path/to/this/folder", "worlds", split="{split}")
```

A world is run from its row and those of its tasks, with the package that made it:

```python
from artifacts.rows import world_of_rows

world = world_of_rows(worlds[0], [task for task in tasks if task["world_id"] == worlds[0]["world_id"]])
```

`croissant.json` describes the same files for loaders of [Croissant](https://docs.mlcommons.org/croissant/), with the SHA-256 of each.
"""


def _making(made: Provenance) -> str:
    writers = ", ".join(f"{model} ({worlds:,})" for model, worlds in made.models) or "nobody"
    lines = [
        ("made with", made.made_with),
        ("snapshot of the store", f"{made.snapshot}, of {made.created_at}"),
        ("SHA-256 of the snapshot", f"`{made.snapshot_id}`"),
        ("worlds, by the model that wrote them", writers),
        ("worlds left out because a newer one took their place", f"{made.superseded:,}"),
    ]
    return "\n".join(["## How it was made\n", "| | |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in lines), ""])


def _licence(made: Provenance) -> str:
    if made.licence != UNSTATED:
        return f"## Licence\n\n{made.licence}\n"
    return "## Licence\n\nNot stated. The worlds were written by models whose services have terms of their own; look at those.\n"


def _limits() -> str:
    return """## What to know before using it

No row is about a real person or firm: names, addresses and amounts are invented. The worlds are small, in English, and more regular than
real systems; an agent that does well in them has not been shown to do well elsewhere. Solutions and checks stand in the column `task`:
never show it to an agent that is measured.
"""


def _columns(rows: Mapping[str, Any]) -> str:
    return "\n".join(["## Columns\n", *(_table(TABLES[name]) for name in rows)])


def _table(table: Table) -> str:
    lines = [f"| `{c.name}` | {c.type} | {c.meaning}{f' ({c.unit})' if c.unit else ''} |" for c in table.columns]
    return "\n".join([f"### `{table.name}`\n", "| column | type | meaning |", "| --- | --- | --- |", *lines, ""])
