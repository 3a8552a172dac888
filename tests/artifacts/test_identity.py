"""Canonical bytes, digests, ids: equal content, equal names."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts.identity import canonical_bytes, digest_of, digest_of_bytes, seed_of, short, slug_of, unique

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20)


def shuffled(value: Any) -> Any:
    """The same content, the keys in the opposite order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(JSON)
def test_the_order_of_keys_does_not_matter(value: Any) -> None:
    assert canonical_bytes(shuffled(value)) == canonical_bytes(value)
    assert digest_of(shuffled(value)) == digest_of(value)


@given(JSON)
def test_canonical_bytes_are_json_and_survive_a_round_trip(value: Any) -> None:
    data = canonical_bytes(value)
    assert json.loads(data) == value
    assert canonical_bytes(json.loads(data)) == data


@given(JSON, JSON)
def test_other_content_has_another_digest(one: Any, other: Any) -> None:
    # Through JSON text rather than ==, which takes 1, 1.0 and True for the same.
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest_of(one) == digest_of(other)) is same


def test_canonical_bytes_are_what_they_have_always_been() -> None:
    value = {"b": [1, 2.5, True, None], "a": "é\n", "A": {}}
    assert canonical_bytes(value) == '{"A":{},"a":"é\\n","b":[1,2.5,true,null]}'.encode()
    assert digest_of(value) == hashlib.sha256(canonical_bytes(value)).hexdigest()
    assert digest_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest_of_bytes(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf]])
def test_numbers_outside_json_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_bytes(value)


@given(TEXT)
def test_a_slug_is_a_plain_folder_name(name: str) -> None:
    slug = slug_of(name)
    assert 1 <= len(slug) <= 48
    assert all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in slug)
    assert not slug.startswith("-")
    assert not slug.endswith("-")
    assert slug_of(slug) == slug


def test_slugs_read_like_their_names() -> None:
    assert slug_of("Café  “Zürich” — №1") == "cafe-zurich-no1"
    assert slug_of("日本") == "world"


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seed_of("a", 1) == 1395860404624038653
    assert seed_of("a", 1) != seed_of("a", "1")


def test_short_and_unique() -> None:
    assert short("0123456789abcdef") == "0123456789ab"
    assert unique(["b", "a", "b"]) == ("b", "a")
