"""Reminders across scopes: listed, cancelled and fired by nobody else, at nobody else's chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from discreet.domain.errors import NotFound, ScopeError
from discreet.postgres.server import Database
from discreet.scope import OwnerScope, ScopedDatabase, SharedScope, Transaction
from discreet.services import reminders
from discreet.services.channels import set_debounce
from discreet.turn.reminders import fire_reminder
from tests.support.platform import Platform, make_platform
from tests.support.world import make_world, open_scoped, other_owner
from tests.turn.reminders.reminding import ANN, BOB, GROUP, left, make_due, remind

Admin = psycopg.Connection[Any]


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    platform = await make_platform(db, admission="open")
    await set_debounce(db, platform.world.owner_id, platform.channel_id, 0)
    return platform


async def scopes(platform: Platform, admin: Admin) -> dict[str, Any]:
    """Return every scope that isn't Ann's direct one."""
    world = platform.world
    bob = await platform.accepted(BOB, "hello")
    group = await platform.accepted(ANN, "hello", group=GROUP)
    ann = await platform.accepted(ANN, "hello")
    other = await make_world(world.db, agent="Eve")
    otto = await other_owner(world, admin)
    return {
        "bob": world.contact(bob.contact_id),
        "the group": world.contact(group.contact_id),
        "another agent's": other.contact(ann.contact_id),
        "everybody's": SharedScope(world.owner_id, world.agent_id),
        "another owner's": OwnerScope(otto.owner_id, otto.agent_id),
    }


async def test_no_other_scope_lists_cancels_or_fires_a_reminder(
    platform: Platform, admin: Admin
) -> None:
    hers = await remind(platform, admin, ANN, "hers")
    make_due(admin, hers)
    [[due]] = admin.execute("SELECT due_at FROM discreet.reminders").fetchall()
    for name, scope in (await scopes(platform, admin)).items():
        async with platform.world.db.begin(scope) as tx:
            assert await tx.fetch("SELECT id FROM discreet.reminders") == [], name
            assert await tx.value("SELECT gate.cancel_reminder(%s)", (hers,)) is False, name
        for reminder in (hers, uuid4()):  # the same answer
            async with platform.world.db.begin(scope) as tx:
                fire = "SELECT gate.fire_reminder(%s, %s, NULL, 'x')"
                assert await tx.value(fire, (reminder, due)) == "past", name
    assert left(admin) == ["hers"]


async def test_the_owners_own_conversation_shows_only_its_own_and_their_list_everybodys(
    platform: Platform, admin: Admin
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    hers = await remind(platform, admin, ANN, "hers")
    async with db.begin(OwnerScope(owner_id, platform.world.agent_id)) as tx:
        assert await reminders.list_own(tx) == []
        for which in (str(hers), str(uuid4())):
            with pytest.raises(NotFound, match="no such reminder"):
                await reminders.cancel_own(tx, which)
    assert [one.text for one in await reminders.list_reminders(db, owner_id)] == ["hers"]


async def test_a_reminder_is_never_made_in_anothers_session_or_turn(
    platform: Platform, admin: Admin
) -> None:
    await remind(platform, admin, BOB, "his")
    [[session, turn]] = admin.execute("SELECT session_id, id FROM discreet.turns").fetchall()
    own = await platform.accepted(ANN, "hello")
    add = (
        "SELECT gate.add_reminder(%(session)s, %(turn)s, 'x', '', now()::timestamp, 'UTC',"
        " now() + interval '1 hour')"
    )
    for values in (
        {"session": session, "turn": turn},
        {"session": own.session_id, "turn": turn},
        {"session": uuid4(), "turn": turn},
    ):
        with pytest.raises(NotFound, match="no such session"):
            async with platform.world.db.begin(platform.world.contact(own.contact_id)) as tx:
                await tx.value(add, values)
    assert left(admin) == ["his"]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO discreet.reminders (text) VALUES ('x')",
        "UPDATE discreet.reminders SET due_at = now()",
        "UPDATE discreet.reminders SET text = 'x'",
        "DELETE FROM discreet.reminders",
        "SELECT asked_by FROM discreet.reminders",
        "SELECT * FROM gate.reminder_scope(gen_random_uuid())",
        "SELECT gate.wake_reminders()",
        "SELECT gate.defer_reminder(gen_random_uuid(), gen_random_uuid(), NULL)",
        "SELECT gate.send_reminder(r, 'x') FROM discreet.reminders r",
    ],
)
async def test_a_contact_writes_no_reminder_past_the_gate(
    platform: Platform, statement: str
) -> None:
    said = await platform.accepted(ANN, "hello")
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        with pytest.raises(ScopeError):
            await Transaction.execute(tx, statement)  # type: ignore[arg-type]


async def test_each_is_said_only_where_it_was_made(platform: Platform, admin: Admin) -> None:
    made: dict[str, UUID] = {
        "hers": await remind(platform, admin, ANN, "hers"),
        "his": await remind(platform, admin, BOB, "his"),
        "the group's": await remind(platform, admin, ANN, "the group's", group=GROUP),
    }
    # Whoever wrote last is no reason to tell them.
    await platform.accepted(BOB, "I wrote last")
    for reminder in made.values():
        make_due(admin, reminder)
        assert await fire_reminder(platform.world.db, reminder) == "fired"
    for chat, expected in ((ANN, "hers"), (BOB, "his"), (GROUP, "the group's")):
        assert [one for one in await platform.sent(chat) if one.startswith("⏰")] == [
            f"⏰ {expected}"
        ]


async def test_a_route_that_leads_elsewhere_by_then_is_not_used(
    platform: Platform, admin: Admin
) -> None:
    hers = await remind(platform, admin, ANN, "hers")
    bobs = await platform.accepted(BOB, "hello")
    make_due(admin, hers)
    # Somebody tampered with the rows: neither keys nor the check let it through.
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        admin.execute(
            "UPDATE discreet.reminders SET route_id = (SELECT route_id FROM discreet.messages"
            " WHERE id = %s)",
            (bobs.message_id,),
        )
    assert await fire_reminder(platform.world.db, hers) == "fired"
    assert "⏰ hers" not in await platform.sent(BOB)
