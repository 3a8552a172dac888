"""The author goes on from parts that an earlier draw made: what it writes fits them, and is not what was there."""

from __future__ import annotations

import pytest

from tasks.embedded.answers import shown_draw
from tasks.embedded.composer import compose
from tasks.embedded.prompt import Prompt

SCENARIO = "Name: Veterinary clinic\nCategory: health\nDescription: Appointments, pets and bills of a clinic."


def prompt(number: int, **fields: str) -> Prompt:
    return Prompt({"scenario": SCENARIO, **fields}, "", "", number * 1_000 + 1)


def intentions(draw: str) -> str:
    return "\n".join(f"- {line}" for line in compose(SCENARIO, draw).intentions[:10])


@pytest.mark.parametrize(("seed", "number"), [(0, 0), (3, 3), (0, 2)])
def test_its_own_parts_and_none_at_all_mean_its_own_draw(seed: int, number: int) -> None:
    own = f"{seed}.{number}"
    assert shown_draw(prompt(number), seed) == own
    assert shown_draw(prompt(number, intentions=intentions(own)), seed) == own


@pytest.mark.parametrize(("seed", "number", "made"), [(1, 1, "0.0"), (5, 5, "3.3"), (0, 4, "0.1")])
def test_an_earlier_draw_is_known_by_any_of_its_parts(seed: int, number: int, made: str) -> None:
    plan = compose(SCENARIO, made)
    ddl = "\n".join(f"{statement.rstrip(';')};" for statement in plan.ddl)
    tools = "\n".join(f"- {tool['name']}(): {tool['description']}" for tool in plan.tools)
    data = "\n".join(" | ".join(map(str, row)) for block in plan.rows for row in block.rows)
    for fields in ({"intentions": intentions(made), "tools": tools}, {"ddl": ddl}, {"tools": tools, "data": data}):
        assert shown_draw(prompt(number, **fields), seed) == made


def test_a_spoiled_part_does_not_hide_the_draw() -> None:
    plan = compose(SCENARIO, "0.0")
    spoiled = ";\n".join(plan.ddl).replace("TEXT", "TXT", 1)
    assert shown_draw(prompt(1, ddl=spoiled), 1) == "0.0"
