"""Whoever could run any SQL as a contact would still see nobody else's rows or values."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discreet.domain.errors import DiscreetError
from discreet.scope import ContactScope, Door, Scope
from discreet.scope.tickets import ticket_for
from tests.isolation.conftest import BOBS_SECRET, OWNERS_SECRET, Neighbours
from tests.support.world import other_owner

TABLES = (
    "owners", "agents", "contacts", "addresses", "channels", "sessions", "routes", "turns",
    "messages", "outbox", "drafts", "memories", "memory_history", "passages", "quarantine",
    "admissions", "pairings", "kept_aside", "owner_links", "wrong_codes", "limits",
    "limit_hits", "tokens",
    "attachments",
)  # fmt: skip

HOSTILE = [
    "SET ROLE discreet_owner",
    "SET ROLE discreet_gate",
    "SET SESSION AUTHORIZATION discreet_owner",
    "RESET ROLE; SELECT * FROM discreet.memories",
    "SET LOCAL row_security = off; SELECT * FROM discreet.memories",
    "SELECT set_config('row_security', 'off', true); SELECT * FROM discreet.memories",
    "SELECT set_config('discreet.ticket', '', true); SELECT * FROM discreet.memories",
    "RESET discreet.ticket; SELECT * FROM discreet.memories",
    "SELECT * FROM gate.secrets",
    "SELECT gate.find_or_create_contact(gen_random_uuid(), 'telegram', '1', 'external', '')",
    "SELECT * FROM gate.session_scope(gen_random_uuid())",
    "SELECT * FROM gate.owners()",
    "SELECT * FROM gate.due_quarantined()",
    "SELECT gate.wake_stranded()",
    "SELECT gate.why_withheld(id) FROM discreet.sessions",
    "SELECT * FROM gate.show_limits(NULL)",
    "SELECT * FROM gate.limits_of(gen_random_uuid(), NULL)",
    "SELECT gate.stop_turn(id) FROM discreet.sessions",
    "SELECT gate.speak_in_person(id, 'planted') FROM discreet.contacts",
    "SELECT gate.make_owner_link('telegram')",
    "SELECT gate.pairing_of_code('ABCDEFGH')",
    "SELECT gate.decide_pairing(gen_random_uuid(), true)",
    "SELECT gate.admit(gen_random_uuid(), 'telegram', '1001', 'external')",
    "SELECT gate.say(gen_random_uuid(), gen_random_uuid(), NULL, '', gen_random_uuid(), '1', '',"
    " 'planted', NULL)",
    "INSERT INTO discreet.admissions (channel_id) VALUES (gen_random_uuid())",
    "UPDATE discreet.addresses SET of_owner = true, contact_id = NULL",
    "SELECT gate.known_contact(gen_random_uuid(), 'telegram', '1002')",
    "SELECT * FROM queue.procrastinate_jobs",
    "SELECT last_value FROM queue.procrastinate_jobs_id_seq",
    "COPY discreet.memories TO STDOUT",
    "COPY (SELECT * FROM discreet.messages) TO STDOUT",
    "COPY discreet.memories TO '/tmp/leak'",
    "COPY discreet.memories TO PROGRAM 'cat'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT query, state FROM pg_stat_activity",
    "SELECT * FROM pg_stat_get_activity(NULL)",
    "SELECT * FROM pg_stats WHERE schemaname = 'discreet'",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_authid",
    "SELECT most_common_vals FROM pg_stats_ext",
    "SELECT lo_from_bytea(0, 'x'::bytea)",
    "SELECT lo_creat(-1)",
    "CREATE TABLE discreet.t (a int)",
    "CREATE TEMP TABLE memories AS SELECT 1",
    "CREATE TEMP VIEW messages AS SELECT 1",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.leak(text) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS"
    " 'BEGIN RAISE NOTICE ''%'', $1; RETURN true; END'",
    "ALTER TABLE discreet.memories DISABLE ROW LEVEL SECURITY",
    "DROP POLICY contact ON discreet.memories",
    "ALTER ROLE discreet_contact BYPASSRLS",
    "GRANT discreet_owner TO discreet_contact",
    "TRUNCATE discreet.memories",
    "LOCK TABLE discreet.memories IN ACCESS EXCLUSIVE MODE",
    "UPDATE discreet.memories SET contact_id = NULL",
    "UPDATE discreet.memories SET owner_id = gen_random_uuid()",
    "UPDATE discreet.sessions SET contact_id = NULL",
    "INSERT INTO discreet.memories (content, contact_id) VALUES ('planted', NULL)",
    "INSERT INTO discreet.memories (content, owner_id) VALUES ('planted', gen_random_uuid())",
    "INSERT INTO discreet.contacts (name) VALUES ('planted')",
    "INSERT INTO discreet.routes (chat_id) VALUES ('elsewhere')",
    "DELETE FROM discreet.memory_history",
    "UPDATE discreet.attachments SET message_id = gen_random_uuid()",
    "UPDATE discreet.attachments SET platform_file = 'somebody else''s'",
    "INSERT INTO discreet.attachments (platform_file) VALUES ('somebody else''s')",
    "DELETE FROM discreet.attachments",
    "SELECT gate.move_group('', 'telegram', '-1', '-2')",
    "SELECT gate.same_person('', 'whatsapp', '1', '2')",
    "SELECT gate.note_receipt('', gen_random_uuid(), '1', 'failed', now(), '')",
    "SELECT * FROM gate.hearing('', gen_random_uuid())",
    "SELECT gate.note_heard('', gen_random_uuid(), now())",
    "SELECT gate.note_trouble('', gen_random_uuid(), 'planted')",
    "UPDATE discreet.channels SET heard_until = now()",
    "UPDATE discreet.outbox SET read_at = now()",
    "INSERT INTO discreet.passages (title, position, content) VALUES ('a', 1, 'planted')",
    "UPDATE discreet.agents SET instructions = 'planted'",
    "SELECT pg_terminate_backend(pid) FROM pg_locks",
    "SELECT table_to_xml('discreet.memories', true, false, '')",
    "SELECT query_to_xml('SELECT * FROM discreet.messages', true, false, '')",
    "SELECT schema_to_xml('discreet', true, false, '')",
    "SELECT database_to_xml(true, false, '')",
    "EXPLAIN (ANALYZE, VERBOSE, BUFFERS) SELECT * FROM discreet.memories",
    "SELECT * FROM discreet.memories WHERE content::int = 1",
    "SELECT 1 / (length(content) - 29) FROM discreet.memories",
    "SELECT ts_headline(content, 'heron'::tsquery) FROM discreet.memories",
    "WITH m AS (DELETE FROM discreet.memories RETURNING *) SELECT * FROM m",
    "MERGE INTO discreet.memories m USING (SELECT 1) s ON true WHEN MATCHED THEN"
    " UPDATE SET content = 'overwritten'",
    "INSERT INTO discreet.memories (content) SELECT content FROM discreet.messages"
    " ON CONFLICT DO NOTHING RETURNING *",
    "SELECT m.* FROM discreet.memories m RIGHT JOIN discreet.contacts c ON true",
    "SELECT (SELECT string_agg(content, ',') FROM discreet.memories)",
    "TABLE discreet.memory_history",
    "SELECT * FROM discreet.messages FOR UPDATE",
    "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM discreet.memories; FETCH ALL FROM c",
    "DO $$ BEGIN PERFORM set_config('role', 'discreet_owner', true); END $$",
    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM discreet.memories LOOP"
    " RAISE NOTICE '%', r; END LOOP; END $$",
    "PREPARE p AS SELECT * FROM discreet.memories; EXECUTE p",
    "COMMIT; SELECT * FROM discreet.memories",
    "ROLLBACK; BEGIN; SELECT * FROM discreet.messages",
    "SAVEPOINT s; SET LOCAL discreet.ticket = ''; ROLLBACK TO s; SELECT * FROM discreet.memories",
    *(f"SELECT * FROM discreet.{table}" for table in TABLES),
    *(f"SELECT t::text FROM discreet.{table} t" for table in TABLES),
]


async def _raw(door: Door, scope: Scope, statement: str) -> str:
    """Everything that a statement gives back in this scope: rows, errors, notices."""
    seen: list[str] = []
    try:
        async with door.enter(scope) as rows:
            connection = rows._connection
            assert connection is not None
            connection.add_notice_handler(lambda note: seen.append(str(note.message_primary)))
            async with connection.cursor() as cursor:
                if "STDOUT" in statement:
                    async with cursor.copy(statement) as copy:
                        seen += [bytes(block).decode() async for block in copy]
                else:
                    await cursor.execute(statement, prepare=False)
                    seen += await _all_results(cursor)
            if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                await connection.execute("BEGIN")  # the statement ended the door's transaction
    except (psycopg.Error, DiscreetError) as error:
        seen += [str(error), str(error.__cause__)]
        if isinstance(error, psycopg.Error):
            seen.append(str(error.diag.message_detail))
    return "\n".join(seen)


async def _all_results(cursor: psycopg.AsyncCursor[Any]) -> list[str]:
    seen = []
    while True:
        if cursor.description:
            seen += [repr(row) for row in await cursor.fetchall()]
        if not cursor.nextset():
            return seen


def _forbidden(neighbours: Neighbours) -> list[str]:
    bob, owner = neighbours.bob, neighbours.owner
    return [
        BOBS_SECRET,
        OWNERS_SECRET,
        *(str(i) for i in (bob.contact_id, bob.session_id, bob.message_id)),
        *(str(i) for i in (owner.session_id, owner.message_id)),
    ]


async def _check(neighbours: Neighbours, shown: str, statement: str) -> None:
    leaked = [value for value in _forbidden(neighbours) if value in shown]
    assert leaked == [], statement


async def _untouched(neighbours: Neighbours, admin: psycopg.Connection[Any]) -> None:
    kept = admin.execute(
        "SELECT content, contact_id FROM discreet.memories WHERE content = ANY (%s) ORDER BY 1",
        ([BOBS_SECRET, OWNERS_SECRET],),
    ).fetchall()
    assert kept == [(BOBS_SECRET, neighbours.bob.contact_id), (OWNERS_SECRET, None)]
    planted = admin.execute(
        "SELECT count(*) FROM discreet.memories WHERE content = 'planted'"
    ).fetchone()
    assert planted == (0,)


async def test_no_hostile_statement_shows_or_touches_anybody_elses_rows(
    neighbours: Neighbours, admin: psycopg.Connection[Any]
) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    for statement in HOSTILE:
        shown = await _raw(neighbours.world.door, alice, statement)
        await _check(neighbours, shown, statement)
    await _untouched(neighbours, admin)


MUST_FAIL = (
    "SET ROLE", "SET SESSION", "CREATE", "ALTER", "DROP", "GRANT", "TRUNCATE", "SELECT lo_",
    "INSERT INTO discreet.contacts", "SELECT pg_", "SELECT * FROM gate", "SELECT gate",
    "SELECT * FROM queue", "DELETE FROM discreet.memory_history",
)  # fmt: skip


async def test_statements_that_must_fail_do_fail(neighbours: Neighbours) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    must_fail = [s for s in HOSTILE if s.startswith(MUST_FAIL)]
    assert len(must_fail) > 20
    for statement in must_fail:
        shown = await _raw(neighbours.world.door, alice, statement)
        assert any(
            word in shown
            for word in ("permission denied", "must be", "not allowed", "denied", "does not exist",
                         "cannot", "Only roles")
        ), (statement, shown)  # fmt: skip


async def test_one_scopes_own_rows_are_there_so_the_emptiness_means_something(
    neighbours: Neighbours,
) -> None:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    for table in ("messages", "memories", "memory_history"):
        shown = await _raw(neighbours.world.door, bob, f"SELECT * FROM discreet.{table}")
        assert BOBS_SECRET in shown, table
    shown = await _raw(neighbours.world.door, neighbours.world.owner, "TABLE discreet.memories")
    assert BOBS_SECRET in shown
    assert OWNERS_SECRET in shown


LEFT_BEHIND = [
    "DECLARE held CURSOR WITH HOLD FOR SELECT content FROM discreet.memories",
    "SET SESSION discreet.ticket = '{ticket}'",
    "SELECT set_config('discreet.ticket', '{ticket}', false)",
    "SELECT set_config('discreet.note', 'bob-keeps-a-heron-in-the-bath', false)",
    "SET SESSION application_name = 'bob-keeps-a-heron-in-the-bath'",
    "PREPARE kept AS SELECT 'bob-keeps-a-heron-in-the-bath' FROM discreet.memories",
    'LISTEN "bob-keeps-a-heron-in-the-bath"',
    "SELECT pg_advisory_lock(4711)",
    "SET SESSION search_path = pg_temp, public",
    "SET SESSION row_security = off",
    "SET SESSION statement_timeout = 1",
    "SET SESSION default_transaction_read_only = on",
]
PROBES = [
    "FETCH ALL FROM held",
    "SELECT * FROM pg_cursors",
    "SELECT * FROM pg_prepared_statements WHERE from_sql",
    "EXECUTE kept",
    "SELECT current_setting('discreet.note', true), current_setting('application_name')",
    "SELECT * FROM pg_listening_channels()",
    "SELECT * FROM discreet.memories",
    "SELECT * FROM discreet.messages",
]


async def test_what_one_transaction_leaves_on_a_connection_the_next_never_finds(
    neighbours: Neighbours, door: Door
) -> None:
    world = neighbours.world
    bob, alice = (
        world.contact(neighbours.bob.contact_id),
        world.contact(neighbours.alice.contact_id),
    )
    ticket = ticket_for(bob, door._key)
    same = 0
    for left in LEFT_BEHIND:
        first = await _raw(door, bob, "SELECT pg_backend_pid()")
        await _raw(door, bob, left.format(ticket=ticket))
        same += await _raw(door, alice, "SELECT pg_backend_pid()") == first
        for probe in PROBES:
            await _check(neighbours, await _raw(door, alice, probe), f"{left} / {probe}")
        still = await _raw(door, alice, "SELECT content FROM discreet.memories")
        assert "alice likes tea" in still, left
    # Otherwise nothing was shown: a connection that was prepared in SQL is thrown away, no other.
    assert same >= len(LEFT_BEHIND) - 1


async def test_outside_of_a_transaction_with_a_ticket_there_are_no_rows(
    neighbours: Neighbours,
) -> None:
    database = neighbours.world.door._new_pool
    for role in ("discreet_contact", "discreet_shared", "discreet_owner"):
        async with database(role) as pool, pool.connection() as connection:  # type: ignore[arg-type]
            for table in ("messages", "memories", "memory_history", "sessions", "turns"):
                cursor = await connection.execute(f"SELECT count(*) FROM discreet.{table}")
                assert await cursor.fetchone() == (0,), (role, table)


@pytest.mark.parametrize("part", range(3))
async def test_a_ticket_with_one_character_changed_is_refused(
    neighbours: Neighbours, part: int
) -> None:
    world = neighbours.world
    good = ticket_for(world.contact(neighbours.bob.contact_id), world.door._key)
    forged = {
        0: good.replace(str(neighbours.bob.contact_id), str(neighbours.alice.contact_id)),
        1: good[:-1] + ("0" if good[-1] != "0" else "1"),
        2: ticket_for(world.owner, world.door._key),
    }[part]
    async with world.door._new_pool("discreet_contact") as pool, pool.connection() as connection:
        await connection.execute("BEGIN")
        await connection.execute("SELECT set_config('discreet.ticket', %s, true)", (forged,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("SELECT * FROM discreet.memories")


COLUMNS = ("id", "owner_id", "contact_id", "content", "text", "session_id", "created_at", "name")
PREDICATES = st.sampled_from(
    [
        "true", "contact_id IS NULL", "contact_id IS NOT NULL", "content LIKE '%heron%'",
        "text ILIKE '%key%'", "owner_id IS NOT NULL OR true", "NOT (contact_id IS NOT NULL)",
        "id IN (SELECT memory_id FROM discreet.memory_history)",
        "EXISTS (SELECT 1 FROM discreet.messages)",
        "party <> contact_id", "party IN (SELECT owner_id FROM discreet.sessions)",
        "coalesce(content, '') <> ''", "length(text) > 0 AND 1 / length(text) >= 0",
    ]
)  # fmt: skip
STATEMENTS = st.one_of(
    st.builds(
        lambda table, where, tail: f"SELECT * FROM discreet.{table} t WHERE {where} {tail}",
        st.sampled_from(TABLES),
        PREDICATES,
        st.sampled_from(
            [
                "",
                "ORDER BY 1",
                "LIMIT 5",
                "FOR UPDATE",
                "UNION ALL SELECT * FROM discreet.memories",
                "OFFSET 0",
            ]
        ),
    ),
    st.builds(
        lambda left, right, kind, where: (
            f"SELECT l::text, r::text FROM discreet.{left} l {kind} JOIN discreet.{right} r"
            f" ON true WHERE {where.replace('id', 'l.id', 1) if where == 'true' else 'true'}"
        ),
        st.sampled_from(TABLES),
        st.sampled_from(TABLES),
        st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"]),
        PREDICATES,
    ),
    st.builds(
        lambda table, column, where: (
            f"WITH x AS (UPDATE discreet.{table} SET {column} = {column} WHERE {where}"
            f" RETURNING *) SELECT * FROM x"
        ),
        st.sampled_from(TABLES),
        st.sampled_from((*COLUMNS, "state", "summary", "salience", "current_turn")),
        PREDICATES,
    ),
    st.builds(
        lambda table, where: f"DELETE FROM discreet.{table} WHERE {where} RETURNING *",
        st.sampled_from(TABLES),
        PREDICATES,
    ),
    st.builds(
        lambda function, table, column: f"SELECT {function}({column}::text) FROM discreet.{table}",
        st.sampled_from(["max", "min", "string_agg", "count", "array_agg", "json_agg", "md5"]),
        st.sampled_from(TABLES),
        st.sampled_from(COLUMNS),
    ),
)


async def test_no_generated_statement_shows_or_touches_anybody_elses_rows(
    neighbours: Neighbours, admin: psycopg.Connection[Any]
) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    statements: list[str] = []

    @settings(max_examples=150, database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(STATEMENTS)
    def collect(statement: str) -> None:
        statements.append(statement)

    collect()
    for statement in dict.fromkeys(statements):
        shown = await _raw(neighbours.world.door, alice, statement)
        await _check(neighbours, shown, statement)
    await _untouched(neighbours, admin)


async def test_an_id_that_is_somebody_elses_answers_as_one_that_does_not_exist(
    neighbours: Neighbours, admin: psycopg.Connection[Any]
) -> None:
    world = neighbours.world
    alice = world.contact(neighbours.alice.contact_id)
    theirs = admin.execute(
        "SELECT id FROM discreet.memories WHERE content = %s", (BOBS_SECRET,)
    ).fetchone()
    assert theirs is not None
    nobodys = "00000000-0000-4000-8000-000000000000"
    for statement in (
        "SELECT content FROM discreet.memories WHERE id = '{}'",
        "UPDATE discreet.memories SET content = 'overwritten' WHERE id = '{}' RETURNING id",
        "DELETE FROM discreet.memories WHERE id = '{}' RETURNING id",
        "SELECT gate.restore_memory('{}', 1)",
        "SELECT * FROM discreet.memory_history WHERE memory_id = '{}'",
        "INSERT INTO discreet.drafts (turn_id, text) VALUES ('{}', 'x')",
    ):
        ours = await _raw(world.door, alice, statement.format(theirs[0]))
        none = await _raw(world.door, alice, statement.format(nobodys))
        assert ours.replace(str(theirs[0]), nobodys) == none, statement
    for statement, id in (
        ("SELECT gate.wake_session('{}', NULL)", neighbours.bob.session_id),
        ("SELECT gate.is_withheld('{}')", neighbours.bob.session_id),
        ("INSERT INTO discreet.turns (session_id, route_id) VALUES ('{}', gen_random_uuid())",
         neighbours.bob.session_id),
        ("UPDATE discreet.messages SET state = 'failed' WHERE id = '{}' RETURNING id",
         neighbours.bob.message_id),
    ):  # fmt: skip
        ours = await _raw(world.door, alice, statement.format(id))
        none = await _raw(world.door, alice, statement.format(nobodys))
        assert ours.split("DETAIL")[0].replace(str(id), nobodys) == none.split("DETAIL")[0]


async def test_another_scopes_ids_fail_as_foreign_keys_exactly_like_ids_that_do_not_exist(
    neighbours: Neighbours, admin: psycopg.Connection[Any]
) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    theirs = admin.execute(
        "SELECT id, session_id, route_id FROM discreet.messages WHERE text = %s", (BOBS_SECRET,)
    ).fetchone()
    assert theirs is not None
    for statement in (
        "INSERT INTO discreet.outbox (message_id, session_id, route_id) VALUES ('{}', '{}', '{}')",
        "INSERT INTO discreet.turns (session_id, route_id, attempt)"
        " SELECT s, r, 1 FROM (VALUES ('{}'::uuid, '{}'::uuid, '{}'::uuid)) v (m, s, r)",
        "INSERT INTO discreet.messages (turn_id, session_id, route_id, position, direction, text)"
        " SELECT m, s, r, 1, 'in', 'x'"
        " FROM (VALUES ('{}'::uuid, '{}'::uuid, '{}'::uuid)) v (m, s, r)",
    ):
        shown = []
        for ids in (theirs, (uuid4(), uuid4(), uuid4())):
            answer = await _raw(neighbours.world.door, alice, statement.format(*ids))
            for id in ids:
                answer = answer.replace(str(id), "ID")
            shown.append(re.sub(UUID_PATTERN, "SCOPE", answer))
        assert shown[0] == shown[1], statement


async def test_a_title_that_another_owner_has_published_is_free_like_any_other(
    neighbours: Neighbours, admin: psycopg.Connection[Any]
) -> None:
    otto = await other_owner(neighbours.world, admin)
    row = "VALUES ('{}', 'prices.md', 0, 'x')"
    insert = "INSERT INTO discreet.passages (agent_id, title, position, content) "
    await _raw(otto.door, otto.owner, insert + row.format(otto.agent_id))
    shown = [
        (await _raw(otto.door, neighbours.world.owner, insert + row.format(id) + tail)).replace(
            str(id), "ID"
        )
        for id in (otto.agent_id, uuid4())
        for tail in ("", " ON CONFLICT DO NOTHING")
    ]
    assert len(set(shown)) == 1
    assert "foreign key" in shown[0]


UUID_PATTERN = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def test_a_scope_without_its_ids_opens_no_door() -> None:
    from discreet.domain.errors import ScopeError

    for broken in (
        ContactScope(None, None, None),  # type: ignore[arg-type]
        ContactScope("x", "y", "z"),  # type: ignore[arg-type]
    ):
        with pytest.raises(ScopeError):
            ticket_for(broken, b"k" * 32)


async def test_not_even_the_owner_reads_a_strangers_code(neighbours: Neighbours) -> None:
    for table, column in (("pairings", "code"), ("owner_links", "digest"), ("tokens", "digest")):
        shown = await _raw(
            neighbours.world.door, neighbours.world.owner, f"SELECT {column} FROM discreet.{table}"
        )
        assert "may not" in shown or "permission denied" in shown
