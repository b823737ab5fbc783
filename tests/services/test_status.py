from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from discreet.contacts.labels import party_label
from discreet.domain.ids import SessionId
from discreet.domain.inbound import Inbound, UnknownSender
from discreet.intake.accept import accept_or_quarantine
from discreet.scope import ContactScope, OwnerScope
from discreet.services.quarantine import list_quarantine
from discreet.services.status import Status, get_status
from discreet.services.status_turns import FailedTurn
from discreet.turn.lease import Lease, acquire
from discreet.turn.result import ModelError
from discreet.turn.save import save_failure, save_giving_up
from tests.support.world import World

BROKEN = ModelError("provider", "The model gave no answer.")


async def status_of(world: World) -> Status:
    return await get_status(world.db, world.owner_id)


async def fail(world: World, scope: ContactScope | OwnerScope, session_id: SessionId) -> Lease:
    async with world.db.begin(scope) as tx:
        lease = await acquire(tx, session_id)
        assert isinstance(lease, Lease)
        await save_failure(tx, lease, None, BROKEN, timedelta(minutes=1))
    return lease


async def give_up(world: World, scope: ContactScope, session_id: SessionId) -> None:
    async with world.db.begin(scope) as tx:
        lease = await acquire(tx, session_id)
        assert isinstance(lease, Lease)
        await save_giving_up(tx, lease, None, BROKEN)


async def test_where_all_is_well_nothing_needs_attention(world: World) -> None:
    status = await status_of(world)
    assert not status.needs_attention
    assert (status.waiting.messages, status.waiting.since) == (0, None)
    assert (status.counts.agents, status.counts.contacts) == (1, 0)


async def test_messages_that_wait_are_counted_with_the_first_ones_time(world: World) -> None:
    before = datetime.now(UTC)
    for sender in ("telegram:1001", "telegram:1001", "telegram:1002"):
        await world.say(sender, "hello")
    waiting = (await status_of(world)).waiting
    assert (waiting.messages, waiting.sessions) == (3, 2)
    assert waiting.since is not None
    assert before - timedelta(seconds=5) < waiting.since <= datetime.now(UTC)


async def test_a_failed_turn_is_shown_with_its_error_and_its_next_try(world: World) -> None:
    said = await world.say("telegram:1001", "hello", name="Alice")
    lease = await fail(world, world.contact(said.contact_id), said.session_id)
    [turn] = (await status_of(world)).turns
    assert (turn.turn_id, turn.whose, turn.state, turn.attempt) == (
        lease.turn_id,
        "Alice",
        "failed",
        1,
    )
    assert "The model gave no answer." in turn.error
    assert turn.retry_at is not None
    assert turn.retry_at > datetime.now(UTC)


async def test_a_failed_turn_is_settled_by_a_later_one(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    said = await world.say("telegram:1001", "hello")
    await fail(world, world.contact(said.contact_id), said.session_id)
    admin.execute("UPDATE discreet.messages SET not_before = now()")
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        assert isinstance(await acquire(tx, said.session_id), Lease)
    assert (await status_of(world)).turns == ()


async def test_a_message_that_was_given_up_stays_in_sight_for_a_week(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    said = await world.say("telegram:1001", "hello")
    scope = world.contact(said.contact_id)
    await give_up(world, scope, said.session_id)
    await world.say("telegram:1001", "and now?")
    async with world.db.begin(scope) as tx:
        await acquire(tx, said.session_id)
    [turn] = (await status_of(world)).turns
    assert isinstance(turn, FailedTurn)
    assert turn.state == "given_up"
    admin.execute("UPDATE discreet.turns SET started_at = now() - interval '8 days'")
    assert (await status_of(world)).turns == ()


async def test_an_answer_that_does_not_leave_is_shown_after_a_minute(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    said = await world.say("telegram:1001", "hello")
    await give_up(world, world.contact(said.contact_id), said.session_id)
    assert (await status_of(world)).undelivered == ()
    admin.execute("UPDATE discreet.outbox SET created_at = now() - interval '2 minutes'")
    [answer] = (await status_of(world)).undelivered
    assert (answer.whose, answer.state) == ("telegram:1001", "pending")


async def test_a_delivery_that_failed_is_shown_at_once(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    said = await world.say("telegram:1001", "hello")
    await give_up(world, world.contact(said.contact_id), said.session_id)
    admin.execute("UPDATE discreet.outbox SET state = 'failed', error = 'blocked by the user'")
    [answer] = (await status_of(world)).undelivered
    assert (answer.state, answer.error) == ("failed", "blocked by the user")


async def test_a_message_without_a_contact_is_in_quarantine_with_its_reason(world: World) -> None:
    lost = Inbound(
        channel_id=world.channel_id,
        chat_id="5",
        message_id="1",
        sender=UnknownSender("the update names nobody"),
        text="hello?",
        sent_at=datetime.now(UTC),
    )
    for _ in range(2):
        await accept_or_quarantine(world.db, world.owner_id, lost)
    [waiting] = (await status_of(world)).quarantine
    assert (waiting.platform, waiting.agent, waiting.reason, waiting.attempts) == (
        "terminal",
        "Ada",
        "The sender can't be resolved: the update names nobody",
        2,
    )
    assert waiting.inbound["text"] == "hello?"
    assert [waiting] == await list_quarantine(world.db, world.owner_id)


async def test_each_failed_turn_bears_the_name_of_its_own_contact(world: World) -> None:
    for sender, name in (("telegram:1001", "Alice"), ("telegram:1002", "Bob")):
        said = await world.say(sender, "hello", name=name)
        await fail(world, world.contact(said.contact_id), said.session_id)
    owners = await world.say(None, "hello")
    await fail(world, world.owner, owners.session_id)
    turns = (await status_of(world)).turns
    assert {turn.session_id: turn.whose for turn in turns}[owners.session_id] == "owner"
    assert sorted(turn.whose for turn in turns) == ["Alice", "Bob", "owner"]


def test_what_all_share_is_neither_the_owners_nor_a_contacts() -> None:
    assert party_label(None, shared=True) == "shared"
    assert party_label(None, shared=False) == "owner"
    assert party_label("Alice", shared=True) == "Alice"
