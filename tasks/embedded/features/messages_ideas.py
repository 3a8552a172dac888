"""Ideas for tasks on conversations."""

from __future__ import annotations

from typing import Any

from tasks.embedded.feature import Desk, Idea, Studio, Unfit, quoted, task

REPLIES = (
    "Thank you, that answers my question.",
    "Please call me back before Friday.",
    "I would like to go ahead with this.",
    "Could you send me the details once more?",
    "That does not suit me; is there another way?",
    "I will bring the papers next time.",
)


def ideas(studio: Studio) -> tuple[Idea, ...]:
    """Every idea, bound to the studio's words."""
    makers = (_start, _reply, _reply_close, _read, _close, _star, _unread, _last, _who)
    return tuple(maker(studio) for maker in makers)


def _talk(desk: Desk, status: str = "open") -> dict[str, Any]:
    talk, person = desk.studio.term("messages"), desk.studio.term("person")
    return desk.one(
        f"SELECT id, subject, is_starred FROM {talk.table} WHERE {person.key} = 1 AND (:status = '' OR status = :status) ORDER BY id",
        status=status,
    )


def _start(studio: Studio) -> Idea:
    talk, person, staff = studio.term("messages"), studio.term("person"), studio.term("staff")

    def idea(desk: Desk) -> dict[str, Any]:
        used = {row["subject"] for row in desk.rows(f"SELECT subject FROM {talk.table} WHERE {person.key} = 1")}
        subject = desk.rng.choice([topic for topic in studio.domain.topics if topic not in used] or ["A quick question"])
        body = desk.rng.choice(REPLIES)
        who = desk.one(f"SELECT id, full_name FROM {staff.table} ORDER BY id")
        script = desk.script()
        listed = script.call(f"list_{staff.many}")
        script.call(f"start_{talk.one}", **{staff.key: listed.pick("id", full_name=who["full_name"]), "subject": subject, "body": body})
        return task(
            script,
            desk.say(
                f'Please write to {who["full_name"]}: subject "{subject}", and the text "{body}"',
                f'Start {talk.a} with {who["full_name"]}. The subject is "{subject}" and my first message is exactly: "{body}"',
            ),
            checks=(
                (
                    f"{talk.a} with {who['full_name']}",
                    f"SELECT COUNT(*) = 1 FROM final.{talk.table} WHERE {person.key} = 1 AND {staff.key} = {who['id']} AND subject = {quoted(subject)}",
                ),
            ),
            writes=True,
        )

    return idea


def _reply(studio: Studio) -> Idea:
    talk = studio.term("messages")

    def idea(desk: Desk) -> dict[str, Any]:
        target, body = _talk(desk), desk.rng.choice(REPLIES)
        script = desk.script()
        listed = script.call(f"list_my_{talk.many}", status="open")
        script.call(f"reply_to_{talk.one}", **{talk.key: listed.pick("id", subject=target["subject"]), "body": body})
        return task(
            script,
            f'Reply in my {talk.singular} about "{target["subject"]}" with exactly this: "{body}"',
            checks=((f"a reply about {target['subject']}", _sent(desk, target["id"], body)),),
            writes=True,
        )

    return idea


def _sent(desk: Desk, talk_id: int, body: str) -> str:
    talk = desk.studio.term("messages")
    return (
        f"SELECT COUNT(*) = 1 FROM final.{talk.one}_messages WHERE {talk.key} = {talk_id} AND from_staff = 0 AND body = {quoted(body)} "
        f"AND id NOT IN (SELECT id FROM initial.{talk.one}_messages)"
    )


def _reply_close(studio: Studio) -> Idea:
    talk = studio.term("messages")

    def idea(desk: Desk) -> dict[str, Any]:
        target, body = _talk(desk), desk.rng.choice(REPLIES)
        script = desk.script()
        listed = script.call(f"list_my_{talk.many}", status="open")
        chosen = {talk.key: listed.pick("id", subject=target["subject"])}
        script.call(f"reply_to_{talk.one}", **chosen, body=body)
        script.call(f"close_{talk.one}", **chosen)
        return task(
            script,
            f'In my {talk.singular} about "{target["subject"]}", send exactly "{body}" as a last message and then close it.',
            checks=(
                (f"a reply about {target['subject']}", _sent(desk, target["id"], body)),
                ("it is closed", f"SELECT status = 'closed' FROM final.{talk.table} WHERE id = {target['id']}"),
            ),
            writes=True,
        )

    return idea


def _read(studio: Studio) -> Idea:
    talk = studio.term("messages")

    def idea(desk: Desk) -> dict[str, Any]:
        script = desk.script()
        listed = script.call(f"list_my_{talk.many}")
        unread = [row for row in listed.value if row["unread_count"]]
        if not unread:
            raise Unfit("everything is read")
        target = desk.rng.choice(unread)
        chosen = {talk.key: listed.pick("id", subject=target["subject"])}
        got = script.call(f"read_{talk.one}", **chosen)
        script.call(f"mark_{talk.one}_read", **chosen)
        return task(
            script,
            f'What does the last message in my {talk.singular} about "{target["subject"]}" say? Mark that {talk.singular} as read, too.',
            answer=[got.ref(f".messages[{len(got.value['messages']) - 1}].body")],
            checks=(
                (
                    "nothing is unread",
                    f"SELECT COUNT(*) = 0 FROM final.{talk.one}_messages WHERE {talk.key} = {target['id']} AND is_read = 0",
                ),
            ),
            writes=True,
        )

    return idea


def _close(studio: Studio) -> Idea:
    talk = studio.term("messages")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _talk(desk)
        script = desk.script()
        listed = script.call(f"list_my_{talk.many}", status="open")
        script.call(f"close_{talk.one}", **{talk.key: listed.pick("id", subject=target["subject"])})
        return task(
            script,
            desk.say(
                f'The matter "{target["subject"]}" is settled. Close that {talk.singular}.',
                f'Please close my {talk.singular} about "{target["subject"]}".',
            ),
            checks=(("it is closed", f"SELECT status = 'closed' FROM final.{talk.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _star(studio: Studio) -> Idea:
    talk = studio.term("messages")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _talk(desk, "")
        starred = not target["is_starred"]
        script = desk.script()
        listed = script.call(f"list_my_{talk.many}")
        script.call(f"star_{talk.one}", **{talk.key: listed.pick("id", subject=target["subject"]), "is_starred": starred})
        what = "Put a star on" if starred else "Take the star away from"
        return task(
            script,
            f'{what} my {talk.singular} about "{target["subject"]}".',
            checks=(("the star is set", f"SELECT is_starred = {int(starred)} FROM final.{talk.table} WHERE id = {target['id']}"),),
            writes=True,
        )

    return idea


def _unread(studio: Studio) -> Idea:
    talk, staff = studio.term("messages"), studio.term("staff")

    def idea(desk: Desk) -> dict[str, Any]:
        script = desk.script()
        listed = script.call(f"list_my_{talk.many}")
        return task(
            script,
            desk.say(
                f"How many messages from the {staff.plural} have I not read yet?",
                f"Count the unread messages in all my {talk.plural}.",
            ),
            answer=[sum(row["unread_count"] for row in listed.value)],
        )

    return idea


def _last(studio: Studio) -> Idea:
    talk = studio.term("messages")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _talk(desk, "")
        script = desk.script()
        listed = script.call(f"list_my_{talk.many}")
        got = script.call(f"read_{talk.one}", **{talk.key: listed.pick("id", subject=target["subject"])})
        return task(
            script,
            f'How did my {talk.singular} about "{target["subject"]}" begin, and how many messages does it have by now? Quote the first message.',
            answer=[got.ref(".messages[0].body"), len(got.value["messages"])],
        )

    return idea


def _who(studio: Studio) -> Idea:
    talk, staff = studio.term("messages"), studio.term("staff")

    def idea(desk: Desk) -> dict[str, Any]:
        target = _talk(desk, "")
        script = desk.script()
        listed = script.call(f"list_my_{talk.many}")
        where = {"subject": target["subject"]}
        return task(
            script,
            f'Which {staff.singular} am I talking to about "{target["subject"]}", and is that {talk.singular} open or closed?',
            answer=[listed.pick(staff.one, **where), listed.pick("status", **where)],
        )

    return idea
