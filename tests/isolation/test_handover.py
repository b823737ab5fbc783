"""Requests for a person and answers that wait: by nobody else's session, for no other owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.domain.errors import NotFound
from discreet.postgres.server import Database
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services import held_answers
from discreet.services.contacts import hold_answers
from discreet.services.owner_notices import NoticeRules, notify_owner
from tests.support.platform import Platform, make_platform
from tests.support.turns import count, rows_of
from tests.support.world import open_scoped, other_owner
from tests.turn.owner_chat import ALICE, BOB, OLGA, link, run


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def opened(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


async def test_nobody_asks_for_a_person_or_holds_an_answer_in_anothers_session(
    opened: Platform,
) -> None:
    world = opened.world
    alice, bob = await opened.accepted(ALICE, "hello"), await opened.accepted(BOB, "hello")
    for call in (
        "SELECT gate.ask_for_person(%(session)s, NULL, 'x')",
        "SELECT gate.hold_answer(%(session)s, %(session)s, 'x')",
    ):
        with pytest.raises(NotFound):
            async with world.db.begin(world.contact(bob.contact_id)) as tx:
                await tx.fetch(call, {"session": alice.session_id})
    assert await count(world, "person_requests") == 0
    assert await count(world, "held_answers") == 0


async def test_a_session_cannot_tell_whether_anothers_turn_has_an_answer_that_waits(
    db: ScopedDatabase, opened: Platform
) -> None:
    world = opened.world
    alice = await opened.accepted(ALICE, "hello", name="Alice")
    bob = await opened.accepted(BOB, "hello", name="Bob")
    for name in ("Alice", "Bob"):
        await hold_answers(db, world.owner_id, name, hold=True)
    await run(opened, alice)
    [held] = await rows_of(world, "SELECT turn_id FROM discreet.held_answers")
    errors = []
    for theirs in (held["turn_id"], uuid4()):
        with pytest.raises(NotFound) as refused:
            async with db.begin(world.contact(bob.contact_id)) as tx:
                await tx.fetch("SELECT gate.hold_answer(%s, %s, 'x')", (bob.session_id, theirs))
        errors.append(str(refused.value))
    assert errors[0] == errors[1]
    assert await count(world, "held_answers") == 1


async def test_no_other_owner_lists_or_decides_an_answer_or_is_told_of_it(
    db: ScopedDatabase, opened: Platform, admin: psycopg.Connection[Any]
) -> None:
    world = opened.world
    await link(opened, OLGA)
    said = await opened.accepted(ALICE, "hello", name="Alice")
    await hold_answers(db, world.owner_id, "Alice", hold=True)
    await run(opened, said)
    [held] = await held_answers.list_held_answers(db, world.owner_id)
    other = await other_owner(world, admin)
    assert await held_answers.list_held_answers(db, other.owner_id) == []
    for decide in (held_answers.approve_answer, held_answers.reject_answer):
        with pytest.raises(NotFound):
            await decide(db, other.owner_id, str(held.id))
    async with db.begin(OwnerScope(other.owner_id)) as tx:
        assert await tx.value("SELECT gate.decide_answer(%s, 'x')", (held.id,)) is None
    assert await notify_owner(db, other.owner_id, NoticeRules()) == 0
    assert await opened.sent(ALICE) == []
    [row] = await rows_of(world, "SELECT state FROM discreet.held_answers")
    assert row["state"] == "waiting"
