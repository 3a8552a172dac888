"""Counting tokens with the cl100k_base vocabulary that LiteLLM ships, without a network or a cache folder."""

from __future__ import annotations

import base64
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import tiktoken

_FILE = "litellm_core_utils/tokenizers/9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
"""How cl100k_base splits text into words, as tiktoken has it."""


@cache
def encoding() -> tiktoken.Encoding:
    """The vocabulary, read once."""
    spec = find_spec("litellm")
    folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else Path()
    lines = (line.split() for line in (folder / _FILE).read_bytes().splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    return tiktoken.Encoding("cl100k_base", pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={})


def count(text: str) -> int:
    """How many tokens a text has."""
    return len(encoding().encode_ordinary(text))


@lru_cache(maxsize=64)
def count_again(text: str) -> int:
    """`count` for texts that come back, such as instructions."""
    return count(text)
