"""Erasing deletes everything of one contact from every table, and nothing of others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from discreet.auth import tokens
from discreet.domain.errors import Conflict, NotFound
from discreet.domain.ids import ContactId
from discreet.domain.inbound import Attachment
from discreet.intake import Accepted
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.services import erasing, linking
from discreet.services.limits import ContactLimits, set_limits
from discreet.settings import line_history
from discreet.turn.run import run_turn
from tests.services.erased import ANN, BOB, GROUP, MARK, Admin, answered, erase, everything, holding
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import Recording, do_all, turns_of
from tests.support.world import open_scoped, other_owner

ALSO_ANN = "telegram:77002001"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


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
        "INSERT INTO discreet.idempotency_keys"
        " (token_id, digest, owner_id, request_digest, result_id)"
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
