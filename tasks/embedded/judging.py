"""The embedded judge: reads the evidence of an episode as a person would go through it, and never what the agent says of itself."""

from __future__ import annotations

from typing import Any

from containers.answers import matches
from tasks.embedded.prompt import Prompt

_BAR = "| "


def judged(prompt: Prompt) -> dict[str, Any]:
    """Outcome and reason, from the checks, the rows and the answer of the prompt alone."""
    checks = prompt.lines("checks")
    rows = [line[len(_BAR) :] for line in prompt.fields["rows"].splitlines() if line.startswith(_BAR)]
    answered = _answered(prompt)
    kinds = [line.partition(":")[0] for line in rows]
    faults = [line for line in checks if line.startswith("false")] + [line for line in rows if line.startswith(("wrong:", "missing:"))]
    if answered is False:
        faults.append("the answer does not tell what was asked for")
    if not faults:
        return {
            "outcome": "completed",
            "reason": "Every check is true, no row is wrong or missing, and the answer tells what was asked for.",
        }
    gained = any(line.startswith("true:") for line in checks) or "right" in kinds or bool(answered)
    return {"outcome": "partial" if gained else "agent_error", "reason": faults[0][:200]}


def _answered(prompt: Prompt) -> bool | None:
    """Whether the answer holds the values expected; None where none is asked for."""
    expected = prompt.value("expected")
    if not isinstance(expected, dict):
        return None
    said = "\n".join(line[len(_BAR) :] for line in prompt.fields["answer"].splitlines() if line.startswith(_BAR))
    given: object = None if said == "(nothing)" else said
    return matches(tuple(expected.get("values", ())), given, decoys=tuple(expected.get("not_beside", ())))
