"""Each layer by itself, with the others removed.

Separation is enforced two or three times: scopes are tested without the database, the gate's
functions and delivery without keys and without row-level security, and tickets without the pool's
cleaning.

One file, although it is long: the same few steps remove the layers for all of its tests.
"""

from __future__ import annotations

import hmac
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from discreet.delivery import deliver
from discreet.domain.errors import NotFound, ScopeError
from discreet.domain.ids import ContactId
from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import index
from discreet.memory.knowledge import get_knowledge_memories
from discreet.memory.memories import NewMemory, remember
from discreet.postgres.pool import MEET
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.schemas.attribution import OWNER, SHARED
from discreet.scope import ContactScope, IntakeScope, OwnerScope, ScopedDatabase, SharedScope
from discreet.scope.scopes import ids_of, session_scope
from discreet.services.agents import change_agent
from discreet.services.attribution import Attribution
from discreet.turn.lease import acquire
from discreet.turn.retrieval import SHARED_SPEAKER
from discreet.turn.run import run_turn
from tests.isolation.conftest import ALICE, BOB, Neighbours
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import Recording, by_platform, do_all, turns_of
from tests.support.world import World, make_world, other_owner

Admin = psycopg.Connection[Any]


def drop_keys(admin: Admin) -> None:
    """Drop the keys, so that any row may refer to any other."""
    keys = admin.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE connamespace = 'discreet'::regnamespace AND contype = 'f'"
    ).fetchall()
    for table, key in keys:
        admin.execute(f"ALTER TABLE {table} DROP CONSTRAINT {key}")


def drop_policies(admin: Admin) -> None:
    """Disable the policies, so that every role sees all rows."""
    tables = admin.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity"
        " AND relnamespace = 'discreet'::regnamespace"
    ).fetchall()
    for (table,) in tables:
        admin.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


# Scopes.

SOME: Any = UUID(int=1)


@pytest.mark.parametrize(
    "broken",
    [
        ContactScope(SOME, SOME, None),  # type: ignore[arg-type]
        ContactScope(SOME, None, SOME),  # type: ignore[arg-type]
        ContactScope(None, SOME, SOME),  # type: ignore[arg-type]
        ContactScope(SOME, SOME, str(SOME)),  # type: ignore[arg-type]
        SharedScope(SOME, None),  # type: ignore[arg-type]
        SharedScope(SOME, ""),  # type: ignore[arg-type]
        OwnerScope(None),  # type: ignore[arg-type]
        OwnerScope(SOME, f"{SOME}/{SOME}"),  # type: ignore[arg-type]
        IntakeScope(None),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_a_scope_that_lacks_an_id_or_holds_another_thing_has_no_ticket(broken: Any) -> None:
    with pytest.raises(ScopeError):
        ids_of(broken)


def test_only_what_has_neither_a_contact_nor_is_shared_is_the_owners() -> None:
    contact: Any = uuid4()
    for shared in (True, False):
        scope = session_scope(SOME, SOME, contact, shared=shared)
        assert scope == ContactScope(SOME, SOME, contact)
    assert session_scope(SOME, SOME, None, shared=True) == SharedScope(SOME, SOME)
    assert session_scope(SOME, SOME, None, shared=False) == OwnerScope(SOME, SOME)


def test_a_contact_without_a_name_is_not_the_owner() -> None:
    contact = ContactId(uuid4())
    assert Attribution(True, {}).person_of(contact, shared=False) not in (None, OWNER, SHARED)
    assert Attribution(True, {}).person_of(None, shared=True) == SHARED
    assert Attribution(True, {}).person_of(None, shared=False) == OWNER
    assert Attribution(False, {}).person_of(contact, shared=False) is None


# Rows and tickets.


async def test_rows_that_are_kept_longer_than_their_door_is_open_show_nothing(
    neighbours: Neighbours,
) -> None:
    bob = neighbours.world.contact(neighbours.bob.contact_id)
    async with neighbours.world.db.begin(bob) as kept:
        assert await kept.value("SELECT count(*) FROM discreet.memories") == 1
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    async with neighbours.world.db.begin(alice):
        for attempt in (kept.fetch, kept.fetch_one, kept.fetch_tuples, kept.value, kept.execute):
            with pytest.raises(ScopeError):
                await attempt("SELECT content FROM discreet.memories")


async def test_a_ticket_ends_with_its_transaction_even_on_an_uncleaned_connection(
    neighbours: Neighbours,
) -> None:
    for scope in (neighbours.world.contact(neighbours.bob.contact_id), neighbours.world.owner):
        async with neighbours.world.db.begin(scope) as tx:
            await tx.begin()
            connection = tx._connection
            assert connection is not None
            await connection.execute("COMMIT")
            cursor = await connection.execute(
                "SELECT coalesce(current_setting('discreet.ticket', true), ''),"
                " (SELECT count(*) FROM discreet.memories)"
            )
            assert await cursor.fetchone() == ("", 0)
            await connection.execute("BEGIN")  # the scoped database will end it


async def test_what_intake_is_called_with_is_gone_with_the_call(
    world: World, db: ScopedDatabase
) -> None:
    await world.say(ALICE, "hi")
    # The pool has one connection and doesn't clean it.
    left = await db.call(
        IntakeScope(world.owner_id),
        "SELECT coalesce(current_setting('discreet.ticket', true), '') AS ticket",
        {},
    )
    assert left == {"ticket": ""}


async def test_functions_that_act_for_a_scope_refuse_who_has_none(
    neighbours: Neighbours, database: Database, admin: Admin
) -> None:
    route = admin.execute("SELECT id FROM discreet.routes LIMIT 1").fetchone()
    assert route is not None
    for role in ("discreet_contact", "discreet_shared", "discreet_owner"):
        with psycopg.connect(database.conninfo(role), autocommit=True) as conn:
            for call, id in (
                ("gate.wake_session(%s, NULL)", neighbours.owner.session_id),
                ("gate.wake_route(%s, NULL)", route[0]),
                ("gate.restore_memory(%s, 1)", uuid4()),
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no_scope"):
                    conn.execute(f"SELECT {call}", (id,))
    # A valid ticket that names nobody.
    with psycopg.connect(database.conninfo("discreet_intake"), autocommit=True) as conn:
        [(pid, now)] = conn.execute(MEET).fetchall()
        said = f"///{pid}/{now * 1000:.0f}"
        signed = hmac.new(database.ticket_key, f"discreet_intake|{said}".encode(), "sha256")
        for call in (
            "gate.release_quarantined(%(t)s, %(id)s)",
            "gate.quarantine_message(%(t)s, %(id)s, 'x', '{}', 'x', NULL)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no_scope"):
                conn.execute(f"SELECT {call}", {"t": f"{said}#{signed.hexdigest()}", "id": uuid4()})


async def test_a_refusal_does_not_reveal_existing_values(neighbours: Neighbours) -> None:
    alice = neighbours.world.contact(neighbours.alice.contact_id)
    for session in (neighbours.bob.session_id, uuid4()):
        async with neighbours.world.db.begin(alice) as tx:
            with pytest.raises(NotFound) as refused:
                await tx.execute(
                    "INSERT INTO discreet.turns (session_id, route_id) VALUES (%s, %s)",
                    (session, uuid4()),
                )
        assert str(refused.value) == "It refers to something that does not exist."


# The gate's functions, without keys between the tables.


async def gate(db: ScopedDatabase, scope: Any, call: str, *ids: Any) -> Any:
    """Return the result of a gate function in a scope, or why it refuses."""
    try:
        async with db.begin(scope) as tx:
            return await tx.value(f"SELECT gate.{call}", ids)  # type: ignore[arg-type]
    except NotFound as error:
        return str(error).removeprefix("There is ").removesuffix(".")
    except psycopg.DatabaseError as error:
        return error.diag.message_primary


class Everything:
    """Every combination of two owners, two agents, two contacts and none, shared and not.

    This includes combinations that no key allows. ``rows`` is keyed by (owner, agent, contact,
    shared).
    """

    def __init__(self, world: World, eve: World, otto: World, alice: Any, bob: Any) -> None:
        self.db = world.db
        self.here = (world.owner_id, world.agent_id, alice)
        self.mixtures = [
            (owner, agent, contact, shared)
            for owner in (world.owner_id, otto.owner_id)
            for agent in (world.agent_id, eve.agent_id)
            for contact in (alice, bob, None)
            for shared in (False, True)
        ]
        owner, agent, _ = self.here
        self.scopes: dict[str, tuple[Any, Any]] = {
            "contact": (ContactScope(*self.here), lambda m: m == (*self.here, False)),
            "shared": (SharedScope(owner, agent), lambda m: m == (owner, agent, None, True)),
            "owner": (OwnerScope(owner, agent), lambda m: m[0] == owner),
        }


@pytest.fixture
async def everything(neighbours: Neighbours, admin: Admin) -> Everything:
    world = neighbours.world
    eve = await make_world(world.db, agent="Eve")
    otto = await other_owner(world, admin)
    drop_keys(admin)
    alice, bob = neighbours.alice.contact_id, neighbours.bob.contact_id
    return Everything(world, eve, otto, alice, bob)


@pytest.mark.parametrize("who", ["contact", "shared", "owner"])
async def test_a_scope_wakes_and_ends_its_own_sessions_and_routes_and_no_others(
    everything: Everything, admin: Admin, who: str
) -> None:
    scope, is_its_own = everything.scopes[who]
    channel = admin.execute("SELECT id FROM discreet.channels LIMIT 1").fetchone()
    assert channel is not None
    for mixture in everything.mixtures:
        session, route = uuid4(), uuid4()
        admin.execute(
            "INSERT INTO discreet.sessions (owner_id, agent_id, contact_id, shared, id, thread_key)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (*mixture, session, str(session)),
        )
        admin.execute(
            "INSERT INTO discreet.routes (owner_id, agent_id, contact_id, shared, id, session_id,"
            " channel_id, chat_id) VALUES (%s, %s, %s, %s, %s, %s, %s, 'chat')",
            (*mixture, route, session, channel[0]),
        )
        admin.execute(
            "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, args, lock, status)"
            " VALUES ('deliveries', 'deliver', '{}', %s, 'doing')",
            (f"deliver:{route}",),
        )
        for call, id in (("wake_session(%s, NULL)", session), ("wake_route(%s, NULL)", route)):
            expected = "" if is_its_own(mixture) else "no such session"
            assert await gate(everything.db, scope, call, id) == expected, (call, mixture)
        assert await gate(everything.db, scope, "end_delivery(%s)", route) == ""
        running = admin.execute(
            "SELECT count(*) FROM queue.procrastinate_jobs WHERE lock = %s AND status = 'doing'",
            (f"deliver:{route}",),
        ).fetchone()
        assert running == (0 if is_its_own(mixture) else 1,), mixture
    assert await gate(everything.db, scope, "wake_route(%s, NULL)", uuid4()) == "no such session"


@pytest.mark.parametrize("who", ["contact", "shared", "owner"])
async def test_a_scope_restores_its_own_memories_and_no_others(
    everything: Everything, admin: Admin, who: str
) -> None:
    scope, is_its_own = everything.scopes[who]
    for mixture in everything.mixtures:
        memory = uuid4()
        admin.execute(
            "INSERT INTO discreet.memory_history (owner_id, agent_id, contact_id, shared,"
            " memory_id, version, content, summary, topics, salience, source, metadata, terms,"
            " created_at, updated_at, change) VALUES (%s, %s, %s, %s, %s, 1, %s, '', '{}', 'low',"
            " '', '{}', '{}', now(), now(), 'delete')",
            (*mixture, memory, str(memory)),
        )
        expected = memory if is_its_own(mixture) else None
        given = await gate(everything.db, scope, "restore_memory(%s, 1)", memory)
        assert given == expected, mixture
        there = admin.execute(
            "SELECT owner_id, agent_id, contact_id, shared FROM discreet.memories WHERE id = %s",
            (memory,),
        ).fetchall()
        assert there == ([mixture] if expected else [])


@pytest.mark.parametrize("who", ["contact", "shared", "owner"])
async def test_a_scope_takes_away_its_own_memories_and_ends_its_own_turns_and_no_others(
    everything: Everything, admin: Admin, who: str
) -> None:
    scope, is_its_own = everything.scopes[who]
    for mixture in everything.mixtures:
        memory, session, turn = uuid4(), uuid4(), uuid4()
        admin.execute(
            "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, shared, id, content)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (*mixture, memory, str(memory)),
        )
        admin.execute(
            "INSERT INTO discreet.sessions"
            " (owner_id, agent_id, contact_id, shared, id, thread_key, current_turn)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (*mixture, session, str(session), turn),
        )
        gone = is_its_own(mixture)
        assert await gate(everything.db, scope, "forget_memory(%s, 2)", memory) is False
        assert await gate(everything.db, scope, "forget_memory(%s, NULL)", memory) is gone, mixture
        assert (
            await gate(everything.db, scope, "verify_turn_lease(%s, %s)", session, turn) is gone
        ), mixture
        await gate(everything.db, scope, "end_turn(%s, %s, false, NULL)", session, turn)
        left = admin.execute(
            "SELECT (SELECT count(*) FROM discreet.memories WHERE id = %s),"
            "  (SELECT count(*) FROM discreet.sessions WHERE id = %s AND current_turn = %s)",
            (memory, session, turn),
        ).fetchone()
        assert left == ((0, 0) if gone else (1, 1)), mixture


@pytest.mark.parametrize("sender", [ALICE, None])
async def test_intake_takes_and_ends_the_senders_own_session_and_no_other(
    everything: Everything, neighbours: Neighbours, admin: Admin, sender: str | None
) -> None:
    world = neighbours.world
    admin.execute("DELETE FROM discreet.sessions")
    owner, agent, alice = everything.here
    own = (owner, agent, alice if sender else None, False)
    for mixture in everything.mixtures:
        if mixture[:3] != own[:3]:
            admin.execute(
                "INSERT INTO discreet.sessions (owner_id, agent_id, contact_id, shared)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                mixture,
            )
    there = admin.execute("SELECT count(*) FROM discreet.sessions").fetchone()

    async def session_of(new: bool) -> tuple[Any, ...] | None:
        accepted = await world.say(sender, "hi", new=new)
        return admin.execute(
            "SELECT owner_id, agent_id, contact_id, shared FROM discreet.sessions WHERE id = %s",
            (accepted.session_id,),
        ).fetchone()

    assert await session_of(False) == await session_of(True) == own
    ended = admin.execute(
        "SELECT owner_id, agent_id, contact_id, shared FROM discreet.sessions"
        " WHERE ended_at IS NOT NULL"
    ).fetchall()
    assert ended == [own]
    now = admin.execute("SELECT count(*) FROM discreet.sessions").fetchone()
    assert there is not None
    assert now == (there[0] + 2,)


async def test_an_agent_that_becomes_shared_or_private_takes_nobody_into_the_other_session(
    world: World, database: Database, admin: Admin
) -> None:
    embedder, responder = bundled_embedder(), Responder(do_as_told)

    async def becomes(model: Any) -> None:
        await change_agent(world.db, world.owner_id, "Ada", AgentChange(memory_model=model))

    mine = await world.say(None, calling("remember", content="private", salience="critical"))
    await do_all(database, world.db, responder)
    await becomes("shared")
    all_of_us = [await world.say(who, calling("recall")) for who in (ALICE, BOB, None)]
    assert len({one.session_id for one in (mine, *all_of_us)}) == 2
    await world.say(ALICE, calling("remember", content="of all", salience="critical"))
    responder.contexts.clear()
    await do_all(database, world.db, responder)
    assert {one.party.kind for one in responder.contexts} == {"shared"}
    assert "private" not in repr(responder.contexts)
    # Their messages stay theirs and aren't part of the initial knowledge of the owner's turn.
    await becomes("per_contact")
    again = await world.say(None, "hi")
    assert again.session_id == mine.session_id
    async with world.db.begin(world.owner) as tx:
        known = await get_knowledge_memories(tx, 1000)
        assert [memory.content for memory in known] == ["private"]
    responder.contexts.clear()
    await do_all(database, world.db, responder)
    (context,) = responder.contexts
    recalled = {found.text: found.whose for found in context.recalled}
    assert recalled == {"of all": SHARED_SPEAKER, "private": None} or "of all" not in recalled
    (made,) = index(["of all, too"], embedder)
    async with world.db.begin(SharedScope(world.owner_id, world.agent_id)) as tx:
        assert (await remember(tx, NewMemory("of all, too", made))).shared
    shared = admin.execute("SELECT content, shared FROM discreet.memories ORDER BY 1").fetchall()
    assert shared == [("of all", True), ("of all, too", True), ("private", False)]


async def test_somebody_elses_message_in_the_owners_session_is_never_answered_there(
    neighbours: Neighbours, admin: Admin
) -> None:
    world, owner = neighbours.world, neighbours.owner
    for text in ("mine", "theirs"):
        await world.say(None, text)
    admin.execute(
        "UPDATE discreet.messages SET sender_contact_id = %s WHERE text = 'theirs'",
        (neighbours.alice.contact_id,),
    )
    responder = Responder()
    with pytest.raises(ScopeError):
        async with world.db.begin(world.owner) as tx:
            await acquire(tx, owner.session_id)
    with pytest.raises(ScopeError):
        await run_turn(turns_of(world.db, responder), owner.session_id)
    assert responder.contexts == []


# Delivery, without keys and without row-level security.

ASTRAY = {
    "the route is another contact's":
        "UPDATE discreet.routes SET contact_id = %(bob)s WHERE id = %(route)s",
    "the route is another agent's":
        "UPDATE discreet.routes SET agent_id = %(eve)s WHERE id = %(route)s",
    "the answer is another contact's":
        "UPDATE discreet.messages SET contact_id = %(bob)s WHERE direction = 'out'",
    "the route is another session's":
        "UPDATE discreet.outbox SET session_id = %(other_session)s",
    "the answer has another route":
        "UPDATE discreet.messages SET route_id = %(other_route)s WHERE direction = 'out'",
    "the question has another route":
        "UPDATE discreet.messages SET route_id = %(other_route)s WHERE id = %(asked)s",
    "the question came through another channel":
        "UPDATE discreet.messages SET channel_id = %(other_channel)s WHERE id = %(asked)s",
    "the question came from another chat":
        "UPDATE discreet.messages SET chat_id = 'elsewhere' WHERE id = %(asked)s",
}  # fmt: skip


@pytest.mark.parametrize("how", [None, *ASTRAY])
async def test_an_answer_whose_way_was_bent_is_held_back(
    world: World, admin: Admin, how: str | None
) -> None:
    eve = await make_world(world.db, agent="Eve")
    asked = await world.say(ALICE, "hi")
    await run_turn(turns_of(world.db, Responder()), asked.session_id)
    bob = await world.say(BOB, "hi")
    other = await world.say(ALICE, "hi", thread_key="other", chat="other")
    ids = admin.execute(
        "SELECT (SELECT route_id FROM discreet.outbox) AS route,"
        " (SELECT id FROM discreet.routes WHERE session_id = %s) AS other_route",
        (other.session_id,),
    ).fetchone()
    assert ids is not None
    drop_keys(admin)
    drop_policies(admin)
    if how is not None:
        admin.execute(
            ASTRAY[how],
            {"bob": bob.contact_id, "eve": eve.agent_id, "route": ids[0], "other_route": ids[1],
             "other_session": other.session_id, "other_channel": eve.channel_id,
             "asked": asked.message_id},
        )  # fmt: skip
    wire = Recording("terminal")
    await deliver(world.db, by_platform({"terminal": wire}), ids[0])
    states = admin.execute("SELECT state FROM discreet.outbox").fetchall()
    assert ([one.text for one in wire.sent], states) == (
        (["hm"], [("sent",)]) if how is None else ([], [("failed",)])
    )
