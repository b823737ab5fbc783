"""What the page says about what PostgreSQL shows and refuses is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from discreet.intake import Accepted
from discreet.postgres.server import Database
from discreet.scope import ContactScope
from discreet.scope.scopes import role_of
from tests.docs.pages import DOCS, fences
from tests.support.tickets import show_ticket
from tests.support.waiting import PATIENCE_SECONDS
from tests.support.world import World, make_world, open_scoped

PAGE = DOCS / "what-postgresql-shows-anyway.md"

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Two:
    """Alice runs statements of her own and wants to learn about Bob."""

    database: Database
    world: World
    alice: Accepted
    bob: Accepted

    @contextmanager
    def as_alice(self) -> Iterator[Connection]:
        scope = ContactScope(self.world.owner_id, self.world.agent_id, _id(self.alice.contact_id))
        with psycopg.connect(self.database.conninfo(role_of(scope))) as conn:
            show_ticket(conn, scope, self.database.ticket_key)
            yield conn
            conn.rollback()


@pytest.fixture
async def two(database: Database) -> Two:
    async with open_scoped(database) as db:
        world = await make_world(db)
        alice = await world.say("telegram:1001", "hello")
        bob = await world.say("telegram:1002", "hello")
        return Two(database, world, alice, bob)


def test_what_the_page_says_is_refused_is_refused(two: Two) -> None:
    [block] = [fence for fence in fences(PAGE) if fence.language == "sql"]
    with two.as_alice() as conn:
        assert [line for line in block.lines if not _is_refused(conn, line)] == []


def test_what_the_page_says_shows_nothing_shows_nothing(two: Two, admin: Connection) -> None:
    admin.execute("ANALYZE")
    with two.as_alice() as conn:
        assert conn.execute("SELECT * FROM pg_stats WHERE schemaname = 'discreet'").fetchall() == []
        numbers = conn.execute("SELECT last_value FROM pg_sequences").fetchall()
        assert {number for (number,) in numbers} == {None}


def test_totals_of_tables_are_shown(two: Two, admin: Connection) -> None:
    admin.execute("ANALYZE discreet.contacts")
    with two.as_alice() as conn:
        counted = conn.execute(
            "SELECT reltuples FROM pg_class WHERE oid = 'discreet.contacts'::regclass"
        ).fetchone()
        assert counted == (2.0,)


def test_a_plan_tells_how_many_rows_it_passed_over(two: Two) -> None:
    with two.as_alice() as conn:
        conn.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        plan = _plan(conn, "EXPLAIN (ANALYZE, FORMAT json) SELECT id FROM discreet.routes")
        assert plan["Actual Rows"] == 1
        assert plan["Rows Removed by Filter"] == 1


def test_an_estimate_is_the_same_for_a_frequent_text_and_for_none(
    two: Two, admin: Connection
) -> None:
    _let_bob_write_often(two, admin, "my password is heron")
    with two.as_alice() as conn:
        ask = "EXPLAIN (FORMAT json) SELECT text FROM discreet.messages WHERE text = "
        guessed = _plan(conn, ask + "'my password is heron'")
        missed = _plan(conn, ask + "'my password is stork'")
        assert guessed["Plan Rows"] == missed["Plan Rows"]
        below = [
            _plan(
                conn, f"EXPLAIN (FORMAT json) SELECT text FROM discreet.messages WHERE text < '{x}'"
            )
            for x in ("a", "z")
        ]
        assert below[0]["Plan Rows"] == below[1]["Plan Rows"]


def test_the_pace_of_writing_is_shown(two: Two, admin: Connection) -> None:
    with two.as_alice() as conn:
        before = conn.execute("SELECT pg_current_wal_lsn()").fetchone()
        _let_bob_write_often(two, admin, "anything")
        assert conn.execute("SELECT pg_current_wal_lsn()").fetchone() != before


async def test_ones_own_events_tell_how_many_transactions_came_between(two: Two) -> None:
    asked = "SELECT max(tx::text::bigint) FROM discreet.events"
    with two.as_alice() as conn:
        [before] = conn.execute(asked).fetchall()
    async with open_scoped(two.database) as db:
        world = World(db, two.world.owner_id, two.world.agent_id, two.world.channel_id)
        for text in ("one", "two", "three"):
            await world.say("telegram:1002", text)
        await world.say("telegram:1001", "hello again")
    with two.as_alice() as conn:
        [after] = conn.execute(asked).fetchall()
    assert after[0] - before[0] > 3


async def test_a_pooled_connection_tells_how_often_it_ran_a_statement_but_no_value(
    two: Two,
) -> None:
    async with open_scoped(two.database, size=1) as db:
        world = World(db, two.world.owner_id, two.world.agent_id, two.world.channel_id)
        for number in range(10):
            async with db.begin(world.contact(_id(two.bob.contact_id))) as tx:
                await tx.fetch("SELECT %s::text AS said", (f"heron {number}",))
        async with db.begin(world.contact(_id(two.alice.contact_id))) as tx:
            shown = await tx.fetch(
                "SELECT p::text, p.generic_plans + p.custom_plans AS runs"
                "  FROM pg_prepared_statements p WHERE p.statement LIKE '%%AS said'"
            )
    assert [row["runs"] for row in shown] == [5]
    assert "heron" not in str(shown)


async def test_the_queues_notifications_are_heard_without_ids_of_anybody(two: Two) -> None:
    conninfo = two.database.conninfo("discreet_contact")
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("LISTEN procrastinate_any_queue_v1")
        async with open_scoped(two.database) as db:
            await World(db, two.world.owner_id, two.world.agent_id, two.world.channel_id).say(
                "telegram:1003", "hello"
            )
        [heard] = conn.notifies(timeout=PATIENCE_SECONDS, stop_after=1)
        assert heard.payload.startswith('{"type" : "job_inserted", "job_id" : ')
        assert "-" not in heard.payload


async def test_notifications_about_answers_name_nobody_and_connect_no_two_messages(
    two: Two,
) -> None:
    conninfo = two.database.conninfo("discreet_contact")
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("LISTEN discreet_answers")
        async with open_scoped(two.database) as db:
            world = World(db, two.world.owner_id, two.world.agent_id, two.world.channel_id)
            said = [await world.say("telegram:1003", text) for text in ("hello", "again")]
            async with db.begin(world.contact(said[0].contact_id)) as tx:
                for one in said:
                    await tx.execute(
                        "UPDATE discreet.messages SET state = 'answered' WHERE id = %s",
                        (one.message_id,),
                    )
        heard = conn.notifies(timeout=PATIENCE_SECONDS, stop_after=2)
        first, second = (one.payload for one in heard)
        assert first != second
        for payload in (first, second):
            assert re.fullmatch("[0-9a-f]{16}", payload)
            for one in said:
                known = (one.message_id, one.session_id, one.contact_id)
                assert not any(payload in str(of).replace("-", "") for of in known)


async def test_who_waits_is_woken_by_each_part_of_an_answer_and_by_its_delivery(two: Two) -> None:
    begins = (
        "INSERT INTO discreet.turns (session_id, route_id)"
        " SELECT session_id, route_id FROM discreet.messages WHERE id = %(message)s RETURNING id"
    )
    takes = "UPDATE discreet.messages SET turn_id = %(turn)s WHERE id = %(message)s"
    answers = (
        "INSERT INTO discreet.messages (session_id, route_id, position, direction, state, text,"
        " turn_id) SELECT session_id, route_id, 100, 'out', 'sent', 'hi', %(turn)s"
        " FROM discreet.messages WHERE id = %(message)s RETURNING id"
    )
    sends = (
        "INSERT INTO discreet.outbox (message_id, session_id, route_id)"
        " SELECT id, session_id, route_id FROM discreet.messages WHERE id = %(answer)s"
    )
    wakes: list[LiteralString] = [
        "INSERT INTO discreet.drafts (turn_id, text) VALUES (%(turn)s, 'h')",
        "UPDATE discreet.drafts SET text = 'hi' WHERE turn_id = %(turn)s",
        "UPDATE discreet.outbox SET state = 'sent' WHERE message_id = %(answer)s",
    ]
    conninfo = two.database.conninfo("discreet_contact")
    async with open_scoped(two.database) as db:
        scope = ContactScope(two.world.owner_id, two.world.agent_id, _id(two.alice.contact_id))
        async with db.begin(scope) as tx:
            given: dict[str, Any] = {"message": two.alice.message_id}
            given["turn"] = await tx.value(begins, given)
            await tx.execute(takes, given)
            given["answer"] = await tx.value(answers, given)
            await tx.execute(sends, given)
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute("LISTEN discreet_answers")
            for step in wakes:
                async with db.begin(scope) as tx:
                    await tx.execute(step, given)
            heard = [one.payload for one in conn.notifies(timeout=PATIENCE_SECONDS, stop_after=3)]
    digest = sha256(str(two.alice.message_id).encode()).hexdigest()
    assert heard == [digest[:16]] * 3


def test_no_table_can_be_locked_by_a_sender(two: Two) -> None:
    with two.as_alice() as conn:
        tables = conn.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'discreet'::regnamespace AND relkind = 'r'"
        ).fetchall()
        assert len(tables) > 30
        lockable = [
            name
            for (name,) in tables
            if not _is_refused(conn, f"LOCK TABLE discreet.{name} NOWAIT")
        ]
        assert lockable == []


def test_who_knows_an_id_of_somebody_else_does_not_learn_that_it_exists(two: Two) -> None:
    insert = (
        "INSERT INTO discreet.messages (session_id, route_id, position, direction, text)"
        " VALUES (%s, %s, 1, 'out', 'x')"
    )
    with two.as_alice() as conn, pytest.raises(errors.ForeignKeyViolation):
        conn.execute(insert, [two.bob.session_id, uuid4()])
    with two.as_alice() as conn, pytest.raises(errors.ForeignKeyViolation):
        conn.execute(insert, [uuid4(), uuid4()])


def _is_refused(conn: Connection, statement: str) -> bool:
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(statement)
    except errors.InsufficientPrivilege:
        return True
    return False


def _plan(conn: Connection, query: str) -> dict[str, Any]:
    row = conn.execute(query).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def _let_bob_write_often(two: Two, admin: Connection, text: str) -> None:
    admin.execute(
        "INSERT INTO discreet.messages (owner_id, agent_id, contact_id, session_id, route_id,"
        "   position, direction, state, text)"
        " SELECT owner_id, agent_id, contact_id, session_id, route_id, 1000 + n, 'in', 'answered',"
        "   CASE WHEN n %% 2 = 0 THEN %(text)s ELSE n::text END"
        " FROM discreet.messages, generate_series(1, 400) n WHERE id = %(like)s",
        {"text": text, "like": two.bob.message_id},
    )
    admin.execute("ANALYZE discreet.messages")


def _id(value: UUID | None) -> Any:
    assert value is not None
    return value
