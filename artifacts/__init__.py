"""The nouns of Worldloom, their identity, their store and their tables; `artifacts.open_store(url)` is the door to the manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artifacts.store import open_store

__all__ = ["open_store"]


def __getattr__(name: str) -> Any:
    """The store is loaded when it is first asked for: most of what imports a noun needs no store."""
    if name == "open_store":
        from artifacts.store import open_store

        return open_store
    raise AttributeError(name)
