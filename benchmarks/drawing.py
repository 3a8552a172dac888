"""A plot of the learning curve as SVG: a group of bars for each policy, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.agent.evaluation import Estimate

Bar = tuple[str, str, Estimate | None]
"""A policy, the kind of tasks, and the share that it solved."""

LEFT, TOP, HIGH, WIDE, BETWEEN = 48, 40, 220, 26, 30
COLOURS = ("#3b6fb6", "#d08a2e", "#8a8f98")


def curve(bars: Sequence[Bar]) -> str:
    """The plot."""
    policies = list(dict.fromkeys(policy for policy, _, _ in bars))
    parts = list(dict.fromkeys(part for _, part, _ in bars))
    step = WIDE * len(parts) + BETWEEN
    width, height = LEFT + step * len(policies), TOP + HIGH + 40
    most = max((one.high or one.value for *_, one in bars if one), default=1.0) or 1.0
    drawn = [
        *_legend(parts),
        *_axis(most, width),
        *(_text(LEFT + step * number + step // 2 - BETWEEN // 2, TOP + HIGH + 18, name, "middle") for number, name in enumerate(policies)),
        *(line for bar in bars for line in _bar(bar, LEFT + step * policies.index(bar[0]), parts.index(bar[1]), most)),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *drawn, "</svg>"]) + "\n"


def _bar(bar: Bar, left: int, place: int, most: float) -> Iterator[str]:
    _, _, solved = bar
    if solved is None:
        return
    x, y = left + WIDE * place, _height(solved.value, most)
    yield f'<rect x="{x}" y="{y:.1f}" width="{WIDE - 4}" height="{TOP + HIGH - y:.1f}" fill="{COLOURS[place % len(COLOURS)]}"/>'
    if solved.low is not None and solved.high is not None:
        ends = _height(solved.low, most), _height(solved.high, most)
        yield f'<path d="M{x + WIDE // 2 - 2} {ends[0]:.1f}V{ends[1]:.1f}" stroke="black"/>'


def _height(share: float, most: float) -> float:
    return TOP + HIGH * (1 - share / most)


def _axis(most: float, width: int) -> Iterator[str]:
    for quarter in range(5):
        share = most * quarter / 4
        y = _height(share, most)
        yield f'<path d="M{LEFT - 4} {y:.1f}H{width}" stroke="#ddd"/>'
        yield _text(LEFT - 8, y + 4, f"{100 * share:.0f} %", "end")


def _legend(parts: Sequence[str]) -> Iterator[str]:
    for place, part in enumerate(parts):
        yield f'<rect x="{LEFT + 140 * place}" y="12" width="10" height="10" fill="{COLOURS[place % len(COLOURS)]}"/>'
        yield _text(LEFT + 140 * place + 15, 21, part, "start")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{text}</text>'
