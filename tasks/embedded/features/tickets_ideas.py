"""Ideas for tasks on tickets."""

from __future__ import annotations

from typing import Any, NamedTuple

from tasks.embedded.domain import Term
from tasks.embedded.feature import Desk, Idea, Unfit, quoted, task
from tasks.embedded.phrases import from_start

ASKED = (
    "Could someone look into this, please?",
    "This has happened twice now.",
    "Please let me know what you need from me.",
    "I tried again this morning, and it is still the same.",
    "There is no hurry, but I would like to hear back.",
)


class Words(NamedTuple):
    """The domain's nouns and what varies between worlds."""

    t: Term
    p: Term
    s: Term
    priorities: tuple[str, ...]
    waiting: str
    escalates: bool

    @property
    def statuses(self) -> tuple[str, ...]:
        """Every status of a ticket."""
        return ("open", self.waiting, "closed")


def ideas(w: Words) -> tuple[Idea, ...]:
    """Every idea, bound to the words."""
    return tuple(
        from_start(idea, w)
        for idea in (_open, _reply, _close, _reopen, _escalate, _handler, _answers, _longest)
        if w.escalates or idea is not _escalate
    )


def _pick(w: Words, desk: Desk, condition: str) -> dict[str, Any]:
    return desk.one(f"SELECT * FROM {w.t.table} WHERE {w.p.key} = 1 AND {condition}")


def _open(w: Words, desk: Desk) -> dict[str, Any]:
    t = w.t
    used = {row["subject"] for row in desk.rows(f"SELECT subject FROM {t.table} WHERE {w.p.key} = 1")}
    free = [topic for topic in desk.studio.domain.topics if topic not in used]
    if not free:
        raise Unfit("every topic is taken")
    subject, priority, body = desk.rng.choice(free), desk.rng.choice(w.priorities), desk.rng.choice(ASKED)
    script = desk.script()
    script.call(f"open_{t.one}", subject=subject, priority=priority, body=body)
    wish = desk.say(
        f'Raise {t.a} for me with the subject "{subject}", priority {priority}, and this message: "{body}"',
        f'I need {t.a} opened. Subject: "{subject}". Priority: {priority}. Message: "{body}"',
    )
    raised = f"SELECT COUNT(*) = 1 FROM final.{t.table} WHERE {w.p.key} = 1 AND subject = {quoted(subject)} AND priority = '{priority}' AND status = 'open'"
    return task(script, wish, checks=((f"the {t.singular} is raised", raised),), writes=True)


def _reply(w: Words, desk: Desk) -> dict[str, Any]:
    target, body = _pick(w, desk, f"status = '{w.waiting}'"), desk.rng.choice(ASKED)
    script = desk.script()
    listed = script.call(f"list_my_{w.t.many}", status=w.waiting)
    script.call(f"reply_to_{w.t.one}", **{w.t.key: listed.pick("id", subject=target["subject"]), "body": body})
    wish = desk.say(
        f'Write this in my {w.t.singular} "{target["subject"]}": "{body}"',
        f'Please answer in my {w.waiting} {w.t.singular} about "{target["subject"]}" with exactly these words: "{body}"',
    )
    check = (f"the {w.t.singular} is open again", f"SELECT status = 'open' FROM final.{w.t.table} WHERE id = {target['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _close(w: Words, desk: Desk) -> dict[str, Any]:
    target = _pick(w, desk, "status <> 'closed'")
    script = desk.script()
    listed = script.call(f"list_my_{w.t.many}")
    script.call(f"close_{w.t.one}", **{w.t.key: listed.pick("id", subject=target["subject"])})
    left = sum(row["status"] != "closed" for row in listed.value) - 1
    wish = desk.say(
        f'"{target["subject"]}" is settled. Close that {w.t.singular} and tell me how many of my {w.t.plural} are then still not closed.',
        f'Close my {w.t.singular} "{target["subject"]}". How many {w.t.plural} of mine remain that are not closed?',
    )
    check = (f"the {w.t.singular} is closed", f"SELECT status = 'closed' FROM final.{w.t.table} WHERE id = {target['id']}")
    return task(script, wish, answer=[left], checks=(check,), writes=True)


def _reopen(w: Words, desk: Desk) -> dict[str, Any]:
    target = _pick(w, desk, "status = 'closed' AND closed_on >= date(:today, '-25 days')")
    script = desk.script()
    listed = script.call(f"list_my_{w.t.many}", status="closed")
    chosen, body = listed.pick("id", subject=target["subject"]), "It has started again."
    script.call(f"reopen_{w.t.one}", **{w.t.key: chosen})
    script.call(f"reply_to_{w.t.one}", **{w.t.key: chosen, "body": body})
    wish = f'My {w.t.singular} "{target["subject"]}" was closed too early. Reopen it and add this message: "{body}"'
    check = (f"the {w.t.singular} is open", f"SELECT status = 'open' FROM final.{w.t.table} WHERE id = {target['id']}")
    return task(script, wish, checks=(check,), writes=True)


def _escalate(w: Words, desk: Desk) -> dict[str, Any]:
    target = _pick(w, desk, "status <> 'closed'")
    script = desk.script()
    listed = script.call(f"list_my_{w.t.many}")
    raised = script.call(f"escalate_{w.t.one}", **{w.t.key: listed.pick("id", subject=target["subject"])})
    wish = desk.say(
        f'Nobody deals with "{target["subject"]}". Raise the priority of that {w.t.singular} by one step and tell me what it is then.',
        f'My {w.t.singular} "{target["subject"]}" has become more pressing: take it one priority higher. Which priority does it have now?',
    )
    check = ("the priority is raised", f"SELECT priority <> '{target['priority']}' FROM final.{w.t.table} WHERE id = {target['id']}")
    return task(script, wish, answer=[raised.ref(".priority")], checks=(check,), writes=True)


def _handler(w: Words, desk: Desk) -> dict[str, Any]:
    target = _pick(w, desk, f"{w.s.key} IS NOT NULL")
    script = desk.script()
    listed = script.call(f"list_my_{w.t.many}")
    seen = script.call(f"get_my_{w.t.one}", **{w.t.key: listed.pick("id", subject=target["subject"])})
    wish = desk.say(
        f'Who handles my {w.t.singular} "{target["subject"]}"?', f'Tell me the name of the person who deals with "{target["subject"]}".'
    )
    return task(script, wish, answer=[seen.ref(".handled_by")])


def _answers(w: Words, desk: Desk) -> dict[str, Any]:
    target = _pick(w, desk, f"{w.s.key} IS NOT NULL")
    script = desk.script()
    listed = script.call(f"list_my_{w.t.many}")
    seen = script.call(f"get_my_{w.t.one}", **{w.t.key: listed.pick("id", subject=target["subject"])})
    last = max(n for n, reply in enumerate(seen.value["replies"]) if reply["written_by"] == "staff")
    wish = f'What exactly did the staff last write in my {w.t.singular} "{target["subject"]}"?'
    return task(script, wish, answer=[seen.ref(f".replies[{last}].body")])


def _longest(w: Words, desk: Desk) -> dict[str, Any]:
    script = desk.script()
    listed = script.call(f"list_my_{w.t.many}")
    waiting = sorted((row for row in listed.value if row["status"] != "closed"), key=lambda row: str(row["opened_on"]))
    if len(waiting) < 2 or waiting[0]["opened_on"] == waiting[1]["opened_on"]:
        raise Unfit("no oldest one")
    wish = f"Which of my {w.t.plural} that are not closed has been waiting the longest since it was opened, and what is its priority?"
    return task(script, wish, answer=[waiting[0]["subject"], waiting[0]["priority"]])
