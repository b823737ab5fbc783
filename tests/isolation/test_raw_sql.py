"""Any SQL run as a contact shows nobody else's rows or values.

One file, although it is long: hand-written and generated statements share what they look for.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discreet.domain.errors import DiscreetError
from discreet.postgres.installation import in_installation
from discreet.postgres.server import Database
from discreet.scope import ContactScope, Scope, ScopedDatabase
from discreet.scope.tickets import ticket_for
from tests.isolation.conftest import BOBS_SECRET, OWNERS_SECRET, Neighbours
from tests.isolation.hostile import DENIED, FAILS, HOSTILE, NEVER, RUNS
from tests.support.world import other_owner

TABLES = (
    "owners", "agents", "contacts", "addresses", "channels", "sessions", "routes", "turns",
    "messages", "outbox", "drafts", "memories", "memory_history", "passages", "quarantine",
    "admissions", "pairings", "held_messages", "owner_links", "wrong_codes", "limits",
    "limit_hits", "tokens", "channel_secrets", "webhooks", "web_chats",
    "attachments", "contact_labels", "tool_servers", "tools", "tool_calls", "reminders",
)  # fmt: skip


async def _run(db: ScopedDatabase, scope: Scope, statement: str) -> tuple[str, str]:
    """Return a statement's rows, errors and notices in this scope, and its SQLSTATE if it fails."""
    seen: list[str] = []
    ended = ""
    try:
        async with db.begin(scope) as tx:
            await tx.begin()
            connection = tx._connection
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
                await connection.execute("BEGIN")  # the statement ended the scope's transaction
    except (psycopg.Error, DiscreetError) as error:
        seen += [str(error), str(error.__cause__)]
        cause = error if isinstance(error, psycopg.Error) else error.__cause__
        if not isinstance(cause, psycopg.Error):
            raise
        seen.append(str(cause.diag.message_detail))
        ended = str(cause.sqlstate)
    return "\n".join(seen), ended


async def _raw(db: ScopedDatabase, scope: Scope, statement: str) -> str:
    shown, ended = await _run(db, scope, statement)
    assert ended not in NEVER, (statement, shown)
    return shown


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


async def test_each_hostile_statement_ends_as_it_must_and_shows_or_touches_nobody_elses_rows(
    neighbours: Neighbours, admin: psycopg.Connection[Any], database: Database
) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    wrong = []
    for wanted, statements in HOSTILE.items():
        for named in statements:
            statement = in_installation(named, database.credentials.installation)
            shown, ended = await _run(neighbours.world.db, alice, statement)
            await _check(neighbours, shown, statement)
            if ended != wanted:
                wrong.append((statement, wanted, ended, shown.splitlines()[:1]))
    assert wrong == []
    await _untouched(neighbours, admin)


async def test_what_a_sender_has_used_can_not_be_made_less_by_its_own_statements(
    neighbours: Neighbours,
) -> None:
    world = neighbours.world
    alice = world.contact(neighbours.alice.contact_id)
    async with world.db.begin(alice) as tx:
        turn = await tx.value(
            "INSERT INTO discreet.turns (session_id, route_id)"
            " SELECT session_id, route_id FROM discreet.messages LIMIT 1 RETURNING id"
        )
    update = f"UPDATE discreet.turns SET usage = '{{}}' WHERE id = '{turn}'"
    for usage, ended in (
        ('{"input_tokens": -1, "output_tokens": 5}', DENIED),
        ('{"input_tokens": 9000000000000}', DENIED),
        ('{"input_tokens": 70, "output_tokens": 30}', RUNS),
        ('{"input_tokens": 69, "output_tokens": 30}', DENIED),
        ('{"input_tokens": 70}', DENIED),
        ("{}", DENIED),
        ('{"input_tokens": 70, "output_tokens": 31}', RUNS),
    ):
        shown = await _run(world.db, alice, update.format(usage))
        assert shown[1] == ended, (usage, shown)
    erased = f"UPDATE discreet.turns SET usage = NULL WHERE id = '{turn}'"
    assert (await _run(world.db, alice, erased))[1] == DENIED


async def test_an_answer_replies_only_to_what_was_said_in_its_own_session(
    neighbours: Neighbours,
) -> None:
    world = neighbours.world
    said = "SELECT platform_message_id FROM discreet.messages WHERE id = %s"
    async with world.db.begin(world.owner) as tx:
        own, bobs = [
            await tx.value(said, (who.message_id,)) for who in (neighbours.alice, neighbours.bob)
        ]
    async with world.db.begin(world.contact(neighbours.alice.contact_id)) as tx:
        replies = [
            await tx.value(
                "INSERT INTO discreet.messages (session_id, route_id, position, direction, state,"
                "  text, reply_to) SELECT session_id, route_id, %s, 'out', 'sent', 'hi', %s"
                "  FROM discreet.messages WHERE id = %s RETURNING reply_to",
                (place, reply_to, neighbours.alice.message_id),
            )
            for place, reply_to in ((100, own), (101, bobs))
        ]
    assert own != bobs
    assert replies == [own, None]


def test_no_hostile_statement_may_end_because_it_names_what_does_not_exist() -> None:
    assert not set(HOSTILE) & set(NEVER)
    assert {RUNS, DENIED, *FAILS} == set(HOSTILE)


async def test_whatever_a_contact_may_read_has_no_row_of_anybody_elses(
    neighbours: Neighbours, admin: psycopg.Connection[Any]
) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    readable = _readable(admin)
    assert {"memories", "messages", "sessions", "contacts"} <= set(readable)
    for table in TABLES:
        columns = ", ".join(readable.get(table, ["1"]))
        shown, ended = await _run(
            neighbours.world.db, alice, f"SELECT {columns} FROM discreet.{table}"
        )
        await _check(neighbours, shown, table)
        assert ended == (RUNS if table in readable else DENIED), (table, shown)


def _readable(admin: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Return the columns that a contact may read, by table."""
    found = admin.execute(
        "SELECT c.relname, array_agg(quote_ident(a.attname)::text ORDER BY a.attnum)"
        "  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped"
        "   AND has_column_privilege('discreet_contact', c.oid, a.attnum, 'SELECT') GROUP BY 1"
    )
    return dict(found.fetchall())


async def test_one_scopes_own_rows_are_there_so_the_emptiness_means_something(
    neighbours: Neighbours,
) -> None:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    for table, column in SAID.items():
        shown = await _raw(neighbours.world.db, bob, f"SELECT {column} FROM discreet.{table}")
        assert BOBS_SECRET in shown, table
    shown = await _raw(
        neighbours.world.db, neighbours.world.owner, "SELECT content FROM discreet.memories"
    )
    assert BOBS_SECRET in shown
    assert OWNERS_SECRET in shown


SAID = {"messages": "text", "memories": "content", "memory_history": "content"}

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
    "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
]
PROBES = [
    "FETCH ALL FROM held",
    "SELECT * FROM pg_cursors",
    "SELECT * FROM pg_prepared_statements WHERE from_sql",
    "EXECUTE kept",
    "SELECT current_setting('discreet.note', true), current_setting('application_name')",
    "SELECT * FROM pg_listening_channels()",
    "SELECT content FROM discreet.memories",
    "SELECT text FROM discreet.messages",
]


async def test_what_one_transaction_leaves_on_a_connection_the_next_never_finds(
    neighbours: Neighbours, db: ScopedDatabase
) -> None:
    world = neighbours.world
    bob, alice = (
        world.contact(neighbours.bob.contact_id),
        world.contact(neighbours.alice.contact_id),
    )
    same = 0
    for left in LEFT_BEHIND:
        first = await _raw(db, bob, "SELECT pg_backend_pid()")
        async with db.begin(bob) as tx:
            ticket = await tx.value("SELECT current_setting('discreet.ticket')")
        await _raw(db, bob, left.format(ticket=ticket))
        same += await _raw(db, alice, "SELECT pg_backend_pid()") == first
        for probe in PROBES:
            shown, _ = await _run(db, alice, probe)
            await _check(neighbours, shown, f"{left} / {probe}")
        still = await _raw(db, alice, "SELECT content FROM discreet.memories")
        assert "alice likes tea" in still, left
    # Otherwise nothing was proved: only a connection prepared in SQL is discarded.
    assert same >= len(LEFT_BEHIND) - 1


async def test_without_a_ticket_in_the_transaction_there_are_no_rows(
    neighbours: Neighbours,
) -> None:
    database = neighbours.world.db._new_pool
    for role in ("discreet_contact", "discreet_shared", "discreet_owner"):
        async with database(role) as pool, pool.connection() as connection:  # type: ignore[arg-type]
            for table in ("messages", "memories", "memory_history", "sessions", "turns"):
                cursor = await connection.execute(f"SELECT count(*) FROM discreet.{table}")
                assert await cursor.fetchone() == (0,), (role, table)


def _statements(readable: dict[str, list[str]]) -> st.SearchStrategy[str]:
    """Return statements of every kind over columns that a contact may read."""
    columns = st.sampled_from(
        [(table, name) for table, names in readable.items() for name in names]
    )
    predicates = st.builds(
        lambda of, form: form.format(c=f"t.{of}", t=f"t.{of}::text"),
        st.shared(columns, key="column").map(lambda pair: pair[1]),
        st.sampled_from(
            [
                "true", "{c} IS NULL", "{c} IS NOT NULL", "{t} LIKE '%heron%'", "{t} ILIKE '%key%'",
                "{c} IS NOT NULL OR true", "NOT ({c} IS NOT NULL)", "{t} > ANY ('{{a,z}}')",
                "EXISTS (SELECT 1 FROM discreet.messages)", "coalesce({t}, '') <> ''",
                "{t} IN (SELECT id::text FROM discreet.sessions)",
                "length({t}) > 0 AND 1 / length({t}) >= 0",
            ]
        ),
    )  # fmt: skip
    tail = st.sampled_from(
        ["", "ORDER BY 1", "LIMIT 5", "FOR UPDATE", "OFFSET 0",
         "UNION ALL SELECT content FROM discreet.memories"]
    )  # fmt: skip
    one = st.shared(columns, key="column")
    return st.one_of(
        st.builds(
            lambda of, where, tail: (
                f"SELECT t.{of[1]}::text FROM discreet.{of[0]} t WHERE {where} {tail}"
            ),
            one, predicates, tail,
        ),
        st.builds(
            lambda of, other, kind, where: (
                f"SELECT t.{of[1]}::text, r.{other[1]}::text FROM discreet.{of[0]} t {kind} JOIN"
                f" discreet.{other[0]} r ON true WHERE {where}"
            ),
            one, columns, st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"]), predicates,
        ),
        st.builds(
            lambda of, where: (
                f"WITH x AS (UPDATE discreet.{of[0]} t SET {of[1]} = {of[1]} WHERE {where}"
                f" RETURNING t.{of[1]}) SELECT * FROM x"
            ),
            one, predicates,
        ),
        st.builds(
            lambda of, where: (
                f"DELETE FROM discreet.{of[0]} t WHERE {where} RETURNING t.{of[1]}::text"
            ),
            one, predicates,
        ),
        st.builds(
            lambda of, function: f"SELECT {function}({of[1]}::text) FROM discreet.{of[0]}",
            one, st.sampled_from(["max", "min", "count", "array_agg", "json_agg", "md5"]),
        ),
    )  # fmt: skip


async def test_no_generated_statement_shows_or_touches_anybody_elses_rows(
    neighbours: Neighbours, admin: psycopg.Connection[Any]
) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    statements: list[str] = []

    @settings(max_examples=150, database=None, deadline=None, derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(_statements(_readable(admin)))
    def collect(statement: str) -> None:
        statements.append(statement)

    collect()
    for statement in dict.fromkeys(statements):
        shown = await _raw(neighbours.world.db, alice, statement)
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
        "SELECT gate.forget_memory('{}', NULL)",
        "SELECT gate.restore_memory('{}', 1)",
        "SELECT content FROM discreet.memory_history WHERE memory_id = '{}'",
        "INSERT INTO discreet.drafts (turn_id, text) VALUES ('{}', 'x')",
    ):
        ours = await _raw(world.db, alice, statement.format(theirs[0]))
        none = await _raw(world.db, alice, statement.format(nobodys))
        assert ours.replace(str(theirs[0]), nobodys) == none, statement
    for statement, id in (
        ("SELECT gate.wake_session('{}', NULL)", neighbours.bob.session_id),
        ("SELECT gate.begin_turn('{}', 50)", neighbours.bob.session_id),
        ("SELECT gate.verify_turn_lease('{}', gen_random_uuid())", neighbours.bob.session_id),
        ("INSERT INTO discreet.turns (session_id, route_id) VALUES ('{}', gen_random_uuid())",
         neighbours.bob.session_id),
        ("UPDATE discreet.messages SET state = 'failed' WHERE id = '{}' RETURNING id",
         neighbours.bob.message_id),
    ):  # fmt: skip
        ours = await _raw(world.db, alice, statement.format(id))
        none = await _raw(world.db, alice, statement.format(nobodys))
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
            answer = await _raw(neighbours.world.db, alice, statement.format(*ids))
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
    await _raw(otto.db, otto.owner, insert + row.format(otto.agent_id))
    shown = [
        (await _raw(otto.db, neighbours.world.owner, insert + row.format(id) + tail)).replace(
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
            ticket_for(broken, b"k" * 32, 1, 0)


async def test_not_even_the_owner_reads_a_strangers_code(neighbours: Neighbours) -> None:
    for table, column in (("pairings", "code"), ("owner_links", "digest"), ("tokens", "digest")):
        shown = await _raw(
            neighbours.world.db, neighbours.world.owner, f"SELECT {column} FROM discreet.{table}"
        )
        assert "may not" in shown or "permission denied" in shown


async def test_an_erasure_spares_the_memory_that_another_conversation_names_as_its_summary(
    neighbours: Neighbours, db: ScopedDatabase
) -> None:
    world = neighbours.world
    bob = world.contact(neighbours.bob.contact_id)
    async with db.begin(bob) as tx:
        bobs = await tx.value("SELECT id FROM discreet.memories LIMIT 1")
    said = await world.say("telegram:1001", "hello all", group="telegram:-7")
    async with db.begin(world.contact(said.contact_id)) as tx:
        planted = "UPDATE discreet.sessions SET summary_id = %s, compacted_to = 9"
        assert await tx.execute(planted, (bobs,)) == 1
    async with db.begin(world.owner) as tx:
        await tx.execute("SELECT gate.erase_contact(%s)", (neighbours.alice.contact_id,))
    async with db.begin(bob) as tx:
        assert await tx.value("SELECT id FROM discreet.memories LIMIT 1") == bobs
