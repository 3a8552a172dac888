"""Canonical bytes and digests: the same content has the same name on every machine."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

ID_HEX_DIGITS = 12


def canonical_bytes(value: Any) -> bytes:
    """JSON in one form only: sorted keys, UTF-8, no insignificant space (in the manner of RFC 8785).

    Raises ValueError on NaN and infinities, TypeError on what JSON cannot hold.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical bytes, 64 hex digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def digest_of_bytes(data: bytes) -> str:
    """SHA-256 of raw bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def short(digest: str) -> str:
    """The first 12 hex digits, as used in ids."""
    return digest[:ID_HEX_DIGITS]


def slug_of(name: str) -> str:
    """A lower-case ASCII name for ids and folders: letters, digits and single hyphens, at most 48 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:48].strip("-") or "world"


def seed_of(*parts: Any) -> int:
    """A 64-bit seed derived from the parts, the same on every machine (Python's own `hash` is not)."""
    return int.from_bytes(hashlib.sha256(canonical_bytes(list(parts))).digest()[:8], "big")


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """The items without repeats, in the order of their first appearance."""
    return tuple(dict.fromkeys(items))
