"""The base of every noun: a frozen, strict Pydantic model with one canonical form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from artifacts.identity import digest_of


class Noun(BaseModel):
    """An immutable value; unknown fields are refused; equal content gives equal bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    LATER: ClassVar[tuple[str, ...]] = ()
    """Fields that joined a published format later: left out while empty, so that what was sealed before keeps its digest."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced; cached values (digests, ids) are left behind, for they would be the old ones."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy

    def canonical(self) -> dict[str, Any]:
        """The plain JSON form, by alias, as it is written into files."""
        empty = {name for name in self.LATER if getattr(self, name) == type(self).model_fields[name].get_default(call_default_factory=True)}
        return self.model_dump(mode="json", by_alias=True, exclude=empty)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, 64 hex digits."""
        return digest_of(self.canonical())
