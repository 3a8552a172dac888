"""The running figures of a collection, as one immutable value a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from artifacts.agent_task import Kind
from artifacts.identity import unique
from artifacts.trajectory import Trajectory
from containers.episodes.rollout import Ended

Place = tuple[Kind, int | None]
"""A kind of task, and a level of difficulty, None where it was not measured."""


class Cell(NamedTuple):
    """Episodes that count (the environment did not fail), those that were solved, and the sum of their rewards."""

    episodes: int = 0
    solved: int = 0
    reward: float = 0.0

    def plus(self, other: Cell) -> Cell:
        """Both together."""
        return Cell(self.episodes + other.episodes, self.solved + other.solved, self.reward + other.reward)

    @property
    def rate(self) -> float | None:
        """The share that was solved; None of nothing."""
        return self.solved / self.episodes if self.episodes else None


class Figures(NamedTuple):
    """The figures so far.

    `known` episodes were in the table before; `kept` are committed by this run; `unfinished` have no trajectory; of the replies
    `recalled` were paid for by an earlier run. Tokens are None once those of one episode are unknown. Solve rates leave `known` out.
    """

    policy: str = ""
    planned: int = 0
    known: int = 0
    played: int = 0
    kept: int = 0
    unfinished: int = 0
    turns: int = 0
    calls: int = 0
    outcomes: Mapping[str, int] = {}
    endings: Mapping[str, int] = {}
    cells: Mapping[Place, Cell] = {}
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    recalled: int = 0
    seconds: float = 0.0
    commits: int = 0
    doing: str = ""
    said: str = ""
    troubles: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def overall(self) -> Cell:
        """All kinds and levels together."""
        return together(self.cells)

    def of_kind(self, kind: Kind) -> Cell:
        """All levels of one kind."""
        return together({place: cell for place, cell in self.cells.items() if place[0] == kind})

    def of_level(self, level: int | None) -> Cell:
        """All kinds of one level."""
        return together({place: cell for place, cell in self.cells.items() if place[1] == level})


Listener = Callable[[Figures], None]
"""Told the figures whenever they change."""


def together(cells: Mapping[Place, Cell]) -> Cell:
    """The sum of cells."""
    whole = Cell()
    for cell in cells.values():
        whole = whole.plus(cell)
    return whole


def counted(figures: Figures, ended: Ended, place: Place) -> Figures:
    """The figures with one more episode in them."""
    if ended.trajectory is None:
        told = (f"{ended.trouble.message} {ended.trouble.hint}".strip(),) if ended.trouble else ()
        return figures._replace(unfinished=figures.unfinished + 1, troubles=unique((*figures.troubles, *told))[:10])
    one = ended.trajectory
    return figures._replace(
        played=figures.played + 1,
        turns=figures.turns + one.turns,
        calls=figures.calls + len(one.calls),
        outcomes=Counter(figures.outcomes) + Counter([one.outcome]),
        endings=Counter(figures.endings) + Counter([one.ended]),
        cells={**figures.cells, place: figures.cells.get(place, Cell()).plus(cell_of(one))},
        input_tokens=_sum(figures.input_tokens, one.input_tokens),
        output_tokens=_sum(figures.output_tokens, one.output_tokens),
        recalled=figures.recalled + ended.recalled,
    )


def cell_of(trajectory: Trajectory) -> Cell:
    """One episode; one whose environment failed does not count."""
    if trajectory.outcome == "environment_error":
        return Cell()
    return Cell(1, int(trajectory.outcome == "completed"), trajectory.reward)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def summary(figures: Figures) -> dict[str, Any]:
    """The figures for machines."""
    whole = figures.overall
    plain = {name: getattr(figures, name) for name in _PLAIN}
    return {
        **plain,
        "seconds": round(figures.seconds, 3),
        "outcomes": dict(sorted(figures.outcomes.items())),
        "endings": dict(sorted(figures.endings.items())),
        "counted": whole.episodes,
        "solved": whole.solved,
        "solve_rate": whole.rate,
        "mean_reward": whole.reward / whole.episodes if whole.episodes else None,
        "by_kind_and_level": [
            {"kind": kind, "difficulty": level, "episodes": cell.episodes, "solved": cell.solved, "solve_rate": cell.rate}
            for (kind, level), cell in in_order(figures.cells)
        ],
        "troubles": list(figures.troubles),
        "interrupted": figures.interrupted,
    }


_PLAIN = ("policy", "planned", "known", "played", "kept", "unfinished", "turns", "calls", "input_tokens", "output_tokens", "recalled")


def in_order(cells: Mapping[Place, Cell]) -> list[tuple[Place, Cell]]:
    """The cells by kind and level, the unmeasured last."""
    return sorted(cells.items(), key=lambda item: (item[0][0], item[0][1] or 9))
