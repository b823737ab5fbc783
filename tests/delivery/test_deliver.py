"""Answers are sent in order, on the route of their message, until they have arrived."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from discreet.channels.terminal import TerminalChannel
from discreet.delivery import deliver
from discreet.delivery.outbox import MAX_ATTEMPTS
from discreet.domain.errors import SecretMissing
from discreet.domain.ids import RouteId
from discreet.domain.outbound import Channel, Later, Outbound, Rejected, SendResult, Sent
from discreet.postgres.server import Database
from discreet.queue.job_scope import DueRoute
from discreet.services.status import get_status
from discreet.turn.run import run_turn
from tests.support.answers import answer, let_doubt_end, outbox, send_all
from tests.support.responders import echo
from tests.support.turns import (
    Recording,
    by_platform,
    count,
    do_all,
    one_turn,
    rows_of,
    turns_of,
    working,
)
from tests.support.waiting import patience, until
from tests.support.world import World

deliver_module = sys.modules["discreet.delivery.deliver"]
ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


async def test_who_was_frozen_before_sending_looks_again_and_does_not_send_what_another_sent(
    world: World, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answer(world, ALICE)
    take = deliver_module.take_answer

    async def take_and_freeze(*given: Any) -> Any:
        taken = await take(*given)
        # Meanwhile another server takes and sends it too.
        admin.execute("UPDATE discreet.outbox SET state = 'sent', attempts = attempts + 1")
        return taken

    monkeypatch.setattr(deliver_module, "take_answer", take_and_freeze)
    monkeypatch.setattr(deliver_module, "FRESH_SECONDS", 0.0)
    channel = Recording()
    await send_all(world, channel)
    assert channel.sent == []
    assert [state for state, *_ in await outbox(world)] == ["sent"]


async def test_a_sent_answer_is_recorded_with_its_platform_id_and_not_sent_again(
    world: World,
) -> None:
    await answer(world, ALICE)
    channel = Recording()
    await send_all(world, channel)
    await send_all(world, channel)
    assert len(channel.tried) == 1
    [row] = await rows_of(world, "SELECT * FROM discreet.outbox")
    assert (row["state"], row["platform_messages"]) == ("sent", ["sent-1"])
    assert row["sent_at"] <= datetime.now(UTC)


async def test_at_the_terminal_answers_are_handed_over_once_and_in_one_commit(
    world: World, admin: Admin
) -> None:
    """Nobody sees one that is being sent, and a process that dies meanwhile leaves nothing."""
    for text in ("one", "two"):
        await answer(world, ALICE, text)

    class Dying(TerminalChannel):
        async def send(self, outbound: Outbound) -> Sent:
            if outbound.text == "re: two":
                raise asyncio.CancelledError
            return await super().send(outbound)

    states = "SELECT state, attempts, parts_sent FROM discreet.outbox ORDER BY created_at"
    with pytest.raises(asyncio.CancelledError):
        await send_all(world, Dying())
    assert admin.execute(states).fetchall() == [("pending", 0, 0)] * 2
    await send_all(world, TerminalChannel())
    assert admin.execute(states).fetchall() == [("sent", 1, 1)] * 2
    versions = admin.execute("SELECT count(DISTINCT xmin::text) FROM discreet.outbox").fetchone()
    assert versions == (1,)


async def test_a_terminals_answer_is_stored_as_sent_with_its_turn(
    world: World, admin: Admin
) -> None:
    """No job is left for it. Behind an answer that waits, it waits too."""
    job = "SELECT count(*) FROM queue.procrastinate_jobs WHERE task_name = 'deliver'"
    turns = replace(turns_of(world.db), at_terminal=True)
    session = (await world.say(ALICE, "one")).session_id
    await run_turn(turns, session)
    stored = """
    SELECT o.state, o.attempts, o.parts_sent, o.platform_messages = ARRAY[o.message_id::text],
           o.sent_at IS NOT NULL, o.xmin = t.xmin FROM discreet.outbox o, discreet.turns t
    """
    assert admin.execute(stored).fetchall() == [("sent", 1, 1, True, True, True)]
    assert admin.execute(job).fetchone() == (0,)
    events = "SELECT array_agg(kind ORDER BY kind) FROM discreet.events WHERE kind LIKE 'message%'"
    assert admin.execute(events).fetchone() == (
        ["message.answered", "message.delivered", "message.received", "message.sent"],
    )
    admin.execute("UPDATE discreet.outbox SET state = 'pending', attempts = 0")
    await world.say(ALICE, "two")
    await run_turn(turns, session)
    assert [state for state, *_ in await outbox(world)] == ["pending", "pending"]
    assert admin.execute(job).fetchone() == (1,)
    await send_all(world, TerminalChannel())
    assert await outbox(world) == [("sent", 1, None)] * 2


async def test_a_terminals_answer_whose_messages_came_elsewhere_is_not_stored_as_sent(
    world: World, admin: Admin
) -> None:
    async def moved(*given: Any) -> Any:
        admin.execute("UPDATE discreet.messages SET chat_id = 'elsewhere' WHERE direction = 'in'")
        return await echo(*given)

    session = (await world.say(ALICE, "one")).session_id
    await run_turn(replace(turns_of(world.db, moved), at_terminal=True), session)
    await send_all(world, TerminalChannel())
    assert [state for state, *_ in await outbox(world)] == ["failed"]
    [held] = (await get_status(world.db, world.owner_id)).undelivered
    assert held.error == "its route leads elsewhere"


async def test_the_owner_sees_that_an_answer_was_sent_outside_its_topic(world: World) -> None:
    await answer(world, ALICE)
    await send_all(world, Recording(results=[Sent("9", "sent into the chat")]))
    assert await outbox(world) == [("sent", 1, "sent into the chat")]


async def test_plain_text_is_sent_literally_and_a_models_text_as_markdown(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    await answer(world, ALICE)
    for model, plain in (("offline", True), ("test:model", False)):
        admin.execute("UPDATE discreet.turns SET model = %s", (model,))
        admin.execute("UPDATE discreet.outbox SET state = 'pending', attempts = 0, parts_sent = 0")
        channel = Recording()
        await send_all(world, channel)
        assert [outbound.plain for outbound in channel.tried] == [plain]


async def test_each_chat_of_one_contact_gets_its_own_answers_in_order(
    database: Database, world: World
) -> None:
    channel = Recording()
    async with working(database, world.db, turns_of(world.db), channel):
        for number in range(4):
            for chat in ("home", "work"):
                await world.say(ALICE, f"{chat} {number}", chat=chat)

        async def all_sent() -> bool:
            texts = " ".join(one.text for one in channel.sent)
            return all(f"{chat} 3" in texts for chat in ("home", "work"))

        await until(all_sent)
    assert await count(world, "sessions") == 1
    for chat in ("home", "work"):
        texts = [one.text.removeprefix("re: ") for one in channel.sent if one.chat_id == chat]
        assert " | ".join(texts) == " | ".join(f"{chat} {number}" for number in range(4))


async def test_an_answer_goes_through_the_channel_and_account_that_its_message_came_by(
    database: Database, world: World, admin: Admin
) -> None:
    telegram = await world.add_channel("telegram", "bot one")
    second = await world.add_channel("telegram", "bot two")
    for number, channel_id in enumerate((telegram, second, world.channel_id)):
        said = await world.say(ALICE, f"{number}", channel_id=channel_id, chat="1001")
        await one_turn(world, said.session_id)
    channels = {"telegram": Recording("telegram"), "terminal": Recording()}
    for row in await rows_of(world, "SELECT id FROM discreet.routes"):
        await deliver(world.db, by_platform(channels), RouteId(row["id"]))
    assert {(one.account, one.text) for one in channels["telegram"].sent} == {
        ("bot one", "re: 0"),
        ("bot two", "re: 1"),
    }
    assert [one.text for one in channels["terminal"].sent] == ["re: 2"]


async def test_a_worker_without_a_channel_leaves_its_deliveries_to_one_that_has_it(
    database: Database, world: World
) -> None:
    telegram = await world.add_channel("telegram", "bot")
    await world.say(ALICE, "hello", channel_id=telegram)
    await do_all(database, world.db)
    assert await outbox(world) == [("pending", 0, None)]


class Slow(Recording):
    """Sends only on request."""

    def parts(self, text: str) -> int:
        return 1

    async def send(self, outbound: Outbound) -> SendResult:
        self.tried.append(outbound)
        self.begun.set()
        await self.free.wait()
        return self.results.pop(0) if self.results else Sent("slow")  # type: ignore[return-value]

    begun: asyncio.Event
    free: asyncio.Event


@pytest.mark.parametrize("result", [Later(timedelta(0), "busy"), Rejected("no")])
async def test_a_sender_considered_dead_undoes_nothing(
    world: World, admin: Admin, result: SendResult
) -> None:
    await answer(world, ALICE)
    slow = Slow(results=[result])
    slow.begun, slow.free = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(send_all(world, slow))
    async with patience():
        await slow.begun.wait()
    quick = Recording()
    let_doubt_end(admin)
    await send_all(world, quick)
    assert len(quick.sent) == 1
    slow.free.set()
    await first
    assert await outbox(world) == [("sent", 2, None)]


async def test_an_answer_is_left_to_a_sender_who_lives_and_is_sent_once(
    world: World, admin: Admin
) -> None:
    """Test the case that after an outage all workers look dead to each other.

    This one only can't record its send yet, and then its commit is aborted, too.
    """
    await answer(world, ALICE)
    slow = Slow()
    slow.begun, slow.free = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(send_all(world, slow))
    await slow.begun.wait()
    other = Recording()
    let_doubt_end(admin)

    async def renewed() -> bool:
        return (
            admin.execute("SELECT 1 FROM discreet.outbox WHERE uncertain_since IS NULL").fetchall()
            != []
        )

    await until(renewed)
    await send_all(world, other)
    assert other.tried == []
    admin.execute(BREAK_OFF_ONCE)
    slow.free.set()
    await first
    await send_all(world, other)
    assert (len(slow.tried), other.tried) == (1, [])
    assert await outbox(world) == [("sent", 1, None)]
    kept = admin.execute("SELECT platform_messages, parts_sent FROM discreet.outbox").fetchall()
    assert kept == [(["slow"], 1)]


# Ends the connection during the first transaction that records a send.
BREAK_OFF_ONCE = """
CREATE SEQUENCE public.tries;
CREATE FUNCTION public.break_off() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF nextval('public.tries') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER break_off BEFORE UPDATE ON discreet.outbox FOR EACH ROW
  WHEN (NEW.state = 'sent') EXECUTE FUNCTION public.break_off();
"""


TAMPER = [
    # What an admin, a bug or a restore may do; violations of constraints are tested below.
    "UPDATE discreet.routes SET chat_id = 'elsewhere' WHERE chat_id = 'telegram:1001'",
    "UPDATE discreet.routes r SET session_id = b.session_id, contact_id = b.contact_id"
    " FROM discreet.routes b WHERE b.chat_id = 'telegram:1002' AND r.chat_id = 'telegram:1001'",
    "UPDATE discreet.routes r SET session_id = b.session_id"
    " FROM discreet.routes b WHERE b.chat_id = 'telegram:1002' AND r.chat_id = 'telegram:1001'",
    "UPDATE discreet.outbox o SET route_id = r.id FROM discreet.routes r, discreet.messages m"
    " WHERE r.chat_id = 'telegram:1002' AND m.id = o.message_id AND m.text = 're: alice''s'",
    "UPDATE discreet.messages m SET route_id = r.id FROM discreet.routes r"
    " WHERE r.chat_id = 'telegram:1002' AND m.text = 're: alice''s'",
    "WITH r AS (SELECT id, session_id, contact_id FROM discreet.routes"
    "            WHERE chat_id = 'telegram:1002'),"
    " m AS (UPDATE discreet.messages m SET route_id = r.id, session_id = r.session_id,"
    "         contact_id = r.contact_id, position = 1000 FROM r WHERE m.text = 're: alice''s'"
    "       RETURNING m.id)"
    " UPDATE discreet.outbox o SET route_id = r.id FROM r, m WHERE o.message_id = m.id",
]


@pytest.mark.parametrize("tampering", TAMPER)
async def test_an_answer_whose_route_was_tampered_with_is_held_back(
    world: World, admin: Admin, tampering: str
) -> None:
    await answer(world, ALICE, "alice's")
    await answer(world, BOB, "bob's")
    with admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")  # no foreign keys
        admin.execute(tampering)
    channel = Recording()
    for _ in range(2):
        await send_all(world, channel)
    assert [(one.chat_id, one.text) for one in channel.sent if "alice" in one.text] == []
    assert {(one.chat_id, one.text) for one in channel.sent} <= {(BOB, "re: bob's")}
    assert ("sent", 1, None) not in [
        (row["state"], 1, None)
        for row in await rows_of(
            world,
            "SELECT o.state FROM discreet.outbox o JOIN discreet.messages m ON m.id = o.message_id"
            " WHERE m.text = 're: alice''s'",
        )
    ]


async def test_constraints_let_nobody_point_an_answer_to_another_session(
    world: World, admin: Admin
) -> None:
    await answer(world, ALICE, "alice's")
    await answer(world, BOB, "bob's")
    for tampering in TAMPER[1:]:
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            admin.execute(tampering)
    channel = Recording()
    await send_all(world, channel)
    assert {(one.chat_id, one.text) for one in channel.sent} == {
        (ALICE, "re: alice's"),
        (BOB, "re: bob's"),
    }


async def test_an_answer_that_is_held_back_does_not_hold_up_those_behind_it(
    world: World, admin: Admin
) -> None:
    await answer(world, ALICE, "one")
    admin.execute("UPDATE discreet.messages SET chat_id = 'elsewhere' WHERE direction = 'in'")
    await answer(world, ALICE, "two")
    channel = Recording()
    await send_all(world, channel)
    assert [one.text for one in channel.sent] == ["re: two"]
    [held] = (await get_status(world.db, world.owner_id)).undelivered
    assert held.error == "its route leads elsewhere"


async def test_a_missing_route_is_not_an_error(world: World) -> None:
    said = await world.say(ALICE, "hello")
    await deliver(world.db, by_platform({"terminal": Recording()}), RouteId(said.message_id))


async def test_what_this_server_has_no_secret_for_waits_uncounted_for_one_that_has(
    world: World, admin: Admin
) -> None:
    async def lacking(_: DueRoute) -> Channel:
        raise SecretMissing("The token of telegram 7 is missing.")

    said = await answer(world, ALICE)
    (route,) = await rows_of(world, "SELECT id FROM discreet.routes")
    for _ in range(MAX_ATTEMPTS + 2):
        await deliver(world.db, lacking, RouteId(route["id"]))
    assert await outbox(world) == [("pending", 0, "The token of telegram 7 is missing.")]
    due = admin.execute(
        "SELECT scheduled_at > now() FROM queue.procrastinate_jobs"
        " WHERE status = 'todo' AND queueing_lock LIKE 'deliver:%'"
    ).fetchall()
    assert due in ([(True,)], [(None,)]), "it is looked at again"
    channel = Recording()
    await send_all(world, channel)
    assert [sent.text for sent in channel.sent] == ["re: hello"]
    assert said.message_id
    assert await outbox(world) == [("sent", 1, None)]
