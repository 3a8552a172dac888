from __future__ import annotations

from artifacts.agent_task import ToolCall
from containers.environment import Blueprint
from containers.volatile import volatile_columns


def test_columns_that_the_clock_fills_are_found(blueprint: Blueprint) -> None:
    placed = ToolCall(tool="place_order", arguments={"items": [{"product_id": 2, "quantity": 1}]})
    cancelled = ToolCall(tool="cancel_order", arguments={"order_id": 17})
    assert volatile_columns(blueprint, (placed, cancelled)) == ("orders.created_at", "orders.updated_at")
    assert volatile_columns(blueprint, (cancelled,)) == ("orders.updated_at",)


def test_a_solution_without_the_clock_has_none(blueprint: Blueprint) -> None:
    stocked = ToolCall(tool="set_stock", arguments={"product_id": 1, "stock": 9})
    assert volatile_columns(blueprint, (stocked,)) == ()
    assert volatile_columns(blueprint, (ToolCall(tool="time_of_day"),)) == ()
