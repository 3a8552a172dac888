"""What a world is about."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

from artifacts.identity import slug_of
from artifacts.noun import Noun

MAX_NAME = 120
MAX_DESCRIPTION = 2_000
_LITTLE = frozenset(("a", "an", "and", "for", "in", "of", "on", "the"))
_ENDING = re.compile(r"(?<=\w\w)(?:ie)?s$|(?<=\w\w)y$")
"""Of a plural, and of the singular that it may be the plural of."""


def one_line(text: str) -> str:
    """The text with outer space cut and inner space single; refuses control characters and surrogates."""
    bad = next((c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n\r"), None)
    if bad is not None:
        raise ValueError(f"holds the control character U+{ord(bad):04X}")
    return " ".join(text.split())


def _name(text: str) -> str:
    name = one_line(text)
    if not any(c.isalnum() for c in name):
        raise ValueError("has no letter or digit")
    if "/" in name or "\\" in name or name.startswith((".", "~")):
        raise ValueError("looks like a path; give a name such as 'Veterinary clinic'")
    return name


class Scenario(Noun):
    """A name, a description and a category; the description may be empty until the scenario stage writes one."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_name)]
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION), AfterValidator(one_line)] = ""
    category: Annotated[str, Field(max_length=60), AfterValidator(one_line)] = ""

    @property
    def slug(self) -> str:
        """The name as an id: lower-case ASCII with hyphens."""
        return slug_of(self.name)

    @property
    def family(self) -> str:
        """What nearly the same names share: the words in alphabetical order, without case, accents, plurals and little words."""
        plain = "".join(c for c in unicodedata.normalize("NFKD", self.name.casefold()) if not unicodedata.combining(c))
        words = set(re.findall(r"\w+", plain.replace("'s", "").replace("’s", "")))
        return " ".join(sorted(_ENDING.sub("", word) for word in words - _LITTLE or words))

    @property
    def text(self) -> str:
        """What similarity is measured on."""
        return f"{self.name}. {self.description}".strip()
