"""In the owner's scope, the program itself keeps sessions apart.

Whatever a turn or a delivery does, no other session's rows are touched or shown.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest

from discreet.delivery import deliver
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput
from discreet.domain.ids import ContactId
from discreet.intake import Accepted
from discreet.intake.terminal_message import TerminalMessage, to_inbound
from discreet.sessions.replies import reply_to
from discreet.turn.context import TurnContext
from discreet.turn.draft import Draft
from discreet.turn.lease import Lease, acquire
from discreet.turn.run import run_turn
from discreet.turn.think import Tools
from tests.isolation.conftest import ALICE, BOB
from tests.support.responders import Responder
from tests.support.turns import Recording, by_platform, turns_of
from tests.support.world import World

Admin = psycopg.Connection[Any]


async def busy_session(world: World, sender: str | None, thread: str) -> Accepted:
    """Return a session with an undelivered answer, a running turn with a draft, and a waiting
    message.
    """
    first = await world.say(sender, "answered", thread_key=thread)
    await run_turn(turns_of(world.db, Responder()), first.session_id)
    await world.say(sender, "taken", thread_key=thread)
    scope = world.owner if sender is None else world.contact(first.contact_id)
    async with world.db.begin(scope) as tx:
        lease = await acquire(tx, first.session_id)
    assert isinstance(lease, Lease)
    draft = Draft(world.db, scope, lease)
    draft._written_at -= 10
    await draft.write(f"written for {sender} {thread}")
    await world.say(sender, "waiting", thread_key=thread)
    return first


def rows_of_others(admin: Admin, session: Any) -> list[str]:
    """Return every row of every other session, as text."""
    found: list[str] = []
    for table, key in (
        ("sessions", "id"),
        ("turns", "session_id"),
        ("messages", "session_id"),
        ("outbox", "session_id"),
        ("drafts", "(SELECT session_id FROM discreet.turns WHERE id = turn_id)"),
    ):
        query = f"SELECT t::text FROM discreet.{table} t WHERE {key} <> %s ORDER BY 1"
        found += [f"{table} {row}" for (row,) in admin.execute(query, (session,)).fetchall()]
    return found


@pytest.mark.parametrize("sender", [None, ALICE])
async def test_whatever_becomes_of_a_turn_no_other_sessions_rows_change(
    world: World, admin: Admin, sender: str | None
) -> None:
    for who, thread in ((ALICE, "other"), (BOB, ""), (None, "other"), (BOB, "other")):
        await busy_session(world, who, thread)
    mine = await busy_session(world, sender, "mine")
    others = rows_of_others(admin, mine.session_id)
    assert len(others) > 20
    scope = world.owner if sender is None else world.contact(mine.contact_id)

    async def fail(_: TurnContext, __: Tools) -> str:
        raise RuntimeError

    # The running turn is lost; the next fails; the one after that answers; then one is given up.
    for responder, attempts in ((Responder(fail), 9), (Responder(), 9), (Responder(fail), 1)):
        async with world.db.begin(scope) as tx:
            assert isinstance(await acquire(tx, mine.session_id), Lease)
        assert rows_of_others(admin, mine.session_id) == others
        await run_turn(turns_of(world.db, responder, max_attempts=attempts), mine.session_id)
        assert rows_of_others(admin, mine.session_id) == others
        await world.say(sender, "more", thread_key="mine")
    states = admin.execute(
        "SELECT array_agg(DISTINCT state) FROM discreet.turns WHERE session_id = %s",
        (mine.session_id,),
    ).fetchone()
    assert states is not None
    assert set(states[0]) == {"answered", "failed", "given_up", "lost"}


async def test_a_session_that_names_anothers_turn_ends_nothing_of_it(
    world: World, admin: Admin
) -> None:
    """A sender's own statements could write the name of any turn into its session."""
    theirs = await busy_session(world, BOB, "")
    turn = admin.execute(
        "SELECT current_turn FROM discreet.sessions WHERE id = %s", (theirs.session_id,)
    ).fetchone()
    assert turn is not None
    mine = await busy_session(world, ALICE, "")
    others = rows_of_others(admin, mine.session_id)
    assert any(row.startswith("drafts") for row in others)
    for end in (
        "SELECT * FROM gate.begin_turn(%(session)s, 50)",
        "SELECT * FROM gate.end_turn(%(session)s, %(turn)s, false, NULL)",
    ):
        named = {"session": mine.session_id, "turn": turn[0]}
        async with world.db.begin(world.contact(mine.contact_id)) as tx:
            await tx.execute(
                "UPDATE discreet.sessions SET current_turn = %(turn)s WHERE id = %(session)s", named
            )
            await tx.execute(end, named)
        assert rows_of_others(admin, mine.session_id) == others, end
    async with world.db.begin(world.contact(mine.contact_id)) as tx:
        await tx.execute(
            "UPDATE discreet.sessions SET current_turn = %(turn)s WHERE id = %(session)s", named
        )
    await world.say(ALICE, "/stop")
    assert rows_of_others(admin, mine.session_id) == others


@pytest.mark.parametrize("sender", [None, ALICE])
async def test_a_delivery_sends_the_answers_of_one_route_and_touches_no_others(
    world: World, admin: Admin, sender: str | None
) -> None:
    for who, thread in ((ALICE, "other"), (BOB, ""), (None, "other")):
        await busy_session(world, who, thread)
    asked = await world.say(sender, "mine", thread_key="mine", message_id="77")
    await world.say(sender, "elsewhere", thread_key="mine", chat="elsewhere")
    for _ in range(2):
        await run_turn(turns_of(world.db, Responder(answer)), asked.session_id)
    others = rows_of_others(admin, asked.session_id)
    route = admin.execute(
        "SELECT route_id FROM discreet.messages WHERE id = %s", (asked.message_id,)
    ).fetchone()
    assert route is not None
    wire = InParts("terminal")
    await deliver(world.db, by_platform({"terminal": wire}), route[0])
    assert [(one.text, one.reply_to) for one in wire.sent] == [("re: mine", "77")] * 2
    assert rows_of_others(admin, asked.session_id) == others
    states = admin.execute(
        "SELECT m.text, o.state, o.parts_sent FROM discreet.outbox o"
        " JOIN discreet.messages m ON m.id = o.message_id WHERE o.session_id = %s ORDER BY 1",
        (asked.session_id,),
    ).fetchall()
    assert states == [("re: elsewhere", "pending", 0), ("re: mine", "sent", 2)]


class InParts(Recording):
    """Every answer needs two messages there."""

    def parts(self, text: str) -> int:
        return 2


async def answer(context: TurnContext, _: Tools) -> str:
    return f"re: {context.waiting[0].text}"


async def test_a_waiting_client_gets_the_answer_to_its_own_message(
    world: World, admin: Admin
) -> None:
    asked = {}
    for sender in (ALICE, BOB, None):
        asked[sender] = await world.say(sender, f"I am {sender}")
        await run_turn(turns_of(world.db, Responder(answer)), asked[sender].session_id)
    waiting = await busy_session(world, "telegram:1003", "")
    for sender, one in asked.items():
        async with world.db.begin(world.owner) as tx:
            reply = await reply_to(tx, one.message_id)
        assert (reply.answer, reply.draft, reply.sent) == (f"re: I am {sender}", None, False)
        admin.execute(
            "UPDATE discreet.outbox SET state = 'sent' WHERE session_id = %s", (one.session_id,)
        )
        async with world.db.begin(world.owner) as tx:
            reply = await reply_to(tx, one.message_id)
        assert (reply.answer, reply.draft, reply.sent) == (f"re: I am {sender}", None, True)
    taken = admin.execute(
        "SELECT id FROM discreet.messages WHERE session_id = %s AND state = 'taken'",
        (waiting.session_id,),
    ).fetchone()
    assert taken is not None
    async with world.db.begin(world.owner) as tx:
        reply = await reply_to(tx, taken[0])
    assert (reply.answer, reply.draft) == (None, "written for telegram:1003 ")


def test_each_sender_at_a_terminal_has_a_chat_and_each_topic_a_key_of_its_own(
    world: World,
) -> None:
    alice, bob, group = (Address.parse(one) for one in (ALICE, BOB, "telegram:-1"))
    contact = ContactId(UUID(int=1))
    typed = [
        TerminalMessage("hi"),
        TerminalMessage("hi", sender=alice),
        TerminalMessage("hi", sender=bob),
        TerminalMessage("hi", contact_id=contact),
        TerminalMessage("hi", sender=alice, group=group),
    ]
    made = [to_inbound(one, world.channel_id) for one in typed]
    assert len({one.chat_id for one in made}) == len(made)
    keys = [
        to_inbound(TerminalMessage("hi", thread_key=key), world.channel_id).thread_key
        for key in ("Trip", "trip", "t")
    ]
    assert keys == ["Trip", "trip", "t"]
    for wrong in (
        TerminalMessage("hi", sender=alice, contact_id=contact),
        TerminalMessage("hi", group=group),
        TerminalMessage("hi", group=group, contact_id=contact),
    ):
        with pytest.raises(BadInput):
            to_inbound(wrong, world.channel_id)
