"""Text in one plain form, so that two ways of writing the same thing compare equal."""

from __future__ import annotations

import re
import unicodedata

_SIGNS = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2212": "-",
        "\u2010": "-",
        "\u2011": "-",
        "\u2013": "-",
        "\u2014": " ",
        "\u00a0": " ",
    }
)
_WORD = re.compile(r"[^\W_]+")
OUTER = ".,;:!?'\"()[]{}<>*`#"


def plain_text(text: str) -> str:
    """Compatibility characters resolved, case folded, plain quotes and dashes, single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text.translate(_SIGNS)).casefold().split())


def words(text: str) -> tuple[str, ...]:
    """Runs of letters and digits; all else separates, so that `in_transit` equals `in transit`. Apostrophes join."""
    return tuple(_WORD.findall(text.replace("'", "").replace("&", " and ")))
