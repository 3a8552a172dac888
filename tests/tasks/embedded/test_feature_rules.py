"""What single features promise beyond running: lines move up, places are handed on, limits and fines hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from containers.environment import Environment


@pytest.fixture
def opened(worlds: Any) -> Iterator[Any]:
    environments: list[Environment] = []

    def fork(feature: str, seed: int = 0) -> tuple[Environment, Any]:
        world = worlds.of(feature, seed)
        environments.append(Environment.fork(world.blueprint))
        return environments[-1], world

    yield fork
    for environment in environments:
        environment.close()


def _call(environment: Environment, tool: str, **arguments: Any) -> Any:
    observation = environment.call_tool(tool, arguments)
    assert observation.ok, observation.message
    return observation.result


def _refused(environment: Environment, tool: str, **arguments: Any) -> str:
    before = environment.state_digest()
    observation = environment.call_tool(tool, arguments)
    assert environment.state_digest() == before
    assert observation.error is not None
    return observation.error


def test_a_place_given_up_goes_to_the_first_who_waits(opened: Any) -> None:
    environment, world = opened("schedules")
    shift, person = world.studio.term("schedules"), world.studio.term("person")
    before = _call(environment, f"list_{shift.many}")
    free = next(row["free_places"] for row in before if row["id"] == 3)
    assert _call(environment, f"leave_{shift.one}", **{shift.key: 3})["free_places"] == free == 0
    signed = environment.query(f"SELECT {person.key} AS person FROM {shift.one}_signups WHERE {shift.key} = 3 ORDER BY 1")
    waiting = environment.query(f"SELECT {person.key} AS person, position FROM {shift.one}_waiting WHERE {shift.key} = 3")
    assert [row["person"] for row in signed] == [2, 5]
    assert waiting == [{"person": 4, "position": 1}]


def test_a_full_or_a_second_sign_up_is_refused(opened: Any) -> None:
    environment, world = opened("schedules")
    shift = world.studio.term("schedules")
    assert _refused(environment, f"sign_up_for_{shift.one}", **{shift.key: 5}) == "limit"
    assert _refused(environment, f"sign_up_for_{shift.one}", **{shift.key: 4}) == "conflict"
    assert _refused(environment, f"sign_up_for_{shift.one}", **{shift.key: 1}) == "conflict"
    assert _refused(environment, f"sign_up_for_{shift.one}", **{shift.key: 99}) == "not_found"


def test_coming_back_late_costs_a_fine_for_each_day(opened: Any) -> None:
    environment, world = opened("loans")
    loan = world.studio.term("loans")
    (overdue,) = _call(environment, f"list_my_{loan.many}", state="overdue")
    fine = _call(environment, f"end_{loan.one}", **{loan.key: overdue["id"]})["fine_cents"]
    days = environment.query(f"SELECT CAST(julianday('2026-03-02') - julianday('{overdue['due_on']}') AS INTEGER) AS days")[0]["days"]
    (row,) = environment.query(f"SELECT * FROM {loan.one}_fines WHERE {loan.key} = {overdue['id']}")
    assert row["days_late"] == days > 0
    assert row["amount_cents"] == fine
    assert fine % days == 0
    assert _refused(environment, f"end_{loan.one}", **{loan.key: overdue["id"]}) == "conflict"


def test_what_someone_else_has_can_be_waited_for_but_not_taken(opened: Any) -> None:
    environment, world = opened("loans")
    loan, item, person = (world.studio.term(role) for role in ("loans", "item", "person"))
    (taken,) = environment.query(
        f"SELECT {item.key} AS id FROM {loan.table} WHERE returned_on IS NULL AND {person.key} <> 1 AND {item.key} NOT IN "
        f"(SELECT {item.key} FROM {loan.one}_holds WHERE {person.key} = 1) ORDER BY id LIMIT 1"
    )
    assert _refused(environment, f"take_{loan.one}", **{item.key: taken["id"]}) == "conflict"
    assert _call(environment, f"place_{loan.one}_hold", **{item.key: taken["id"]})["position"] >= 1
    assert _refused(environment, f"place_{loan.one}_hold", **{item.key: taken["id"]}) == "conflict"


def test_entries_of_a_wish_list_move_up(opened: Any) -> None:
    environment, world = opened("wish_lists")
    wish, item = world.studio.term("wish_lists"), world.studio.term("item")
    before = _call(environment, f"get_my_{wish.one}", **{wish.key: 2})["entries"]
    after = _call(environment, f"remove_from_{wish.one}", **{wish.key: 2, item.key: before[1][item.key]})
    assert [row[item.key] for row in after] == [row[item.key] for row in before if row is not before[1]]
    assert [row["position"] for row in after] == [1, 2, 3]


def test_a_new_wish_list_keeps_the_order_given_and_refuses_repetition(opened: Any) -> None:
    environment, world = opened("wish_lists")
    wish, item = world.studio.term("wish_lists"), world.studio.term("item")
    made = _call(environment, f"create_{wish.one}", name="A new one", visibility="private", item_ids=[7, 2, 5])
    assert [(row[item.key], row["position"]) for row in made["entries"]] == [(7, 1), (2, 2), (5, 3)]
    assert _refused(environment, f"create_{wish.one}", name="a NEW one", visibility="private") == "conflict"
    assert _refused(environment, f"create_{wish.one}", name="Another", visibility="private", item_ids=[7, 7]) == "invalid"
    assert _refused(environment, f"create_{wish.one}", name="Another", visibility="private", item_ids=[7, 99]) == "not_found"


def test_only_whose_turn_it_is_may_decide_and_the_last_word_settles(opened: Any) -> None:
    environment, world = opened("approvals")
    request = world.studio.term("approvals")
    assert _refused(environment, f"decide_{request.one}", **{request.key: 8, "decision": "approved"}) == "forbidden"
    assert _refused(environment, f"decide_{request.one}", **{request.key: 1, "decision": "approved"}) == "not_found"
    assert _call(environment, f"decide_{request.one}", **{request.key: 5, "decision": "approved"})["status"] not in (
        "approved",
        "withdrawn",
    )
    assert _call(environment, f"decide_{request.one}", **{request.key: 7, "decision": "approved"})["status"] == "approved"


def test_vouchers_that_expire_first_are_used_first(opened: Any) -> None:
    environment, world = opened("vouchers", 1)
    voucher, item = world.studio.term("vouchers"), world.studio.term("item")
    valid = _call(environment, f"list_my_{voucher.many}", state="valid")
    total = sum(row["balance_cents"] for row in valid)
    (dear,) = environment.query(
        f"SELECT id, price_cents FROM {item.table} WHERE is_active = 1 AND price_cents BETWEEN 1 AND {total} "
        "ORDER BY price_cents DESC, id LIMIT 1"
    )
    _call(environment, f"pay_with_all_{voucher.many}", **{item.key: dear["id"]})
    balances = {row["code"]: row["balance_cents"] for row in _call(environment, f"list_my_{voucher.many}")}
    left = dear["price_cents"]
    for row in valid:
        part = min(left, row["balance_cents"])
        assert balances[row["code"]] == row["balance_cents"] - part
        left -= part
    assert left == 0
    assert _call(environment, f"get_my_{voucher.one}_balance") == total - dear["price_cents"]


def test_a_code_can_be_redeemed_once_and_by_nobody_else(opened: Any) -> None:
    environment, world = opened("vouchers")
    voucher, person = world.studio.term("vouchers"), world.studio.term("person")
    codes = {row["id"]: row["code"] for row in environment.query(f"SELECT id, code FROM {voucher.table}")}
    _call(environment, f"redeem_{voucher.one}_code", code=codes[6].lower())
    assert _refused(environment, f"redeem_{voucher.one}_code", code=codes[6]) == "conflict"
    assert _refused(environment, f"redeem_{voucher.one}_code", code=codes[8]) == "conflict"
    (other,) = environment.query(f"SELECT code FROM {voucher.table} WHERE {person.key} > 1 ORDER BY id LIMIT 1")
    assert _refused(environment, f"redeem_{voucher.one}_code", code=other["code"]) == "forbidden"


def test_closing_an_inspection_makes_a_finding_of_every_bad_point(opened: Any) -> None:
    environment, world = opened("inspections")
    inspection = world.studio.term("inspections")
    assert _refused(environment, f"close_{inspection.one}", **{inspection.key: 2}) == "conflict"
    closed = _call(environment, f"close_{inspection.one}", **{inspection.key: 1})
    seen = _call(environment, f"get_my_{inspection.one}", **{inspection.key: 1})
    bad = [row["position"] for row in seen["points"] if row["outcome"] == closed["result"]]
    assert bad == [row["position"] for row in seen["findings"]] == [2]


def test_a_claim_is_sent_in_only_when_every_document_is_there(opened: Any) -> None:
    environment, world = opened("claims")
    claim = world.studio.term("claims")
    assert _refused(environment, f"submit_{claim.one}", **{claim.key: 2}) == "conflict"
    assert _call(environment, f"submit_{claim.one}", **{claim.key: 1})["status"] == "submitted"
    assert _refused(environment, f"add_{claim.one}_cost", **{claim.key: 1, "description": "Late", "amount_cents": 100}) == "conflict"


def test_an_unprepared_person_is_told_what_is_missing(opened: Any) -> None:
    environment, world = opened("enrolments")
    enrolment, item = world.studio.term("enrolments"), world.studio.term("item")
    names = {tool["name"] for tool in world.part.tools}
    kind = "courses" if f"list_{enrolment.one}_courses" in names else "workshops"
    (missing,) = environment.query(f"SELECT i.name FROM {enrolment.one}_{kind} k JOIN {item.table} i ON i.id = k.{item.key} WHERE k.id = 3")
    observation = environment.call_tool(f"start_{enrolment.one}", {f"{kind[:-1]}_id": 4})
    assert observation.error == "forbidden"
    assert missing["name"] in observation.message


def test_a_delivery_slot_takes_no_more_than_its_capacity(opened: Any) -> None:
    environment, world = opened("deliveries")
    delivery = world.studio.term("deliveries")
    assert _refused(environment, f"reschedule_{delivery.one}", **{delivery.key: 1, "slot_id": 9}) == "limit"
    assert _refused(environment, f"reschedule_{delivery.one}", **{delivery.key: 1, "slot_id": 1}) == "invalid"
    assert _refused(environment, f"reschedule_{delivery.one}", **{delivery.key: 6, "slot_id": 8}) == "not_found"
    assert _refused(environment, f"reschedule_{delivery.one}", **{delivery.key: 4, "slot_id": 8}) == "conflict"


def test_a_statement_adds_up_what_was_given_and_not_refunded(opened: Any) -> None:
    environment, world = opened("donations")
    donation, person = world.studio.term("donations"), world.studio.term("person")
    for year in (2025, 2026):
        statement = _call(environment, f"get_my_{donation.one}_statement", year=year)
        (row,) = environment.query(
            f"SELECT COUNT(*) AS gifts, COALESCE(SUM(amount_cents), 0) AS total FROM {donation.table} "
            f"WHERE {person.key} = 1 AND status = 'received' AND given_on LIKE '{year}-%'"
        )
        assert (statement[donation.many], statement["total_cents"]) == (row["gifts"], row["total"])
        parts = next(value for key, value in statement.items() if key.startswith("by_"))
        assert sum(part["total_cents"] for part in parts) == row["total"]


def test_guests_stay_within_the_plan(opened: Any) -> None:
    environment, world = opened("memberships")
    membership = world.studio.term("memberships")
    details = _call(environment, f"get_my_{membership.one}", **{membership.key: 1})["details"]
    for number in range(details["max_guests"] - 2):
        _call(environment, f"add_{membership.one}_guest", **{membership.key: 1, "guest_name": f"Guest {number}"})
    assert _refused(environment, f"add_{membership.one}_guest", **{membership.key: 1, "guest_name": "One more"}) == "limit"


def test_a_ticket_is_reopened_within_thirty_days_only(opened: Any) -> None:
    environment, world = opened("tickets")
    ticket = world.studio.term("tickets")
    assert _call(environment, f"reopen_{ticket.one}", **{ticket.key: 4})["closed_on"] is None
    assert _refused(environment, f"reopen_{ticket.one}", **{ticket.key: 5}) == "limit"
    assert _refused(environment, f"reply_to_{ticket.one}", **{ticket.key: 5, "body": "Hello?"}) == "conflict"
