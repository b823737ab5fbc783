"""What has been kept long enough is deleted with all that was made of it, and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.domain.inbound import Attachment
from discreet.postgres.server import Database
from discreet.schemas.retention import RetentionTarget, RetentionToSet
from discreet.scope import ScopedDatabase
from discreet.services import contacts, erasing, linking, retention
from discreet.turn.run import run_turn
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import Recording, do_all, turns_of
from tests.support.world import open_scoped

Admin = psycopg.Connection[Any]
ANN, BOB, GROUP = "telegram:71001", "telegram:71002", "telegram:-71005"
OLD = "UPDATE discreet.{} SET {} = {} - interval '100 days'"
EVERYTHING = RetentionToSet(messages=90, files=90, memories=90)


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase, database: Database) -> Platform:
    platform = await make_platform(db, admission="open")
    for who, word in ((ANN, "walnut"), (BOB, "heron")):
        await answered(platform, who, calling("remember", content=f"the word is {word}"))
    photo = Attachment(kind="photo", platform_file="file-1", name="cat.jpg", size=3)
    await answered(platform, ANN, "look at the walnut", attachments=(photo,))
    await answered(platform, ANN, "heron and walnut in a group", group=GROUP)
    await do_all(database, db, Responder(do_as_told), {"telegram": Recording("telegram")})
    return platform


async def answered(platform: Platform, who: str, text: str, **more: Any) -> None:
    said = await platform.accepted(who, text, **more)
    await run_turn(turns_of(platform.world.db, Responder(do_as_told)), said.session_id)


def age(admin: Admin, where: str = "true") -> None:
    """Make what there is 100 days older."""
    for table, column in (
        ("messages", "created_at"),
        ("attachments", "created_at"),
        ("memories", "updated_at"),
        ("memory_history", "archived_at"),
    ):
        admin.execute(f"ALTER TABLE discreet.{table} DISABLE TRIGGER USER")
        admin.execute(f"{OLD.format(table, column, column)} WHERE {where}")
        admin.execute(f"ALTER TABLE discreet.{table} ENABLE TRIGGER USER")


def count(admin: Admin, table: str, where: str = "true") -> int:
    row = admin.execute(f"SELECT count(*) FROM discreet.{table} WHERE {where}").fetchone()
    assert row is not None
    return int(row[0])


def texts(admin: Admin) -> str:
    """Return every row of every table as text."""
    tables = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r'"
        " AND c.relnamespace IN ('discreet'::regnamespace, 'queue'::regnamespace)"
    ).fetchall()
    return " ".join(str(admin.execute(f"SELECT * FROM {t}").fetchall()) for (t,) in tables)


async def set_rules(platform: Platform, rules: RetentionToSet = EVERYTHING) -> None:
    await retention.set_retention(platform.world.db, platform.world.owner_id, rules)


async def run(platform: Platform) -> dict[str, int]:
    return (await retention.run_retention(platform.world.db, platform.world.owner_id)).counts


async def test_without_a_rule_nothing_is_deleted(platform: Platform, admin: Admin) -> None:
    age(admin)
    before = texts(admin)
    assert not any((await run(platform)).values())
    admin.execute("DELETE FROM discreet.retention_runs")
    assert texts(admin) == before


async def test_no_word_of_what_is_too_old_is_left_and_the_preview_said_how_much(
    platform: Platform, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    owner = platform.world.owner_id
    await set_rules(platform)
    assert not any((await retention.preview_retention(platform.world.db, owner)).counts.values())
    age(admin)
    previewed = (await retention.preview_retention(platform.world.db, owner)).counts
    done = await run(platform)
    assert previewed["messages"] == done["messages"] == 8
    assert previewed["files"] == done["files"] == 1
    assert previewed["memories"] == done["memories"] == 2
    assert done["prompts"] > 0
    assert (left := texts(admin)).count("walnut") == left.count("heron") == 0
    assert count(admin, "contacts") == 3
    [receipt] = await retention.list_retention_runs(platform.world.db, owner)
    assert receipt.counts == done


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
async def test_a_day_has_24_hours_in_every_time_zone_of_the_database(
    platform: Platform, admin: Admin, zone: str
) -> None:
    admin.execute(f"SET timezone = '{zone}'")
    for days in (90, 180, 270):  # in these zones summer time begins or ends in at least one
        await set_rules(platform, RetentionToSet(messages=days))
        row = admin.execute(
            "SELECT extract(epoch FROM clock_timestamp() - min(cutoff))"
            " FROM gate.retention_cutoffs(%s, 'messages', false)",
            [platform.world.owner_id],
        ).fetchone()
        assert row is not None
        assert float(row[0]) == pytest.approx(days * 86400, abs=60)


async def test_what_is_newer_and_what_waits_is_kept(platform: Platform, admin: Admin) -> None:
    await set_rules(platform)
    age(admin)
    waiting = await platform.accepted(BOB, "a new walnut?")
    admin.execute(OLD.format("messages", "created_at", "created_at"))
    await answered(platform, ANN, "a fresh heron")
    await run(platform)
    left = admin.execute("SELECT text FROM discreet.messages ORDER BY text").fetchall()
    assert ("a new walnut?",) in left
    assert ("a fresh heron",) in left
    assert len(left) == 3  # and the answer to the heron
    await run_turn(turns_of(platform.world.db, Responder()), waiting.session_id)
    assert count(admin, "messages", "state = 'answered' AND text LIKE '%walnut?'") == 1


async def test_a_contact_on_hold_keeps_everything_also_in_groups_and_cannot_be_erased(
    platform: Platform, admin: Admin, db: ScopedDatabase, tmp_path: Any
) -> None:
    owner = platform.world.owner_id
    await set_rules(platform)
    age(admin)
    await contacts.hold_contact(db, owner, ANN, on_hold=True)
    await run(platform)
    left = [text for (text,) in admin.execute("SELECT text FROM discreet.messages").fetchall()]
    assert "look at the walnut" in left
    assert "heron and walnut in a group" in left
    assert count(admin, "memories") == 1
    assert (await retention.preview_retention(db, owner)).on_hold == 1
    with pytest.raises(Conflict, match="sb contacts release"):
        await erasing.erase_contact(db, owner, ANN, tmp_path)
    with pytest.raises(Conflict, match="on hold"):
        await linking.link_contacts(db, owner, BOB, ANN)
    await contacts.hold_contact(db, owner, ANN, on_hold=False)
    await run(platform)
    assert count(admin, "messages") == 0
    await erasing.erase_contact(db, owner, ANN, tmp_path)


async def test_the_narrowest_rule_counts_and_a_kind_without_one_is_kept(
    platform: Platform, admin: Admin, db: ScopedDatabase
) -> None:
    owner = platform.world.owner_id
    await set_rules(platform, RetentionToSet(messages=90))
    await set_rules(platform, RetentionToSet(channel="telegram", messages="never", files=90))
    age(admin)
    messages = count(admin, "messages")
    await run(platform)
    assert (count(admin, "messages"), count(admin, "attachments")) == (messages, 0)
    assert count(admin, "memories") == 2
    shown = await retention.list_retention(db, owner)
    assert [(rule.channel is None, rule.kind, rule.days) for rule in shown] == [
        (True, "messages", 90), (False, "files", 90), (False, "messages", None)
    ]  # fmt: skip
    await retention.remove_retention(db, owner, RetentionTarget(channel="telegram"))
    await run(platform)
    assert count(admin, "messages") == 0
    with pytest.raises(NotFound):
        await retention.remove_retention(db, owner, RetentionTarget(channel="telegram"))
    with pytest.raises(BadInput, match="Memories belong"):
        await set_rules(platform, RetentionToSet(channel="telegram", memories=3))
    with pytest.raises(BadInput, match="Nothing to set"):
        await set_rules(platform, RetentionToSet())


async def test_a_summary_goes_with_the_messages_that_it_covers(
    platform: Platform, admin: Admin
) -> None:
    admin.execute(
        "UPDATE discreet.sessions s SET compacted_to = 1, summary_id = m.id"
        "  FROM discreet.memories m WHERE m.contact_id = s.contact_id"
    )
    await set_rules(platform, RetentionToSet(memories=90))
    age(admin)
    await run(platform)
    assert count(admin, "memories") == 2  # a summary is no memory of its own
    await set_rules(platform, RetentionToSet(messages=90, memories="never"))
    done = await run(platform)
    assert done["summaries"] == 2
    assert count(admin, "memories") == 0
    assert count(admin, "sessions", "summary_id IS NOT NULL OR compacted_to > 0") == 0


async def test_a_quotation_of_a_deleted_line_goes_too(platform: Platform, admin: Admin) -> None:
    age(admin)
    admin.execute(
        "UPDATE discreet.messages m SET created_at = clock_timestamp(), text = 'and that one?',"
        ' details = \'{"quote": {"text": "walnut"}}\', replies_to = o.id'
        "  FROM discreet.messages o WHERE m.text = 'look at the walnut'"
        "   AND o.session_id = m.session_id AND o.position = 1"
    )
    await set_rules(platform)
    await run(platform)
    [details] = admin.execute("SELECT details FROM discreet.messages").fetchall()
    assert details == ({},)


async def test_it_runs_once_a_day_for_owners_with_rules(
    platform: Platform, admin: Admin, db: ScopedDatabase
) -> None:
    assert await retention.run_due_retention(db) == 0
    await set_rules(platform)
    age(admin)
    assert await retention.run_due_retention(db) == 1
    assert count(admin, "messages") == 0
    assert await retention.run_due_retention(db) == 0
    admin.execute("UPDATE discreet.retention_runs SET ended_at = ended_at - interval '25 hours'")
    assert await retention.run_due_retention(db) == 1


async def test_a_summary_that_names_anothers_memory_does_not_delete_it(
    platform: Platform, admin: Admin
) -> None:
    bobs = "memories WHERE content LIKE '%heron%'"
    said = await platform.accepted(ANN, "hello again")
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        planted = await tx.execute(
            "UPDATE discreet.sessions SET summary_id = %s, compacted_to = 99",
            admin.execute(f"SELECT id FROM discreet.{bobs}").fetchone(),
        )
    assert planted >= 1
    age(admin)
    await set_rules(platform, RetentionToSet(messages=90))
    assert (await run(platform))["messages"] > 0
    assert count(admin, *bobs.split(" WHERE ")) == 1
