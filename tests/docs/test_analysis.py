"""The guide to the manifests shows what its queries really give."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path


def test_every_query_gives_what_the_page_shows(tmp_path: Path) -> None:
    spec = spec_from_file_location("retell", Path(__file__).with_name("retell.py"))
    assert spec is not None
    assert spec.loader is not None
    retell = module_from_spec(spec)
    spec.loader.exec_module(retell)
    page = retell.PAGE.read_text()
    assert (page.count("```sql"), page.count("```text")) == (10, 14)
    assert retell.told(retell.made(tmp_path), page) == page, "run `python tests/docs/retell.py`"
