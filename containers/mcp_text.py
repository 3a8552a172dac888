"""Text that is JSON by its grammar and yet cannot be read as Unicode: half surrogate pairs, made into what every tool refuses."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)


def mended(body: bytes) -> bytes:
    """The body with every escaped half of a surrogate pair as an escaped NUL, which no argument may hold either."""
    return _ESCAPE.sub(lambda found: rb"\u0000" if found[1] else found[0], body) if rb"\u" in body else body
