"""Erasing deletes everything of one contact from every table, and nothing of others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from discreet.auth import tokens
from discreet.delivery import deliver
from discreet.domain.errors import Conflict, NotFound
from discreet.domain.ids import ContactId, RouteId
from discreet.domain.inbound import Attachment
from discreet.intake import Accepted
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.services import erasing, linking
from discreet.services.limits import ContactLimits, set_limits
from discreet.settings import line_history
from discreet.turn.context import TurnContext
from discreet.turn.run import run_turn
from discreet.turn.think import Tools
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import Recording, by_platform, do_all, turns_of
from tests.support.waiting import until
from tests.support.world import open_scoped, other_owner

Admin = psycopg.Connection[Any]

ANN, BOB, GROUP = "telegram:77001001", "telegram:77001002", "telegram:-77100500"
ALSO_ANN = "telegram:77002001"
MARK = "zyxquo"
"""A word that only Ann uses; it is also in her name."""


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


def everything(admin: Admin) -> dict[str, dict[str, int]]:
    """Return every row of every table of ours and of the queue, as text with its count."""
    tables = admin.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('discreet', 'queue', 'gate') AND c.relkind IN ('r', 'p', 'm')"
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for schema, table in tables:
        rows = admin.execute(
            sql.SQL("SELECT t::text, count(*) FROM {} t GROUP BY 1").format(
                sql.Identifier(schema, table)
            )
        ).fetchall()
        found[f"{schema}.{table}"] = dict(rows)
    return found


def holding(admin: Admin, *words: str) -> dict[str, list[str]]:
    """Return the tables with rows that contain one of these words, in any case."""
    found = {}
    for table, rows in everything(admin).items():
        hits = [row for row in rows if any(word.casefold() in row.casefold() for word in words)]
        if hits:
            found[table] = hits
    return found


def ids_of(admin: Admin, contact_id: ContactId | None) -> list[str]:
    """Return the ids of a contact and of all its rows."""
    ids = [str(contact_id)]
    tables = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'"
        "   AND a.attname = 'contact_id'"
        "   AND EXISTS (SELECT FROM pg_attribute i WHERE i.attrelid = c.oid AND i.attname = 'id')"
    ).fetchall()
    for (table,) in tables:
        rows = admin.execute(f"SELECT id FROM {table} WHERE contact_id = %s", (contact_id,))
        ids += [str(row[0]) for row in rows]
    return ids


async def keep(platform: Platform, said: Accepted, content: str, **more: Any) -> None:
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        await tx.execute("INSERT INTO discreet.memories (content) VALUES (%s)", (content,))


async def answered(
    platform: Platform, sender: str, text: str, responder: Responder, **more: Any
) -> Accepted:
    said = await platform.accepted(sender, text, **more)
    await run_turn(turns_of(platform.world.db, responder), said.session_id)
    return said


async def erase(platform: Platform, who: str, home: Path) -> erasing.Erased:
    return await erasing.erase_contact(platform.world.db, platform.world.owner_id, who, home)


async def full_life(platform: Platform, admin: Admin, database: Database) -> Accepted:
    """Let Ann leave data in as many places as possible, next to Bob and the owner."""
    world, tell = platform.world, Responder(do_as_told)

    async def nobody(*_: Any) -> str:
        return "nobody yet"

    asked = await world.say(None, "who is there?")
    await run_turn(turns_of(world.db, Responder(nobody)), asked.session_id)
    first = await answered(platform, ANN, f"I am {MARK}", tell, name=f"Ann {MARK}")
    bob = await answered(platform, BOB, "I am Bob", tell, name="Bob")
    await answered(platform, ANN, calling("remember", content=f"{MARK} likes tea"), tell)
    await answered(platform, BOB, calling("remember", content="Bob likes tea"), tell)
    await answered(platform, ANN, "in a thread", tell, thread_key=f"trip:{MARK}")
    async with world.db.begin(world.contact(first.contact_id)) as tx:
        await tx.execute("UPDATE discreet.memories SET content = %s", (f"{MARK} likes mate",))
        await tx.execute("INSERT INTO discreet.memories (content) VALUES (%s)", (f"{MARK} x",))
        await tx.execute(
            "SELECT gate.forget_memory(id, NULL) FROM discreet.memories WHERE content = %s",
            (f"{MARK} x",),
        )
    photo = Attachment(kind="photo", platform_file=f"file-{MARK}", name=f"{MARK}.jpg")
    await answered(platform, ANN, "look", tell, attachments=(photo,))
    # In a group, alone and together with Bob, with memories of it.
    group = await answered(platform, BOB, "hello group", tell, group=GROUP, name="Bob")
    await answered(
        platform, ANN, calling("remember", content=f"{MARK} brings cake"), tell, group=GROUP,
        name=f"Ann {MARK}",
    )  # fmt: skip
    await platform.accepted(ANN, f"overheard {MARK}", group=GROUP, addressed=False)
    # It is found on another topic of the group.
    await answered(platform, BOB, "who brings cake?", Responder(), group=GROUP, thread_key="cakes")
    # The owner asks about everybody, and is shown Ann's data.
    for text in (calling("recall", query="Bob"), calling("recall", query=MARK), f"is {MARK} in?"):
        asked = await world.say(None, text)
        responder = tell if text.startswith("[") else Responder()
        await run_turn(turns_of(world.db, responder), asked.session_id)
    await do_all(
        database,
        world.db,
        Responder(),
        {"telegram": Recording("telegram"), "terminal": Recording("terminal")},
    )
    await tokens.create_token(world.db, world.owner_id, contact=ANN, name=f"app of {MARK}")
    # One of the owner's programs stored one of her messages once, with a key.
    token, _ = await tokens.create_token(world.db, world.owner_id)
    admin.execute(
        "INSERT INTO discreet.idempotency_keys (token_id, digest, owner_id, asked, made)"
        " VALUES (%s, 'a', %s, 'b', %s)",
        (token.id, world.owner_id, first.message_id),
    )
    # The group's conversation had become so long that it has a summary.
    admin.execute(
        "WITH made AS (INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content)"
        "   SELECT owner_id, agent_id, contact_id, %(said)s FROM discreet.sessions"
        "    WHERE id = %(group)s RETURNING id)"
        " UPDATE discreet.sessions s SET summary_id = made.id, compacted_to = 1 FROM made"
        "  WHERE s.id = %(group)s",
        {"said": f"a summary with {MARK}", "group": group.session_id},
    )
    await set_limits(world.db, world.owner_id, ANN, ContactLimits(waiting=7))
    await linking.link_contacts(
        world.db,
        world.owner_id,
        ANN,
        str((await answered(platform, ALSO_ANN, f"also {MARK}", tell)).contact_id),
    )
    # Counted, like for an owner with many memories.
    admin.execute(
        "INSERT INTO discreet.owner_term_stats (owner_id, word, document_frequency)"
        " SELECT DISTINCT owner_id, unnest(terms), 2 FROM discreet.memories"
    )
    # Still waiting, with jobs; and in quarantine.
    await platform.accepted(ANN, f"one more {MARK}")
    admin.execute(
        "INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason)"
        " VALUES (%s, %s, 'k', %s, 'unknown')",
        (
            world.owner_id,
            platform.channel_id,
            json.dumps({"text": MARK, "sender": {"address": {
                "platform": "telegram", "platform_id": ANN.partition(":")[2]}}}),
        ),
    )  # fmt: skip
    assert bob.contact_id != first.contact_id
    return first


async def test_erasing_leaves_nothing_in_any_table_and_does_not_touch_others(
    platform: Platform, admin: Admin, database: Database, tmp_path: Path
) -> None:
    ann = await full_life(platform, admin, database)
    words = [MARK, *(address.partition(":")[2] for address in (ANN, ALSO_ANN))]
    words += ids_of(admin, ann.contact_id)
    # The owner's messages are the owner's; answers to them about her are hers.
    admin.execute(
        "DELETE FROM discreet.messages WHERE contact_id IS NULL AND direction = 'in'"
        " AND text LIKE %s",
        (f"%{MARK}%",),
    )
    before = everything(admin)
    assert {
        "discreet.messages", "discreet.turns", "discreet.memories", "discreet.memory_history",
        "discreet.quarantine", "discreet.attachments", "discreet.tokens", "discreet.linked_rows",
        "discreet.limits", "discreet.owner_term_stats", "discreet.outbox",
        "queue.procrastinate_jobs", "discreet.sessions",
    } <= set(holding(admin, *words))  # fmt: skip

    erased = await erase(platform, ANN, tmp_path)

    assert holding(admin, *words) == {}
    counts = erased.erasure.counts
    assert counts["contacts"] == 2
    assert counts["quarantine"] == 1
    assert counts["messages_elsewhere"] >= 3
    assert counts["memories_elsewhere"] == 2
    assert counts["prompts_elsewhere"] >= 1
    assert counts["memory_versions"] >= 2
    [receipt] = await erasing.list_erasures(platform.world.db, platform.world.owner_id)
    assert receipt == erased.erasure
    # Everything that exists now existed before unchanged, except what was made of it.
    remade = {
        "discreet.erasures", "discreet.erased_addresses", "discreet.turns", "discreet.sessions",
        "queue.procrastinate_jobs", "queue.procrastinate_events",
    }  # fmt: skip
    for table, rows in everything(admin).items():
        if table not in remade:
            assert rows.items() <= before[table].items(), table
    kept = {row[0] for row in admin.execute("SELECT text FROM discreet.messages").fetchall()}
    assert {"I am Bob", "hello group", "nobody yet"} <= kept
    memories = {r[0] for r in admin.execute("SELECT content FROM discreet.memories").fetchall()}
    assert memories == {"Bob likes tea"}


async def test_a_preview_removes_nothing_and_counts_the_same(
    platform: Platform, admin: Admin, database: Database, tmp_path: Path
) -> None:
    await full_life(platform, admin, database)
    before = everything(admin)
    found = await erasing.preview_erasure(platform.world.db, platform.world.owner_id, ANN)
    assert everything(admin) == before
    assert found.counts == (await erase(platform, ANN, tmp_path)).erasure.counts


async def test_who_writes_afterwards_is_somebody_new(platform: Platform, tmp_path: Path) -> None:
    first = await answered(platform, ANN, "my dog is Rex", Responder())
    await keep(platform, first, "has a dog called Rex")
    await erase(platform, ANN, tmp_path)
    responder = Responder()
    again = await answered(platform, ANN, "what is my dog called?", responder)
    assert again.contact_id != first.contact_id
    assert responder.contexts[-1].history == ()
    assert responder.contexts[-1].recalled == ()


async def test_an_answer_that_others_asked_for_as_well_stays(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    await platform.accepted(BOB, "and I am Bob", group=GROUP)
    said = await platform.accepted(ANN, "I am Ann", group=GROUP)
    await run_turn(turns_of(platform.world.db, Responder()), said.session_id)
    await answered(platform, ANN, "only Ann asks", Responder(), group=GROUP)
    await erase(platform, ANN, tmp_path)
    left = admin.execute("SELECT direction, text FROM discreet.messages ORDER BY position")
    assert left.fetchall() == [("in", "and I am Bob"), ("out", "hm")]


async def test_an_erased_group_takes_no_member_along(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    group = await answered(platform, ANN, "in the group", Responder(), group=GROUP)
    await answered(platform, ANN, "to you alone", Responder())
    await erase(platform, str(group.contact_id), tmp_path)
    texts = admin.execute("SELECT text FROM discreet.messages WHERE direction = 'in'").fetchall()
    assert texts == [("to you alone",)]


async def test_a_turn_that_thinks_meanwhile_writes_nobody_back(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    world = platform.world
    thinking, gone = asyncio.Event(), asyncio.Event()
    began = 0

    async def slowly(_: TurnContext, tools: Tools) -> str:
        nonlocal began
        began += 1
        if began == 3:
            thinking.set()
        await gone.wait()
        await tools.call("remember", {"content": f"{MARK} comes back"})
        return f"{MARK} comes back"

    said = await platform.accepted(ANN, f"I am {MARK}", name=MARK)
    group = await platform.accepted(ANN, f"here too {MARK}", group=GROUP)
    await platform.accepted(BOB, "me as well", group=GROUP)
    own = await world.say(None, "who is there?")
    turns = [
        asyncio.create_task(run_turn(turns_of(world.db, Responder(slowly)), session_id))
        for session_id in (said.session_id, group.session_id, own.session_id)
    ]
    await thinking.wait()
    admin.execute("TRUNCATE queue.procrastinate_jobs CASCADE")
    await erase(platform, ANN, tmp_path)
    jobs = admin.execute("SELECT lock FROM queue.procrastinate_jobs").fetchall()
    assert {lock for (lock,) in jobs} == {f"turn:{one.session_id}" for one in (group, own)}
    gone.set()
    await asyncio.gather(*turns)
    assert holding(admin, MARK, ANN.partition(":")[2]) == {}
    # Other people's questions in these conversations are answered again.
    responder = Responder()
    for session_id in (group.session_id, own.session_id):
        await run_turn(turns_of(world.db, responder), session_id)
    assert [[line.text for line in one.waiting] for one in responder.contexts] == [
        ["me as well"],
        ["who is there?"],
    ]


async def test_an_answer_on_its_way_writes_nobody_back(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    said = await answered(platform, ANN, f"I am {MARK}", Responder())
    route = admin.execute(
        "SELECT id FROM discreet.routes WHERE session_id = %s", (said.session_id,)
    ).fetchone()
    assert route is not None

    class Erasing(Recording):
        async def send(self, outbound: Any) -> Any:
            await erase(platform, ANN, tmp_path)
            return await super().send(outbound)

    wire = Erasing("telegram")
    await deliver(platform.world.db, by_platform({"telegram": wire}), RouteId(route[0]))
    await deliver(platform.world.db, by_platform({"telegram": wire}), RouteId(route[0]))
    assert len(wire.sent) == 1
    assert holding(admin, MARK, ANN.partition(":")[2], str(said.session_id)) == {}


HOLD = """
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(4712); RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION public.hold();
SELECT pg_advisory_lock(4712)
"""
WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def in_this_order(
    admin: Admin, table: str, first: Coroutine[Any, Any, Any], second: Coroutine[Any, Any, Any]
) -> tuple[Any, Any]:
    """Run two coroutines in a fixed order and return both results.

    The first is stopped in its transaction, at a write to the table, and continues once the second
    waits for it.
    """
    for statement in HOLD.format(table).split(";\n"):
        admin.execute(statement.encode())
    tasks = [asyncio.create_task(first)]
    await until(lambda: admin.execute(WAITING).fetchall() == [(1,)], "the first in the middle")
    tasks.append(asyncio.create_task(second))
    await until(lambda: admin.execute(WAITING).fetchall() == [(2,)], "the second behind it")
    assert not any(task.done() for task in tasks)
    admin.execute("SELECT pg_advisory_unlock(4712)")
    one, other = await asyncio.gather(*tasks)
    return one, other


@pytest.mark.parametrize("group", [None, GROUP])
async def test_a_message_that_is_stored_while_the_erasure_waits_is_gone(
    platform: Platform, admin: Admin, tmp_path: Path, group: str | None
) -> None:
    before = await platform.accepted(ANN, "before")
    await platform.accepted(ANN, "before", group=group)
    said, _ = await in_this_order(
        admin,
        "discreet.messages",
        platform.accepted(ANN, f"meanwhile {MARK}", group=group),
        erase(platform, str(before.contact_id), tmp_path),
    )
    assert holding(admin, str(before.contact_id), str(said.message_id), MARK) == {}


@pytest.mark.parametrize("group", [None, GROUP])
async def test_a_message_that_waits_for_the_erasure_is_somebody_new_s(
    platform: Platform, admin: Admin, tmp_path: Path, group: str | None
) -> None:
    before = await platform.accepted(ANN, "before")
    await platform.accepted(ANN, "before", group=group)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    _, said = await in_this_order(
        admin,
        "discreet.erasures",
        erase(platform, str(before.contact_id), tmp_path),
        platform.accepted(ANN, "meanwhile", group=group, sent_at=soon),
    )
    assert said.contact_id != before.contact_id
    assert holding(admin, str(before.contact_id)) == {}
    left = admin.execute("SELECT text FROM discreet.messages").fetchall()
    assert left == [("meanwhile",)]


async def answering(platform: Platform, said: Accepted) -> None:
    async def answer(_: TurnContext, tools: Tools) -> str:
        await tools.call("remember", {"content": f"{MARK} comes back"})
        return f"{MARK} comes back"

    await run_turn(turns_of(platform.world.db, Responder(answer)), said.session_id)


async def test_an_answer_that_is_saved_while_the_erasure_waits_is_gone(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    said = await platform.accepted(ANN, f"I am {MARK}", name=MARK)
    await in_this_order(
        admin, "discreet.outbox", answering(platform, said), erase(platform, ANN, tmp_path)
    )
    assert holding(admin, MARK, str(said.session_id)) == {}


async def test_an_answer_that_waits_for_the_erasure_is_not_saved(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    said = await platform.accepted(ANN, f"I am {MARK}", name=MARK)
    await in_this_order(
        admin, "discreet.erasures", erase(platform, ANN, tmp_path), answering(platform, said)
    )
    assert holding(admin, MARK, str(said.session_id)) == {}


async def test_a_message_from_before_an_erasure_is_rejected_afterwards(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    group = await platform.accepted(BOB, "hello", group=GROUP)
    await platform.accepted(ANN, "hello")
    old = datetime.now(UTC)
    await erase(platform, ANN, tmp_path)
    for more in ({}, {"group": GROUP}, {"chat_id": "another"}):
        assert await platform.reason(ANN, "from before", sent_at=old, **more) == "erased"
    assert (await platform.accepted(BOB, "from before", sent_at=old)).new
    await platform.accepted(BOB, "from before", sent_at=old, group=GROUP)
    await platform.accepted(ANN, "from now on")
    await erase(platform, str(group.contact_id), tmp_path)
    assert await platform.reason(BOB, "from before", sent_at=old, group=GROUP) == "erased"
    # A week later nothing is known of it any more.
    admin.execute("UPDATE discreet.erased_addresses SET erased_at = now() - interval '8 days'")
    await platform.accepted(ANN, "from before", sent_at=old)
    await erase(platform, ANN, tmp_path)
    assert admin.execute("SELECT count(*) FROM discreet.erased_addresses").fetchone() == (1,)


async def test_who_was_joined_is_erased_with_the_contact_and_not_alone(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ALSO_ANN, "b")
    await linking.link_contacts(platform.world.db, platform.world.owner_id, ANN, ALSO_ANN)
    with pytest.raises(Conflict, match="undo the link"):
        async with platform.world.db.begin(platform.world.owner) as tx:
            await tx.value("SELECT gate.erase_contact(%s)", (other.contact_id,))
    erased = await erase(platform, ANN, tmp_path)
    assert erased.erasure.counts["contacts"] == 2
    assert admin.execute("SELECT count(*) FROM discreet.contacts").fetchone() == (0,)


async def test_messages_while_two_were_linked_are_erased_with_their_sender(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    await platform.accepted(BOB, "bob's")
    await platform.accepted(ANN, "ann's")
    made = await linking.link_contacts(platform.world.db, platform.world.owner_id, BOB, ANN)
    await answered(platform, ANN, f"{MARK} in between", Responder())
    await linking.undo_link(platform.world.db, platform.world.owner_id, str(made.id))
    await erase(platform, ANN, tmp_path)
    assert holding(admin, MARK, "ann's", ANN.partition(":")[2]) == {}
    assert holding(admin, "bob's") != {}


async def test_what_it_said_in_a_group_that_waits_to_be_let_in_goes_too(
    db: ScopedDatabase, admin: Admin, tmp_path: Path
) -> None:
    platform = await make_platform(db)
    await platform.reason(ANN, f"alone {MARK}")
    await platform.reason(BOB, "with you all", group=GROUP)
    await platform.reason(ANN, f"me too {MARK}", group=GROUP)
    erased = await erase(platform, ANN, tmp_path)
    assert erased.erasure.counts["held_messages"] == 2
    assert holding(admin, MARK, ANN.partition(":")[2]) == {}
    left = admin.execute("SELECT arrived->>'body' FROM discreet.held_messages").fetchall()
    assert left == [("with you all",)]


async def test_only_its_owner_erases_a_contact(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    said = await platform.accepted(ANN, "a")
    otto = await other_owner(platform.world, admin)
    with pytest.raises(NotFound):
        await erasing.erase_contact(otto.db, otto.owner_id, str(said.contact_id), tmp_path)
    with pytest.raises(NotFound):
        async with otto.db.begin(otto.owner) as tx:
            await tx.value("SELECT gate.erase_contact(%s)", (said.contact_id,))
    with pytest.raises(NotFound):
        await erase(platform, str(UUID(int=7)), tmp_path)
    await platform.accepted(ANN, "still here")


async def test_the_same_address_at_another_owner_is_somebody_else(
    platform: Platform, admin: Admin, tmp_path: Path
) -> None:
    otto = await other_owner(platform.world, admin)
    theirs = await otto.say(ANN, "hello Otto")
    group = await otto.say(ANN, "hello all", group=GROUP)
    await otto.say(BOB, "hello Otto")
    await erasing.erase_contact(otto.db, otto.owner_id, BOB, tmp_path)
    await platform.accepted(ANN, "hello Olga")
    old = datetime.now(UTC)
    before = {row for rows in everything(admin).values() for row in rows
              if str(otto.owner_id) in row}  # fmt: skip
    await erase(platform, ANN, tmp_path)
    after = {row for rows in everything(admin).values() for row in rows
             if str(otto.owner_id) in row}  # fmt: skip
    assert after == before
    assert theirs.contact_id != group.contact_id
    late = await Platform(otto, otto.channel_id).accepted(ANN, "late", sent_at=old)
    assert late.contact_id == theirs.contact_id


async def test_lines_typed_at_terminals_are_gone_too(platform: Platform, tmp_path: Path) -> None:
    await platform.accepted(ANN, "a")
    line_history(tmp_path).write_text(MARK)
    await erase(platform, ANN, tmp_path)
    assert not line_history(tmp_path).exists()
