"""A ticket is valid for one role, on one connection, for a short time; any other is no scope."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import Error

from discreet.domain.errors import ScopeError, Unavailable
from discreet.postgres.pool import PooledConnection
from discreet.postgres.server import Database
from discreet.scope import ContactScope, ScopedDatabase, Transaction
from tests.isolation.conftest import BOBS_SECRET, Neighbours
from tests.support.tickets import ticket_on

Conn = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """Bob's scope and key, and a connection of a contact's login for trying tickets."""

    conn: Conn
    bob: ContactScope
    key: bytes

    def ticket(self, **late: float) -> str:
        return ticket_on(self.conn, self.bob, self.key, **late)

    def memories(self, ticket: str) -> list[str]:
        self.conn.execute("SELECT set_config('discreet.ticket', %s, true)", (ticket,))
        found = self.conn.execute("SELECT content FROM discreet.memories").fetchall()
        return [content for (content,) in found]

    def refused(self, ticket: str) -> bool:
        try:
            with self.conn.transaction():
                self.conn.execute("SELECT gate.open_scope(%s)", (ticket,))
        except psycopg.errors.InsufficientPrivilege:
            return True
        return False


@pytest.fixture
async def shown(neighbours: Neighbours, database: Database) -> Any:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    with psycopg.connect(database.conninfo("discreet_contact")) as conn:
        yield Shown(conn, bob, database.ticket_key)
        conn.rollback()


def _changed(ticket: str) -> Iterator[str]:
    said, code = ticket.split("#")
    parts = said.split("/")
    yield from (ticket + more for more in (" ", "#", "/", "x", "\n", "#" + code, "\u0300"))
    yield from (f"{said}{more}#{code}" for more in ("/", "/x", " ", "#"))
    yield said
    yield f"#{code}"
    yield f"{said}#"
    yield f"{said}#{code[:-1]}{'1' if code[-1] == '0' else '0'}"
    yield f"{said}#{code.upper()}"
    yield f" {ticket}"
    for at, part in enumerate(parts):
        other = [*parts[:at], part[:-1] + ("1" if part[-1] == "0" else "0"), *parts[at + 1 :]]
        yield f"{'/'.join(other)}#{code}"
    yield "x#y"


def test_a_ticket_that_holds_shows_its_scope(shown: Shown) -> None:
    assert shown.memories(shown.ticket()) == [BOBS_SECRET]
    assert not shown.refused(shown.ticket())


def test_a_ticket_that_was_changed_in_any_way_shows_nothing_and_is_refused(shown: Shown) -> None:
    for ticket in _changed(shown.ticket()):
        assert shown.memories(ticket) == [], ticket
        assert shown.refused(ticket), ticket


@pytest.mark.parametrize(("late", "holds"), [(31, False), (29, True), (-29, True), (-31, False)])
def test_a_ticket_holds_half_a_minute_before_and_after_its_moment(
    shown: Shown, late: float, holds: bool
) -> None:
    ticket = shown.ticket(late=late)
    assert shown.memories(ticket) == ([BOBS_SECRET] if holds else [])
    assert shown.refused(ticket) is not holds


def test_a_ticket_of_another_connection_or_role_shows_nothing(
    shown: Shown, database: Database
) -> None:
    for role in ("discreet_contact", "discreet_shared", "discreet_owner", "discreet_worker"):
        with psycopg.connect(database.conninfo(role)) as other:
            stranger = Shown(other, shown.bob, shown.key)
            assert stranger.refused(shown.ticket()), role
            assert stranger.refused(stranger.ticket()) is (role != "discreet_contact"), role


def test_a_scope_lasts_as_long_as_its_transaction_however_old_the_ticket_grows(
    shown: Shown,
) -> None:
    # The transaction began within the half minute; that counts, not the current time.
    shown.conn.execute("SELECT pg_sleep(0)")
    ticket = shown.ticket(late=29.5)
    assert shown.memories(ticket) == [BOBS_SECRET]
    shown.conn.execute("SELECT pg_sleep(1)")
    assert shown.memories(ticket) == [BOBS_SECRET]
    shown.conn.commit()
    assert shown.memories(ticket) == []


async def test_a_door_whose_clock_is_wrong_asks_the_database_what_time_it_is(
    neighbours: Neighbours, db: ScopedDatabase
) -> None:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    for wrong in (-3600.0, 3600.0):
        pool = await db._pool("discreet_contact")
        async with pool.connection() as connection:
            connection.set_clock(connection.now() + wrong)
        for _ in range(db._sizes.get("discreet_contact", 1) + 1):
            async with db.begin(bob) as tx:
                assert await tx.value("SELECT content FROM discreet.memories") == BOBS_SECRET


async def test_a_scope_is_entered_without_asking_for_the_clock_again(
    neighbours: Neighbours, db: ScopedDatabase
) -> None:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    pool = await db._pool("discreet_contact")
    async with pool.connection() as connection:
        asked = 0

        async def count() -> None:
            nonlocal asked
            asked += 1

        connection.meet = count  # type: ignore[method-assign]
    for _ in range(10):
        async with db.begin(bob) as tx:
            assert await tx.value("SELECT 1") == 1
    assert asked == 0


async def test_a_door_with_another_key_is_refused_before_its_first_statement_runs(
    neighbours: Neighbours, database: Database
) -> None:
    """Also where nothing runs, and where somebody catches the refusal and goes on."""
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    stranger = ScopedDatabase(database.conninfo, b"k" * 32)
    try:
        with pytest.raises(ScopeError):
            async with stranger.begin(bob):
                pass
        with pytest.raises(ScopeError):
            async with stranger.begin(bob) as tx, tx.pipelined():
                pass
        shown: list[object] = []
        with pytest.raises(ScopeError):
            async with stranger.begin(bob) as tx:
                shown += await tx.fetch_each(*[("SELECT content FROM discreet.memories", ())] * 2)
        with pytest.raises(ScopeError):
            async with stranger.begin(bob) as tx:
                shown.append(await tx.value("SELECT content FROM discreet.memories"))
        with suppress(Error, ScopeError):
            async with stranger.begin(bob) as tx:
                for _ in range(2):
                    with suppress(ScopeError):
                        shown.append(await tx.value("SELECT 1"))
        assert shown == []
    finally:
        await asyncio.shield(stranger.close())


async def test_queries_that_come_first_begin_the_transaction_in_their_own_round_trip(
    neighbours: Neighbours, db: ScopedDatabase
) -> None:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    both = [("SELECT content FROM discreet.memories", ()), ("SELECT %s::int AS two", (2,))]
    pool = await db._pool("discreet_contact")
    async with pool.connection() as connection:
        connection.set_clock(connection.now() + 3600)  # the first ticket is refused
    trips = 0
    pipeline = PooledConnection.pipeline

    def counted(connection: PooledConnection) -> Any:
        nonlocal trips
        trips += 1
        return pipeline(connection)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PooledConnection, "pipeline", counted)
        for expected in (2, 3):
            async with db.begin(bob) as tx:
                assert await tx.fetch_each(*both) == [[{"content": BOBS_SECRET}], [{"two": 2}]]
            assert trips == expected
        async with db.begin(bob) as tx:
            assert await tx.value("SELECT 1") == 1
            assert await tx.fetch_each(*both) == [[{"content": BOBS_SECRET}], [{"two": 2}]]
    refused = ("SELECT ctid FROM discreet.memories", ())
    for queries in ((refused, both[0]), (both[0], refused)):
        with pytest.raises(ScopeError):
            async with db.begin(bob) as tx:
                await tx.fetch_each(*queries)


async def test_what_only_reads_has_a_ticket_for_each_call_and_changes_nothing(
    neighbours: Neighbours, db: ScopedDatabase, database: Database
) -> None:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    said = "SELECT content FROM discreet.memories"
    pool = await db._pool("discreet_contact")
    async with pool.connection() as connection:
        connection.set_clock(connection.now() + 3600)  # the first ticket is refused
    async with db.read(bob) as tx:
        for _ in range(7):  # also as a prepared statement
            assert await tx.value(said) == BOBS_SECRET
        assert await tx.fetch_each((said, ()), (said, ())) == [[{"content": BOBS_SECRET}]] * 2
        on = tx._connection
        assert on is not None
        # Nothing of it is left between two calls.
        left = await on.execute(
            "SELECT coalesce(current_setting('discreet.ticket', true), ''),"
            " current_setting('transaction_read_only'), (SELECT count(*) FROM discreet.memories)"
        )
        assert await left.fetchone() == ("", "off", 0)
        with pytest.raises(RuntimeError):
            async with tx.pipelined():
                pass
    for change in (
        "UPDATE discreet.memories SET summary = 'x'",
        "INSERT INTO discreet.memories (content) VALUES ('x')",
        "SELECT gate.forget_memory(id, NULL) FROM discreet.memories",
    ):
        with pytest.raises(Unavailable, match="read-only"):
            async with db.read(bob) as tx:
                await tx.value(change)
    async with db.read(bob) as tx:
        with pytest.raises(ScopeError):
            await tx.value("SELECT ctid FROM discreet.memories")
        with pytest.raises(ScopeError):  # it ended with what was refused
            await tx.value(said)
    stranger = ScopedDatabase(database.conninfo, b"k" * 32)
    try:
        with pytest.raises(ScopeError):
            async with stranger.read(bob) as tx:
                await tx.value(said)
    finally:
        await asyncio.shield(stranger.close())
    async with db.read(bob) as kept:
        pass
    with pytest.raises(ScopeError):
        await kept.value(said)


async def test_a_connection_that_was_read_on_keeps_nothing_for_the_next_scope(
    neighbours: Neighbours, db: ScopedDatabase
) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    async with db.read(bob) as tx:
        await tx.value("SELECT set_config('discreet.kept', 'heron', false)")
    async with db.read(alice) as tx:
        assert not await tx.value("SELECT current_setting('discreet.kept', true)")


async def test_nothing_is_read_within_a_pipeline_where_no_limit_counts(
    neighbours: Neighbours, database: Database
) -> None:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    db = ScopedDatabase(database.conninfo, database.ticket_key)
    try:
        for read in (Transaction.fetch, Transaction.fetch_one, Transaction.value):
            with pytest.raises(RuntimeError, match="within a pipeline"):
                async with db.begin(bob) as tx, tx.pipelined():
                    await read(tx, "SELECT 1")
        async with db.begin(bob) as tx:
            async with tx.pipelined():
                await tx.execute("SELECT 1")
            assert await tx.value("SELECT 2") == 2
    finally:
        await asyncio.shield(db.close())


async def test_a_statement_of_a_transaction_that_never_began_does_not_run(
    neighbours: Neighbours, database: Database, admin: psycopg.Connection
) -> None:
    """It would run outside of any transaction, and stay."""
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    db = ScopedDatabase(database.conninfo, database.ticket_key)
    try:
        with suppress(ScopeError, Error):
            async with db.begin(bob) as tx:
                with suppress(ScopeError):
                    await tx.execute("SELECT pg_catalog.pg_read_file('/etc/hostname')")
                await tx.execute("UPDATE discreet.memories SET content = 'changed'")
        changed = admin.execute(
            "SELECT count(*) FROM discreet.memories WHERE content = 'changed'"
        ).fetchone()
        assert changed == (0,)
    finally:
        await asyncio.shield(db.close())
