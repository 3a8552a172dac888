"""What `worldloom play` and `score` print: messages as they come, and how an episode ended."""

from __future__ import annotations

from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from artifacts.trajectory import Trajectory
from containers.episodes.rescoring import Rescored

MAX_SHOWN = 4_000
"""Characters of one message on the terminal; the record has all."""

_COLOURS = {"system": "dim", "user": "cyan", "assistant": "bold green", "tool": "yellow"}
_OUTCOMES = {"completed": "bold green", "partial": "yellow", "agent_error": "red", "environment_error": "bold red"}


def told(console: Console, message: dict[str, Any]) -> None:
    """Print one message; what models and worlds wrote is text, never markup or control codes."""
    role = str(message.get("role"))
    console.print(Text(f"── {role}", style=_COLOURS.get(role, "")))
    for line in spoken_lines(message):
        console.print(plain(line), style="dim" if role == "system" else "", soft_wrap=True)


def spoken_lines(message: dict[str, Any]) -> list[str]:
    """The texts and calls of a message."""
    texts = [str(message[name]) for name in ("reasoning_content", "content", "refusal") if message.get(name)]
    calls = [call["function"] for call in message.get("tool_calls", ())]
    return texts + [f"→ {call['name']} {call['arguments']}" for call in calls]


def plain(text: str) -> Text:
    """A text that cannot command the terminal, cut short where it is long."""
    cut = text[:MAX_SHOWN] + (f" … ({len(text) - MAX_SHOWN} more characters)" if len(text) > MAX_SHOWN else "")
    return Text("".join(character if character.isprintable() or character == "\n" else "?" for character in cut))


def ending(trajectory: Trajectory) -> RenderableType:
    """How an episode ended and what it was worth."""
    score = trajectory.score
    length = f"{trajectory.turns} turns and {len(trajectory.calls)} calls"
    line = Text.assemble(
        (score.outcome, _OUTCOMES[score.outcome]),
        f" · reward {score.reward:g}{' by code' if trajectory.judgement else ''} · {trajectory.ended.replace('_', ' ')} after {length}",
    )
    if score.detail:
        line.append_text(Text("\n")).append_text(plain(score.detail))
    return line


def rescored_page(found: Rescored) -> RenderableType:
    """Whether the record agrees with the world, call by call where it does not."""
    recorded = found.trajectory.score
    lines = [
        f"call {number} ({call.tool}): {'agrees' if agrees else 'DIFFERS'}"
        for number, (call, agrees) in enumerate(zip(found.trajectory.calls, found.agreements, strict=True))
    ]
    lines.append(f"{found.score.outcome}, reward {found.score.reward:g}; on record {recorded.outcome}, {recorded.reward:g}")
    lines += [found.score.detail] if found.score.detail else []
    return plain("\n".join((*lines, "The record holds." if found.holds else "The record does not hold.")))


def play_summary(trajectory: Trajectory, path: str) -> dict[str, Any]:
    """An episode for machines."""
    return {
        "trajectory_id": trajectory.trajectory_id,
        "path": path,
        **trajectory.model_dump(mode="json", include={"world_id", "task_id", "policy", "form", "seed", "ended", "answer", *_TOKENS}),
        "turns": trajectory.turns,
        "calls": len(trajectory.calls),
        "outcome": trajectory.outcome,
        "reward": trajectory.reward,
        "detail": trajectory.score.detail,
        "judgement": None if trajectory.judgement is None else trajectory.judgement.canonical(),
    }


def score_summary(found: Rescored) -> dict[str, Any]:
    """A trajectory judged again, for machines."""
    return {
        "trajectory_id": found.trajectory.trajectory_id,
        "world_id": found.trajectory.world_id,
        "task_id": found.trajectory.task_id,
        "agrees": list(found.agreements),
        "holds": found.holds,
        "recorded": {"outcome": found.trajectory.score.outcome, "reward": found.trajectory.score.reward},
        "score": found.score.canonical(),
    }


_TOKENS = ("input_tokens", "output_tokens")
