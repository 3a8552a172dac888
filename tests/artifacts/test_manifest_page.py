"""The page about the tables is the one that the tables make."""

from pathlib import Path

from artifacts.manifest_page import manifests_page
from artifacts.tables import TABLES, arrow_schema

PAGE = Path(__file__).parents[2] / "docs" / "manifests.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == manifests_page(), "run `python -m artifacts.manifest_page > docs/manifests.md`"


def test_the_files_say_what_the_page_says() -> None:
    page = manifests_page()
    for table in TABLES.values():
        for field in arrow_schema(table):
            meaning = field.metadata[b"meaning"].decode().replace("|", "\\|")
            assert f"| `{field.name}` | {field.metadata[b'type'].decode()} | {field.metadata[b'unit'].decode()} |" in page
            assert meaning in page
