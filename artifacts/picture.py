"""The answers of lineage as pictures: boxes and arrows, from what was there first to what was made of it; written as Mermaid here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from artifacts.ancestry import Ancestry, Cause, Reach

MOST_SIBLINGS = 6
"""More of one kind beside each other become one box with their number."""


class Picture(NamedTuple):
    """Boxes, each by its name with a kind and a text, and arrows between them by name."""

    boxes: Mapping[str, tuple[str, str]]
    arrows: tuple[tuple[str, str], ...]


def picture_of_walk(found: Ancestry) -> Picture:
    """What a walk met; many siblings become one box."""
    boxes: dict[str, tuple[str, str]] = {found.start: (found.kind, found.start)}
    arrows: dict[tuple[str, str], None] = {}
    for (near, kind), far in _families(found).items():
        drawn = siblings(near, kind, far)
        boxes |= drawn
        arrows |= {(name, near) if found.direction == "up" else (near, name): None for name in drawn}
    shown = {end for arrow in arrows for end in arrow} | {found.start}
    return Picture({name: box for name, box in boxes.items() if name in shown}, tuple(arrows))


def _families(found: Ancestry) -> dict[tuple[str, str], list[str]]:
    """The far ends by the near end and their kind, those that stand behind a box of many left out."""
    families: dict[tuple[str, str], list[str]] = {}
    for edge in found.edges:
        near, far, kind = edge.ends(found.direction)
        families.setdefault((near, kind), []).append(far)
    hidden = {name for far in families.values() if len(far) > MOST_SIBLINGS for name in far} - {found.start}
    return {(near, kind): far for (near, kind), far in families.items() if near not in hidden}


def siblings(near: str, kind: str, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """A box for each, or one box for all of them where they are many."""
    far = list(names)
    if len(far) > MOST_SIBLINGS:
        return {f"{near}/{kind}": ("", f"{len(far):,} {kind}s")}
    return {name: (kind, name) for name in far}


def picture_of_reach(found: Reach) -> Picture:
    """A stage, its programs, the worlds that they made, and what came of all of those, counted."""
    boxes, arrows = {found.stage: ("stage", found.stage)}, list[tuple[str, str]]()
    for digest, worlds in found.programs.items():
        made = siblings(digest, "world", worlds)
        boxes |= {digest: ("program", digest[:12]), **made}
        arrows += [(found.stage, digest), *((digest, name) for name in made)]
        after = {f"after/{kind}": ("", f"{count:,} {kind}s") for kind, count in found.after.items()}
        boxes |= after
        arrows += [(name, later) for name in made for later in after]
    return Picture(boxes, tuple(arrows))


def picture_of_causes(found: Iterable[Cause]) -> Picture:
    """Gates, the diagnostics that they refused drafts for, and the drafts."""
    boxes, arrows = dict[str, tuple[str, str]](), list[tuple[str, str]]()
    for cause in found:
        code = f"{cause.gate}/{cause.code}"
        drafts = siblings(code, "draft", cause.drafts)
        boxes |= {cause.gate: ("gate", cause.gate), code: ("diagnostic", cause.code or "none"), **drafts}
        arrows += [(cause.gate, code), *((code, name) for name in drafts)]
    return Picture(boxes, tuple(arrows))


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart."""
    numbers = {name: f"n{number}" for number, name in enumerate(picture.boxes)}
    texts = {name: "<br/>".join(filter(None, box)).replace('"', "'") for name, box in picture.boxes.items()}
    lines = [f'    {number}["{texts[name]}"]' for name, number in numbers.items()]
    lines += [f"    {numbers[tail]} --> {numbers[head]}" for tail, head in picture.arrows if tail in numbers and head in numbers]
    return "\n".join(["flowchart LR", *lines])
