"""Vouchers with a code and a balance: redeemed, used for items, merged, and given to others."""

from __future__ import annotations

from typing import Any

from artifacts.world import TableRows
from tasks.embedded.feature import Part, Studio
from tasks.embedded.features.vouchers_ideas import Words, ideas
from tasks.embedded.phrases import choice, unless, value
from tasks.embedded.steps import each, let, many, one, refuse, require, run, tool

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def build(studio: Studio) -> Part:
    """Two tables, eight tools, eight ideas."""
    rng = studio.rng
    w = Words(
        studio.term("vouchers"),
        studio.term("person"),
        studio.term("item"),
        rng.choice(("GIFT", "CARD", "GV")),
        rng.random() < 0.6,
    )
    return Part(
        ddl=_ddl(w),
        rows=_rows(w, studio),
        tools=(*_reading(w), _redeem(w), *_using(w), *_handing(w)),
        ideas=ideas(w),
        intentions=(
            f"Redeem the code of {w.v.a} that I was given.",
            f"Pay for {w.i.a} with my {w.v.plural}.",
            f"Pass {w.v.a} on to a friend.",
        ),
    )


def _ddl(w: Words) -> tuple[str, ...]:
    occasion = "\n  occasion TEXT," if w.has_occasion else ""
    return (
        f"""CREATE TABLE {w.v.table} (
  id INTEGER PRIMARY KEY,
  code TEXT NOT NULL UNIQUE,
  {w.p.key} INTEGER REFERENCES {w.p.table}(id),
  amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
  balance_cents INTEGER NOT NULL CHECK (balance_cents >= 0),
  expires_on TEXT NOT NULL,{occasion}
  blocked INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1))
);""",
        f"CREATE INDEX {w.v.table}_of_{w.p.one} ON {w.v.table} ({w.p.key});",
        f"""CREATE TABLE {w.uses} (
  {w.v.key} INTEGER NOT NULL REFERENCES {w.v.table}(id),
  position INTEGER NOT NULL CHECK (position >= 1),
  {w.i.key} INTEGER NOT NULL REFERENCES {w.i.table}(id),
  paid_cents INTEGER NOT NULL CHECK (paid_cents > 0),
  used_on TEXT NOT NULL,
  PRIMARY KEY ({w.v.key}, position)
);""",
    )


def _rows(w: Words, studio: Studio) -> tuple[TableRows, ...]:
    """Mine: a large one, two smaller ones, one expired, one used up; three are nobody's yet, one of them expired; others have four."""
    rng = studio.rng
    priced = sorted((price, number) for number, (_, price) in enumerate(studio.items, 1) if price > 0)
    large = (priced[len(priced) // 2][0] // 100 + rng.randint(1, 9)) * 100
    owners = (1, 1, 1, 1, 1, None, None, None, 2, 3, 4, 2)
    amounts = [large, *((large * n // 500 + 1) * 100 for n in (3, 2)), *(rng.randrange(1_000, 8_000, 500) for _ in owners[3:])]
    bought = {2: priced[0], 5: rng.choice(priced), 9: priced[1]}
    amounts[4], amounts[8] = bought[5][0], bought[9][0] + 1_000
    codes = [f"{w.prefix}-{''.join(rng.sample(_LETTERS, 5))}" for _ in owners]
    ends = rng.sample(range(20, 300), len(owners))
    vouchers, uses = [], []
    for n, (owner, amount, code, end) in enumerate(zip(owners, amounts, codes, ends, strict=True), 1):
        expires = studio.day(-60, -5) if n in (4, 8) else studio.day(end, end)
        occasion = (rng.choice((None, "birthday", "thank you", "anniversary")),) if w.has_occasion else ()
        price, item = bought.get(n, (0, 0))
        paid = min(price, amount // 2 if n == 2 else amount)
        vouchers.append((n, code, owner, amount, amount - paid, expires, *occasion, int(n == 12)))
        if paid:
            uses.append((n, 1, item, paid, studio.day(-80, -10)))
    columns = ("id", "code", w.p.key, "amount_cents", "balance_cents", "expires_on", *(("occasion",) if w.has_occasion else ()), "blocked")
    return (
        TableRows(table=w.v.table, columns=columns, rows=tuple(vouchers)),
        TableRows(table=w.uses, columns=(w.v.key, "position", w.i.key, "paid_cents", "used_on"), rows=tuple(uses)),
    )


_STATE = "CASE WHEN v.blocked = 1 THEN 'blocked' WHEN v.expires_on < :today THEN 'expired' WHEN v.balance_cents = 0 THEN 'used up' ELSE 'valid' END"


def _shown(w: Words) -> str:
    return f"SELECT v.id, v.code, v.amount_cents, v.balance_cents, v.expires_on, {_STATE} AS state FROM {w.v.table} v"


def _mine(w: Words, key: str = "", suffix: str = "") -> tuple[dict[str, Any], ...]:
    """One of my vouchers that can be used; binds code_, balance_ and state_ with the suffix."""
    key = key or w.v.key
    return (
        require(
            f"SELECT v.code AS code_{suffix}, v.balance_cents AS balance_{suffix}, {_STATE} AS state_{suffix} FROM {w.v.table} v WHERE v.id = :{key} AND v.{w.p.key} = :me",
            f"You have no {w.v.singular} {{{key}}}.",
        ),
        unless(f":state_{suffix} <> 'valid'", f"{w.v.singular.capitalize()} {{code_{suffix}}} is {{state_{suffix}}}."),
    )


def _item(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        require(
            f"SELECT name AS item_name, price_cents AS price, is_active AS offered FROM {w.i.table} WHERE id = :{w.i.key}",
            f"There is no {w.i.singular} {{{w.i.key}}}.",
        ),
        unless(":offered = 0", "{item_name} is not available at the moment."),
        unless(":price = 0", "{item_name} costs nothing."),
    )


def _use(w: Words, voucher: str, cents: str) -> tuple[dict[str, Any], ...]:
    return (
        run(f"UPDATE {w.v.table} SET balance_cents = balance_cents - :{cents} WHERE id = :{voucher}"),
        run(
            f"INSERT INTO {w.uses} ({w.v.key}, position, {w.i.key}, paid_cents, used_on) SELECT :{voucher}, COALESCE(MAX(position), 0) + 1, :{w.i.key}, :{cents}, :today FROM {w.uses} WHERE {w.v.key} = :{voucher}"
        ),
    )


def _reading(w: Words) -> tuple[dict[str, Any], ...]:
    return (
        tool(
            f"list_my_{w.v.many}",
            f"Your {w.v.plural}, the first to expire first, with balance and state.",
            {"state": f"{choice(('valid', 'expired', 'used up', 'blocked'), optional=True)}: Only those in this state."},
            many(f"{_shown(w)} WHERE v.{w.p.key} = :me AND (:state IS NULL OR {_STATE} = :state) ORDER BY v.expires_on, v.id"),
        ),
        tool(
            f"check_{w.v.one}_code",
            f"What {w.v.a} is worth whose code you know, and whether it can still be redeemed.",
            {"code": "text: The code as printed, any case."},
            require(f"SELECT id AS found FROM {w.v.table} WHERE upper(code) = upper(trim(:code))", "There is no code {code}."),
            one(
                f"SELECT v.code, v.balance_cents, v.expires_on, {_STATE} AS state, v.{w.p.key} IS NULL AS can_be_redeemed FROM {w.v.table} v WHERE v.id = :found"
            ),
        ),
        tool(
            f"list_my_{w.v.one}_uses",
            f"What you paid for with your {w.v.plural}, newest first.",
            {},
            many(
                f"SELECT v.code, i.name AS {w.i.one}_name, u.paid_cents, u.used_on, u.position FROM {w.uses} u JOIN {w.v.table} v ON v.id = u.{w.v.key} JOIN {w.i.table} i ON i.id = u.{w.i.key} WHERE v.{w.p.key} = :me ORDER BY u.used_on DESC, v.id, u.position"
            ),
        ),
        tool(
            f"get_my_{w.v.one}_balance",
            f"What all your {w.v.plural} that can be used are worth together, in cents.",
            {},
            value(
                f"SELECT COALESCE(SUM(v.balance_cents), 0) AS balance_cents FROM {w.v.table} v WHERE v.{w.p.key} = :me AND {_STATE} = 'valid'"
            ),
        ),
    )


def _redeem(w: Words) -> dict[str, Any]:
    return tool(
        f"redeem_{w.v.one}_code",
        f"Make {w.v.a} yours that belongs to nobody yet, by its code.",
        {"code": "text: The code as printed, any case."},
        require(
            f"SELECT v.id AS found, {_STATE} AS was, v.{w.p.key} AS owner FROM {w.v.table} v WHERE upper(v.code) = upper(trim(:code))",
            "There is no code {code}.",
        ),
        unless(":owner = :me", f"That {w.v.singular} is yours already."),
        unless(":owner IS NOT NULL", f"That {w.v.singular} has been redeemed by someone else.", "forbidden"),
        unless(":was <> 'valid'", f"That {w.v.singular} is {{was}}."),
        run(f"UPDATE {w.v.table} SET {w.p.key} = :me WHERE id = :found"),
        one(f"{_shown(w)} WHERE v.id = :found"),
    )


def _using(w: Words) -> tuple[dict[str, Any], ...]:
    item = {w.i.key: f"integer: Id of the {w.i.singular}."}
    valid = f"{w.v.table} v WHERE v.{w.p.key} = :me AND {_STATE} = 'valid'"
    single = tool(
        f"use_{w.v.one}",
        f"Pay for {w.i.a} with one of your {w.v.plural} whose balance covers the price.",
        {w.v.key: f"integer: Id of the {w.v.singular}.", **item},
        *_mine(w, suffix="now"),
        *_item(w),
        unless(":balance_now < :price", "{item_name} costs {price} cents; {code_now} holds {balance_now}.", "limit"),
        *_use(w, w.v.key, "price"),
        one(f"{_shown(w)} WHERE v.id = :{w.v.key}"),
    )
    together = tool(
        f"pay_with_all_{w.v.many}",
        f"Pay for {w.i.a} with as many of your {w.v.plural} as it takes, the first to expire first.",
        item,
        *_item(w),
        let(f"SELECT COALESCE(SUM(v.balance_cents), 0) AS in_all FROM {valid}"),
        unless(":in_all < :price", "{item_name} costs {price} cents; you have {in_all} in all.", "limit"),
        each(
            f"SELECT o.voucher AS voucher, MIN(o.balance, :price - o.before) AS part FROM (SELECT v.id AS voucher, v.balance_cents AS balance, SUM(v.balance_cents) OVER (ORDER BY v.expires_on, v.id) - v.balance_cents AS before, v.expires_on AS expires FROM {valid}) o "
            "WHERE o.before < :price ORDER BY o.expires, o.voucher",
            *_use(w, "voucher", "part"),
        ),
        many(f"{_shown(w)} WHERE v.{w.p.key} = :me AND v.expires_on >= :today AND v.blocked = 0 ORDER BY v.expires_on, v.id"),
    )
    return (single, together)


def _handing(w: Words) -> tuple[dict[str, Any], ...]:
    give = tool(
        f"give_{w.v.one}",
        f"Give one of your {w.v.plural} that can be used to someone else, by mail address.",
        {w.v.key: f"integer: Id of the {w.v.singular}.", "email": f"text: Mail address of the {w.p.singular} who gets it."},
        *_mine(w, suffix="now"),
        require(
            f"SELECT id AS receiver, full_name AS receiver_name FROM {w.p.table} WHERE lower(email) = lower(trim(:email))",
            f"No {w.p.singular} has the address {{email}}.",
        ),
        unless(":receiver = :me", "It is yours already.", "invalid"),
        run(f"UPDATE {w.v.table} SET {w.p.key} = :receiver WHERE id = :{w.v.key}"),
        one("SELECT :code_now AS code, :receiver_name AS given_to, :balance_now AS balance_cents"),
    )
    merge = tool(
        f"merge_{w.v.many}",
        f"Move the whole balance of one of your {w.v.plural} to another; both must be valid, and the date of the one that stays counts.",
        {"from_id": f"integer: Id of the {w.v.singular} that is emptied.", "into_id": f"integer: Id of the {w.v.singular} that stays."},
        unless(":from_id = :into_id", f"These are the same {w.v.singular}.", "invalid"),
        *_mine(w, "from_id", "a"),
        *_mine(w, "into_id", "b"),
        refuse(
            f"SELECT expires_on AS sooner FROM {w.v.table} WHERE id = :into_id AND expires_on < (SELECT expires_on FROM {w.v.table} WHERE id = :from_id)",
            "{code_b} expires earlier, on {sooner}; merge the other way round.",
            "invalid",
        ),
        run(f"UPDATE {w.v.table} SET balance_cents = 0 WHERE id = :from_id"),
        run(
            f"UPDATE {w.v.table} SET balance_cents = balance_cents + :balance_a, amount_cents = amount_cents + :balance_a WHERE id = :into_id"
        ),
        one(f"{_shown(w)} WHERE v.id = :into_id"),
    )
    return (give, merge)
