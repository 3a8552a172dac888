"""Diagnostics and verdicts: what is wrong, where, and whether a gate lets a draft through."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from artifacts.noun import Noun


class Diagnostic(Noun):
    """One thing that is wrong.

    `code` is a stable dotted word ("sql.unknown_column"); `place` names the part, so that a repair can return just that
    part: "schema", "table:orders", "row:orders:7", "tool:cancel_order", "tool:cancel_order/program/2", "task:t03",
    "task:t03/checks/0"; `hint` says what to do.
    """

    code: str = Field(pattern=r"^[a-z_]+(\.[a-z_]+)*$")
    place: str
    message: str
    hint: str = ""

    def line(self) -> str:
        """The form that prompts and terminals show."""
        return f"[{self.code}] {self.place}: {self.message}" + (f" Hint: {self.hint}" if self.hint else "")


class Pass(Noun):
    """The gate holds; `figures` are what it measured."""

    verdict: Literal["pass"] = "pass"
    gate: str
    figures: dict[str, Any] = Field(default_factory=dict)


class Reject(Noun):
    """The gate does not hold: a short reason, and the diagnostics as evidence."""

    verdict: Literal["reject"] = "reject"
    gate: str
    reason: str
    evidence: tuple[Diagnostic, ...] = ()
    figures: dict[str, Any] = Field(default_factory=dict)


def _verdict_kind(value: Any) -> str | None:
    return value.get("verdict") if isinstance(value, dict) else getattr(value, "verdict", None)


Verdict = Annotated[Annotated[Pass, Tag("pass")] | Annotated[Reject, Tag("reject")], Discriminator(_verdict_kind)]
