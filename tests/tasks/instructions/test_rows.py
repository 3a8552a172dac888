"""What a person may know of a row: its own columns, its parents', and its children's, but never itself by way of its children."""

from __future__ import annotations

from tasks.instructions.rows import Known, literal
from tasks.trials.workbench import Workbench


def test_facts_of_a_row_reach_parents_and_children(bench: Workbench) -> None:
    bench.environment.reset()
    rows = Known(bench).of("orders")
    told = {(field.label, field.of((3,))) for field in rows.fields}
    assert {
        ("status", ("pending",)),
        ("total cents", (9000,)),
        ("user name", ("Ana Ruiz",)),
        ("order item product name", ("Desk lamp",)),
    } <= told
    assert [field.column for field in rows.owners] == ["orders.user_id"]


def test_children_do_not_tell_a_row_about_itself(bench: Workbench) -> None:
    bench.environment.reset()
    known = Known(bench)
    assert not {f.column for f in known.of("orders").fields if f.many and f.column.startswith(("orders.", "users."))}


def test_every_fields_sql_gives_its_value(bench: Workbench) -> None:
    bench.environment.reset()
    known = Known(bench)
    for table in known.catalog.tables:
        rows = known.of(table)
        key = rows.table.primary_key
        if len(key) != 1:
            continue
        for field in rows.fields:
            for one in rows.keys:
                for value in field.of(one):
                    test = field.sql.replace("{}", literal(value)) if field.many else f"{field.sql} = {literal(value)}"
                    found = bench.environment.query(f'SELECT t."{key[0]}" AS k FROM "{rows.table.name}" t WHERE {test}')
                    assert one[0] in [row["k"] for row in found], (field.label, value)
