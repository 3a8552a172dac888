"""The report's templates: what models wrote is escaped in every one of them."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape


@cache
def template(name: str) -> Template:
    """A template by its file's name."""
    loader = PackageLoader("tasks.reporting", "templates")
    return Environment(
        loader=loader, autoescape=select_autoescape(("html", "j2")), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template(name)
