"""Linking accounts of one person, by proof or by the owner, and undoing it completely."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from discreet.auth import mcp_sessions, tokens
from discreet.delivery import deliver
from discreet.domain.errors import BadInput, Conflict, NotFound, Unauthorized
from discreet.domain.ids import ContactId, RouteId, SessionId
from discreet.domain.inbound import ContactSender, Inbound
from discreet.intake import Accepted, accept
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.services import contacts, linking
from discreet.turn.context import TurnContext
from discreet.turn.run import run_turn
from discreet.turn.think import Tools
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder
from tests.support.turns import Recording, by_platform, do_all, turns_of
from tests.support.waiting import until
from tests.support.world import make_world, open_scoped

Admin = psycopg.Connection[Any]

ANN, ANN_TOO, BOB, GROUP = "telegram:1001", "telegram:2001", "telegram:1002", "telegram:-100500"
STAYS_WITH_THE_JOINED = {"limits", "limit_hits", "pairings", "tokens"}
"""Tables whose rows stay with the merged contact: its settings by the owner, and its tokens."""
OF_LINKS = {"links", "linked_rows", "link_requests"}


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


async def answered(
    platform: Platform, sender: str, text: str, responder: Responder, **more: Any
) -> str:
    said = await platform.accepted(sender, text, **more)
    await run_turn(turns_of(platform.world.db, responder), said.session_id)
    return (await platform.sent(more.get("group") or sender))[-1]


def code_in(answer: str) -> str:
    found = re.search(r"/link ([A-Z2-9]{4}-[A-Z2-9]{4})", answer)
    assert found is not None, answer
    return found[1]


async def link_by_codes(platform: Platform, kept: str, joined: str) -> str:
    there = code_in(await answered(platform, kept, "/link", Responder()))
    back = code_in(await answered(platform, joined, f"/link {there}", Responder()))
    return await answered(platform, kept, f"/link {back}", Responder())


async def keep(platform: Platform, said: Accepted, content: str, topic: str | None = None) -> None:
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        await tx.execute(
            "INSERT INTO discreet.memories (content, topic_key) VALUES (%s, %s)", (content, topic)
        )


async def kept_by(platform: Platform, contact_id: ContactId | None) -> set[tuple[str, str | None]]:
    async with platform.world.db.begin(platform.world.contact(contact_id)) as tx:
        found = await tx.fetch_tuples("SELECT content, topic_key FROM discreet.memories")
    return {(row[0], row[1]) for row in found}


async def link(platform: Platform, kept: str, joined: str) -> linking.Link:
    return await linking.link_contacts(platform.world.db, platform.world.owner_id, kept, joined)


async def link_by_id(platform: Platform, kept: Accepted, joined: Accepted) -> None:
    """Link in the database, without any lookup before it."""
    async with platform.world.db.begin(platform.world.owner) as tx:
        await tx.value("SELECT gate.link_contacts(%s, %s)", (kept.contact_id, joined.contact_id))


async def undo(platform: Platform, made: linking.Link) -> None:
    await linking.undo_link(platform.world.db, platform.world.owner_id, str(made.id))


def tables_with_a_contact(admin: Admin) -> dict[str, list[str]]:
    """Return every table that names contacts, with those columns, whatever their names."""
    found = admin.execute(
        "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        " WHERE c.confrelid = 'discreet.contacts'::regclass"
        " UNION SELECT a.attrelid::regclass::text, a.attname FROM pg_attribute a"
        " JOIN pg_class r ON r.oid = a.attrelid WHERE r.relnamespace = 'discreet'::regnamespace"
        "  AND r.relkind = 'r' AND a.attname IN ('contact_id', 'party', 'sender_contact_id')"
    ).fetchall()
    tables: dict[str, list[str]] = {}
    for table, column in found:
        tables.setdefault(table.removeprefix("discreet."), []).append(column)
    return tables


def everything(admin: Admin) -> dict[str, set[str]]:
    """Return every row of every table that names contacts."""
    return {
        table: {
            row[0]
            for row in admin.execute(
                sql.SQL("SELECT to_jsonb(t)::text FROM {} t").format(
                    sql.Identifier("discreet", table)
                )
            )
        }
        for table in tables_with_a_contact(admin)
    }


def naming(admin: Admin, contact_id: ContactId | None) -> dict[str, int]:
    """Return the number of rows per table that name a contact."""
    counts = {}
    for table, columns in tables_with_a_contact(admin).items():
        if table == "contacts" or table in OF_LINKS:
            continue
        row = admin.execute(
            sql.SQL("SELECT count(*) FROM {} t WHERE {}").format(
                sql.Identifier("discreet", table),
                sql.SQL(" OR ").join(
                    sql.SQL("t.{} = %(id)s").format(sql.Identifier(column)) for column in columns
                ),
            ),
            {"id": contact_id},
        ).fetchone()
        assert row is not None
        if row[0]:
            counts[table] = row[0]
    return counts


async def test_who_carries_a_code_each_way_has_one_conversation_and_one_memory(
    platform: Platform,
) -> None:
    responder = Responder()
    first = await platform.accepted(ANN, "I am Ann", name="Ann")
    await answered(platform, ANN, "hello", responder)
    await keep(platform, first, "Ann has a dog called Rex")
    other = await platform.accepted(ANN_TOO, "I am Ann as well")
    await answered(platform, ANN_TOO, "hello", responder)
    await keep(platform, other, "Ann lives in Ghent")

    assert "accounts are linked" in await link_by_codes(platform, ANN, ANN_TOO)

    said = await platform.accepted(ANN_TOO, "where do I live and who is Rex?")
    assert said.contact_id == first.contact_id
    assert said.session_id == first.session_id
    await run_turn(turns_of(platform.world.db, responder), said.session_id)
    assert (await platform.sent(ANN_TOO))[-1] == "hm"
    assert {found.text for found in responder.contexts[-1].recalled if found.kind == "memory"} == {
        "Ann has a dog called Rex",
        "Ann lives in Ghent",
    }


async def test_the_other_side_is_told_whose_code_it_is_and_what_follows(
    platform: Platform,
) -> None:
    await platform.accepted(ANN, "hi", name="Ann")
    there = code_in(await answered(platform, ANN, "/link", Responder()))
    told = await answered(platform, ANN_TOO, f"/link {there}", Responder())
    assert "Ann telegram:1001" in told
    assert "can be read there" in told


async def test_a_code_works_once_in_time_and_only_where_it_belongs(
    platform: Platform, admin: Admin
) -> None:
    there = code_in(await answered(platform, ANN, "/link", Responder()))
    assert "other account" in await answered(platform, ANN, f"/link {there}", Responder())
    back = code_in(await answered(platform, ANN_TOO, f"/link {there}", Responder()))
    # It is already used, and the returned code is for Ann only.
    assert "invalid" in await answered(platform, BOB, f"/link {there}", Responder())
    assert "invalid" in await answered(platform, BOB, f"/link {back}", Responder())
    assert "invalid" in await answered(platform, ANN_TOO, f"/link {back}", Responder())
    admin.execute("UPDATE discreet.link_requests SET expires_at = clock_timestamp()")
    assert "expired" in await answered(platform, ANN, f"/link {back}", Responder())

    there = code_in(await answered(platform, ANN, "/link", Responder()))
    admin.execute("UPDATE discreet.link_requests SET expires_at = clock_timestamp()")
    assert "expired" in await answered(platform, ANN_TOO, f"/link {there}", Responder())
    there, newer = [code_in(await answered(platform, ANN, "/link", Responder())) for _ in range(2)]
    assert "invalid" in await answered(platform, ANN_TOO, f"/link {there}", Responder())
    assert await linking.list_links(platform.world.db, platform.world.owner_id) == []

    back = code_in(await answered(platform, ANN_TOO, f"/link {newer}", Responder()))
    assert "accounts are linked" in await answered(platform, ANN, f"/link {back}", Responder())
    assert "invalid" in await answered(platform, ANN, f"/link {back}", Responder())
    [made] = await linking.list_links(platform.world.db, platform.world.owner_id)
    assert (made.proof, made.addresses) == ("codes", (ANN_TOO,))


async def test_who_guesses_at_codes_is_not_heard_for_an_hour(platform: Platform) -> None:
    there = code_in(await answered(platform, ANN, "/link", Responder()))
    for _ in range(10):
        assert "invalid" in await answered(platform, BOB, "/link ABCD-2345", Responder())
    assert "Too many" in await answered(platform, BOB, f"/link {there}", Responder())
    assert "code of" in await answered(platform, ANN_TOO, f"/link {there}", Responder())


async def test_a_group_can_not_be_linked(platform: Platform) -> None:
    there = code_in(await answered(platform, ANN, "/link", Responder()))
    for text in ("/link", f"/link {there}"):
        told = await answered(platform, BOB, text, Responder(), group=GROUP)
        assert "in a direct chat with me" in told
    group = await platform.accepted(BOB, "hello", group=GROUP)
    with pytest.raises(BadInput, match="group"):
        await link(platform, ANN, str(group.contact_id))
    ann = await platform.accepted(ANN, "me")
    with pytest.raises(Conflict, match="group"):
        await link_by_id(platform, ann, group)


async def test_everybody_shares_an_agent_so_nobody_is_joined_there(db: ScopedDatabase) -> None:
    platform = await make_platform(db, admission="pairing", memory_model="shared")
    said = await platform.world.say(ANN, "/link")
    await run_turn(turns_of(db, Responder()), said.session_id)
    assert "in a direct chat with me" in (await platform.sent("web:" + ANN))[-1]


async def test_a_preview_changes_nothing_and_says_what_would_move(
    platform: Platform, admin: Admin
) -> None:
    first, other = await platform.accepted(ANN, "a"), await platform.accepted(ANN_TOO, "b")
    for said in (first, other):
        await keep(platform, said, "likes tea")
    await keep(platform, first, "born in May", "birthday")
    await keep(platform, other, "born in June", "birthday")
    before = everything(admin)
    found = await linking.preview_link(
        platform.world.db, platform.world.owner_id, ANN, str(other.contact_id)
    )
    assert (found.sessions, found.messages, found.memories) == (1, 1, 1)
    assert (found.known_already, found.topics, found.tokens) == (1, ("birthday",), 0)
    assert everything(admin) == before


async def test_undoing_a_link_puts_every_row_back_where_it_was(
    platform: Platform, admin: Admin
) -> None:
    world, responder = platform.world, Responder()
    first = await platform.accepted(ANN, "a", name="Ann")
    await answered(platform, ANN, "b", responder)
    other = await platform.accepted(ANN_TOO, "c", name="Ann")
    await answered(platform, ANN_TOO, "d", responder)
    await answered(platform, ANN_TOO, "e", responder, thread_key="trip")
    await answered(platform, ANN_TOO, "/new", responder)
    bob = await platform.accepted(BOB, "f")
    for said in (first, other, bob):
        await keep(platform, said, "likes tea", "drink")
        await keep(platform, said, f"is {said.contact_id}", "self")
    async with world.db.begin(world.contact(other.contact_id)) as tx:
        await tx.execute("UPDATE discreet.memories SET content = 'likes mate' WHERE true"
                           " AND topic_key = 'self'")  # fmt: skip
        await tx.execute(
            "SELECT gate.forget_memory(id, NULL) FROM discreet.memories WHERE topic_key = 'drink'"
        )
    before = everything(admin)

    made = await link(platform, str(first.contact_id), str(other.contact_id))
    during = everything(admin)
    assert during["messages"] != before["messages"]
    assert {row for row in during["messages"] if str(bob.contact_id) in row} == {
        row for row in before["messages"] if str(bob.contact_id) in row
    }
    found = await linking.preview_undo(world.db, world.owner_id, str(made.id))
    assert (found.memories, found.sessions) == (1, 3)
    await undo(platform, made)

    after = everything(admin)
    assert {name: tx for name, tx in after.items() if name not in OF_LINKS} == {
        name: tx for name, tx in before.items() if name not in OF_LINKS
    }


async def test_no_table_forgets_to_follow_a_link(platform: Platform, admin: Admin) -> None:
    world = platform.world
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b", new_session=True)
    await answered(platform, ANN_TOO, "c", Responder())
    await keep(platform, other, "likes tea")
    async with world.db.begin(world.contact(other.contact_id)) as tx:
        await tx.execute("UPDATE discreet.memories SET content = 'likes mate'")
        await tx.execute("INSERT INTO discreet.memories (content) VALUES ('has a cat')")
        await tx.execute(
            "SELECT gate.forget_memory(id, NULL) FROM discreet.memories WHERE content = 'has a cat'"
        )
    await link(platform, ANN, str(other.contact_id))
    left = set(naming(admin, other.contact_id))
    assert left <= STAYS_WITH_THE_JOINED, left


async def test_what_both_remember_is_kept_once_and_under_one_topic_the_kept_ones(
    platform: Platform,
) -> None:
    first, other = await platform.accepted(ANN, "a"), await platform.accepted(ANN_TOO, "b")
    await keep(platform, first, "Likes tea.")
    await keep(platform, other, "likes tea")
    await keep(platform, first, "born in May", "birthday")
    await keep(platform, other, "born in June", "birthday")
    await keep(platform, other, "eats no nuts", "diet")
    # Her memory with another agent doesn't conflict here.
    eve = await make_world(platform.world.db, agent="Eve")
    async with eve.db.begin(eve.contact(first.contact_id)) as tx:
        await tx.execute(
            "INSERT INTO discreet.memories (content, topic_key) VALUES ('eve has it', 'diet')"
        )
    made = await link(platform, ANN, ANN_TOO)
    assert await kept_by(platform, first.contact_id) == {
        ("Likes tea.", None),
        ("born in May", "birthday"),
        ("born in June", None),
        ("eats no nuts", "diet"),
    }
    await undo(platform, made)
    assert await kept_by(platform, first.contact_id) == {
        ("Likes tea.", None),
        ("born in May", "birthday"),
    }
    assert await kept_by(platform, other.contact_id) == {
        ("likes tea", None),
        ("born in June", "birthday"),
        ("eats no nuts", "diet"),
    }


async def test_rows_changed_since_the_link_go_back_in_their_current_state(
    platform: Platform,
) -> None:
    first, other = await platform.accepted(ANN, "a"), await platform.accepted(ANN_TOO, "b")
    await keep(platform, other, "likes tea", "drink")
    await keep(platform, other, "has a cat")
    made = await link(platform, ANN, ANN_TOO)
    await keep(platform, first, "was said since")
    async with platform.world.db.begin(platform.world.contact(first.contact_id)) as tx:
        await tx.execute("UPDATE discreet.memories SET content = 'x' WHERE topic_key = 'drink'")
        await tx.execute(
            "SELECT gate.forget_memory(id, NULL) FROM discreet.memories WHERE content = 'has a cat'"
        )
    await undo(platform, made)
    assert await kept_by(platform, first.contact_id) == {("was said since", None)}
    assert await kept_by(platform, other.contact_id) == {("x", "drink")}
    async with platform.world.db.begin(platform.world.contact(other.contact_id)) as tx:
        past = await tx.fetch_tuples("SELECT content, change FROM discreet.memory_history")
    assert set(past) == {("likes tea", "update"), ("has a cat", "delete")}


async def test_messages_since_the_link_stay_with_the_survivor_and_the_next_one_does_not(
    platform: Platform,
) -> None:
    first, other = await platform.accepted(ANN, "a"), await platform.accepted(ANN_TOO, "b")
    made = await link(platform, ANN, ANN_TOO)
    since = await platform.accepted(ANN_TOO, "c")
    found = await linking.preview_undo(platform.world.db, platform.world.owner_id, str(made.id))
    assert (found.sessions, found.messages, found.said_since) == (1, 1, 1)
    await undo(platform, made)
    assert since.session_id == first.session_id
    again = await platform.accepted(ANN_TOO, "d")
    assert (again.contact_id, again.session_id) == (other.contact_id, other.session_id)
    with pytest.raises(NotFound, match="undone"):
        await undo(platform, made)
    with pytest.raises(NotFound, match="no such link"):
        async with platform.world.db.begin(platform.world.owner) as tx:
            await tx.value("SELECT gate.undo_link(%s)", (made.id,))


async def test_an_address_that_was_given_to_somebody_else_since_stays_there(
    platform: Platform, admin: Admin
) -> None:
    await platform.accepted(ANN, "a")
    await platform.accepted(ANN_TOO, "b")
    third = await platform.accepted(BOB, "c")
    made = await link(platform, ANN, ANN_TOO)
    admin.execute(
        "UPDATE discreet.addresses SET contact_id = %s WHERE platform_id = '2001'",
        (third.contact_id,),
    )
    await undo(platform, made)
    assert (await platform.accepted(ANN_TOO, "d")).contact_id == third.contact_id


async def test_what_waits_at_that_moment_is_answered_once_where_it_was_asked(
    platform: Platform, database: Database
) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    await link(platform, ANN, ANN_TOO)
    wire = Recording("telegram")
    db, responder = platform.world.db, Responder()
    for said in (first, other):
        await run_turn(turns_of(db, responder), said.session_id)
    await do_all(database, db, responder, {"telegram": wire, "terminal": Recording("terminal")})
    assert sorted((sent.chat_id, sent.text) for sent in wire.sent) == [
        ("1001", "hm"),
        ("2001", "hm"),
    ]


async def test_a_turn_that_thinks_while_its_contact_is_joined_saves_nothing_and_is_run_again(
    platform: Platform, admin: Admin
) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    thinking, joined = asyncio.Event(), asyncio.Event()

    async def slowly(_: TurnContext, tools: Tools) -> str:
        thinking.set()
        await joined.wait()
        await tools.call("remember", {"content": "written too late"})
        return "too late"

    turn = asyncio.create_task(
        run_turn(turns_of(platform.world.db, Responder(slowly)), other.session_id)
    )
    await thinking.wait()
    admin.execute("TRUNCATE queue.procrastinate_jobs CASCADE")
    made = await link(platform, ANN, ANN_TOO)
    jobs = admin.execute("SELECT lock FROM queue.procrastinate_jobs").fetchall()
    assert jobs == [(f"turn:{other.session_id}",)]
    joined.set()
    await turn
    assert await platform.sent(ANN_TOO) == []
    assert await kept_by(platform, first.contact_id) == set()
    await run_turn(turns_of(platform.world.db, Responder()), other.session_id)
    assert await platform.sent(ANN_TOO) == ["hm"]
    await undo(platform, made)
    assert await kept_by(platform, other.contact_id) == set()


async def test_nobody_is_joined_while_an_answer_is_being_sent(platform: Platform) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    await run_turn(turns_of(platform.world.db, Responder()), other.session_id)
    refused: list[str] = []

    class Joining(Recording):
        async def send(self, outbound: Any) -> Any:
            with pytest.raises(Conflict) as error:
                await link(platform, ANN, ANN_TOO)
            refused.append(error.value.message)
            return await super().send(outbound)

    wire = Joining("telegram")
    route = await _route_of(platform, other.session_id)
    await deliver(platform.world.db, by_platform({"telegram": wire}), route)
    assert refused == ["That isn't possible now: an answer is being sent; try again in a moment."]
    await link(platform, ANN, ANN_TOO)
    await deliver(platform.world.db, by_platform({"telegram": wire}), route)
    assert [sent.chat_id for sent in wire.sent] == ["2001"]
    assert first.contact_id != other.contact_id


async def _route_of(platform: Platform, session_id: SessionId) -> RouteId:
    async with platform.world.db.begin(platform.world.owner) as tx:
        return RouteId(
            await tx.value(
                "SELECT id FROM discreet.routes WHERE session_id = %(id)s", {"id": session_id}
            )
        )


async def test_a_message_that_arrives_at_the_same_moment_is_stored_once_for_who_it_is_then(
    platform: Platform, admin: Admin
) -> None:
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    for round_ in range(3):
        made, *said = await asyncio.gather(
            link(platform, ANN, str(other.contact_id)),
            *(
                platform.accepted(ANN_TOO, f"{round_} {n}", thread_key=f"{round_}" * (n % 3))
                for n in range(5)
            ),
        )
        assert set(naming(admin, other.contact_id)) == set()
        assert len({accepted.message_id for accepted in said}) == 5
        await undo(platform, made)
    found = admin.execute(
        "SELECT count(*) FROM discreet.messages WHERE sender_address = %s", (ANN_TOO,)
    ).fetchone()
    assert found == (1 + 3 * 5,)


async def until_blocked(admin: Admin) -> None:
    """Wait until a transaction waits for another's lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock'"
    )
    await until(lambda: admin.execute(waiting).fetchone() != (0,), "somebody who is blocked")


@pytest.mark.parametrize("thread", ["", "of its own"])
async def test_who_looked_a_contact_up_before_it_was_joined_looks_again(
    platform: Platform, admin: Admin, thread: str
) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    async with platform.world.db.begin(platform.world.owner) as tx:
        await tx.value("SELECT gate.link_contacts(%s, %s)", (first.contact_id, other.contact_id))
        saying = asyncio.create_task(platform.accepted(ANN_TOO, "c", thread_key=thread))
        await until_blocked(admin)
    assert (await saying).contact_id == first.contact_id
    assert naming(admin, other.contact_id) == {}


async def test_a_memory_of_a_contact_being_merged_is_refused(
    platform: Platform, admin: Admin
) -> None:
    first = await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    async with platform.world.db.begin(platform.world.owner) as tx:
        await tx.value("SELECT gate.link_contacts(%s, %s)", (first.contact_id, other.contact_id))
        keeping = asyncio.create_task(keep(platform, other, "too late"))
        await until_blocked(admin)
    with pytest.raises(Conflict):
        await keeping
    assert await kept_by(platform, first.contact_id) == set()


async def test_a_connection_that_was_bound_to_the_joined_one_is_nobodys_afterwards(
    platform: Platform,
) -> None:
    world = platform.world
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    _, token = await tokens.create_token(world.db, world.owner_id)
    owner = await tokens.authenticate(world.db, token)
    await mcp_sessions.begin_mcp_session(world.db, owner, "key")
    found = await mcp_sessions.find_mcp_session(world.db, owner, "key")
    assert found is not None
    assert await found.binding.bind(world.contact(other.contact_id), other.session_id)
    made = await link(platform, ANN, ANN_TOO)
    assert await mcp_sessions.find_mcp_session(world.db, owner, "key") is None
    await undo(platform, made)
    assert await mcp_sessions.find_mcp_session(world.db, owner, "key") is None


async def test_nothing_leads_to_a_contact_that_was_joined(platform: Platform) -> None:
    world = platform.world
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    _, token = await tokens.create_token(world.db, world.owner_id, contact=str(other.contact_id))
    assert (await tokens.authenticate(world.db, token)).contact_id == other.contact_id
    made = await link(platform, ANN, ANN_TOO)

    with pytest.raises(Unauthorized):
        await tokens.authenticate(world.db, token)
    with pytest.raises(NotFound, match="merged into"):
        await contacts.find_contact(world.db, world.owner_id, str(other.contact_id))
    assert [found.contact.addresses for found in await contacts.list_recent_contacts(
        world.db, world.owner_id)] == [(ANN, ANN_TOO)]  # fmt: skip
    assert other.contact_id is not None
    by_id = platform.inbound(ANN, "c")
    with pytest.raises(NotFound):
        await accept(
            world.db,
            world.owner_id,
            Inbound(
                channel_id=world.channel_id,
                chat_id="x",
                message_id="x",
                sender=ContactSender(other.contact_id),
                text="c",
                sent_at=by_id.sent_at,
            ),
        )
    async with world.db.begin(world.contact(other.contact_id)) as tx:
        with pytest.raises(Conflict):
            await tx.execute("INSERT INTO discreet.memories (content) VALUES ('x')")

    await undo(platform, made)
    assert (await tokens.authenticate(world.db, token)).contact_id == other.contact_id
    await keep(platform, other, "x")


async def test_links_are_undone_in_the_order_in_which_rows_can_go_back(
    platform: Platform,
) -> None:
    first = await platform.accepted(ANN, "a")
    second = await platform.accepted(ANN_TOO, "b")
    third = await platform.accepted(BOB, "c")
    await keep(platform, third, "from the third")
    inner = await link(platform, ANN_TOO, BOB)
    outer = await link(platform, ANN, ANN_TOO)
    assert await kept_by(platform, first.contact_id) == {("from the third", None)}
    fourth = await platform.accepted("telegram:1004", "d")
    for kept, joined in ((second, fourth), (fourth, third)):
        with pytest.raises(Conflict, match="already merged with another contact"):
            await link_by_id(platform, kept, joined)
    with pytest.raises(Conflict, match="undo that link first"):
        await undo(platform, inner)
    await undo(platform, outer)
    await undo(platform, inner)
    assert await kept_by(platform, first.contact_id) == set()
    assert await kept_by(platform, second.contact_id) == set()
    assert await kept_by(platform, third.contact_id) == {("from the third", None)}


@pytest.mark.parametrize(
    ("column", "why"), [("blocked_at", "unblock"), ("taken_over_at", "hand it back")]
)
async def test_who_is_blocked_or_taken_over_is_not_joined(
    platform: Platform, admin: Admin, column: str, why: str
) -> None:
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    admin.execute(
        sql.SQL("UPDATE discreet.contacts SET {} = now() WHERE id = %s").format(
            sql.Identifier(column)
        ),
        (other.contact_id,),
    )
    for kept, joined in ((ANN, ANN_TOO), (ANN_TOO, ANN)):
        with pytest.raises(Conflict, match=why):
            await link(platform, kept, joined)


async def test_being_let_in_follows_a_link_and_goes_back_with_it(db: ScopedDatabase) -> None:
    platform = await make_platform(db)
    world = platform.world
    assert await platform.reason(ANN_TOO, "hi") == "aside"
    first = await world.say(ANN, "from the terminal")
    with pytest.raises(Conflict, match="waiting for approval"):
        await link(platform, str(first.contact_id), ANN_TOO)
    async with db.begin(world.owner) as tx:
        [pairing] = await tx.fetch("SELECT id, contact_id FROM discreet.pairings")
        await tx.execute("SELECT gate.decide_pairing(%(id)s, true)", {"id": pairing["id"]})
    elsewhere = Platform(world, await world.add_channel("telegram", "other", "allowlist"))
    async with db.begin(world.owner) as tx:
        await tx.value(
            "SELECT gate.admit(%s, 'telegram', '1002', 'external')", (elsewhere.channel_id,)
        )
    made = await link(platform, str(first.contact_id), ANN_TOO)
    assert (await platform.accepted(ANN, "now here as well")).contact_id == first.contact_id
    assert await elsewhere.reason(ANN, "and there?") == "stranger"
    await undo(platform, made)
    assert await platform.reason(ANN, "and now?") == "aside"
    assert (await platform.accepted(ANN_TOO, "still")).contact_id == pairing["contact_id"]
