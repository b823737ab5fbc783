"""Backups are written when they are due, by one server; what was erased stays erased."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from discreet.postgres.backup_encryption import PLAIN, keys_of_recipients, new_identity
from discreet.postgres.backup_list import note_backup
from discreet.postgres.backup_schedule import (
    BackupOutcome,
    Schedule,
    backup_name,
    load_outcome,
    load_schedule,
    remove_schedule,
    save_outcome,
    save_schedule,
)
from discreet.postgres.erasure_list import ERASURES, read_list
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.services import backups, erasing, linking
from discreet.services.scheduled_backup import back_up_once
from discreet.settings import Settings
from tests.support.platform import Platform, make_platform
from tests.support.world import open_scoped

ANN, ALSO_ANN, BOB = "telegram:61001", "telegram:62001", "telegram:61002"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    platform = await make_platform(db, admission="open")
    for who in (ANN, ALSO_ANN, BOB):
        await platform.accepted(who, f"I am {who}.")
    return platform


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    (tmp_path / "backups").mkdir()
    return Schedule(tmp_path / "backups", DAY, 2, keys_of_recipients([new_identity()[1]]))


def digests_of(admin: psycopg.Connection[object], *addresses: str) -> list[str]:
    found = admin.execute(
        "SELECT gate.contact_digest(contact_id) FROM discreet.addresses"
        " WHERE platform || ':' || platform_id = ANY(%s)",
        [list(addresses)],
    ).fetchall()
    return [str(digest) for (digest,) in found]  # type: ignore[misc]


def people(admin: psycopg.Connection[object]) -> set[str]:
    rows = admin.execute(
        "SELECT platform || ':' || platform_id FROM discreet.addresses WHERE NOT of_owner"
    )
    return {str(address) for (address,) in rows}  # type: ignore[misc]


def test_a_backup_is_due_a_day_after_the_newest_and_soon_after_a_failure(
    schedule: Schedule,
) -> None:
    assert backups.is_due(schedule, BackupOutcome(), NOW)
    (schedule.folder / backup_name(NOW - 2 * DAY)).touch()
    (schedule.folder / backup_name(NOW)).touch()
    (schedule.folder / "discreet-of-somebody.backup").touch()
    assert not backups.is_due(schedule, BackupOutcome(), NOW + DAY - timedelta(seconds=1))
    assert backups.is_due(schedule, BackupOutcome(), NOW + DAY)
    failed = BackupOutcome(tried_at=NOW, error="The disk is full.")
    assert not backups.is_due(schedule, failed, NOW + timedelta(minutes=9))
    assert backups.is_due(schedule, failed, NOW + timedelta(minutes=10))


def test_a_schedule_is_read_as_it_was_stored_and_says_when_it_is_overdue(
    schedule: Schedule, tmp_path: Path
) -> None:
    assert backups.backup_problem(tmp_path) == ""
    for keys in (schedule.keys, PLAIN):
        save_schedule(tmp_path, replace(schedule, keys=keys))
        assert load_schedule(tmp_path) == replace(schedule, keys=keys)
    assert "AGE-SECRET" not in (tmp_path / "backup-schedule.json").read_text()
    assert backups.backup_problem(tmp_path) == ""
    made = datetime.now(UTC) - 3 * DAY
    save_outcome(tmp_path, BackupOutcome("a", made, 7, made))
    assert load_outcome(tmp_path) == BackupOutcome("a", made, 7, made)
    assert "overdue" in backups.backup_problem(tmp_path)
    remove_schedule(tmp_path)
    assert (load_schedule(tmp_path), load_outcome(tmp_path)) == (None, BackupOutcome())


def test_a_failed_backup_keeps_the_others_and_is_told(schedule: Schedule, tmp_path: Path) -> None:
    gone = replace(schedule, folder=tmp_path / "unplugged")
    save_schedule(tmp_path, gone)
    save_outcome(tmp_path, BackupOutcome("before", NOW, 7, NOW))
    outcome = back_up_once(Settings(home=tmp_path), gone, None)
    assert "unplugged does not exist" in outcome.error
    assert (outcome.file, outcome.made_at) == ("before", NOW)
    assert "unplugged does not exist" in backups.backup_problem(tmp_path)


async def test_an_erasure_is_listed_beside_every_backup_once(
    platform: Platform, db: ScopedDatabase, admin: psycopg.Connection[object], tmp_path: Path
) -> None:
    owner = platform.world.owner_id
    await linking.link_contacts(db, owner, ANN, ALSO_ANN)
    wanted = digests_of(admin, ANN)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
        note_backup(tmp_path, tmp_path / folder / "file")
    assert read_list(tmp_path / "one" / ERASURES) is None
    erased = await erasing.erase_contact(db, owner, ANN, tmp_path)
    assert erased.unlisted == ()
    for folder in ("one", "two"):
        found = read_list(tmp_path / folder / ERASURES)
        assert found is not None
        assert len(found) == 2  # Ann, and the contact merged into her
        assert set(wanted) <= set(found)
        text = (tmp_path / folder / ERASURES).read_text()
        assert (tmp_path / folder / ERASURES).stat().st_mode & 0o777 == 0o600
        assert not re.search(r"\b61001\b", text)
    assert await backups.list_erasures_beside(db, tmp_path) == []
    assert read_list(tmp_path / "one" / ERASURES) == found


async def test_a_list_that_was_cut_off_is_made_whole_and_one_that_cannot_be_written_is_told(
    platform: Platform, db: ScopedDatabase, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    note_backup(tmp_path, tmp_path / "file")
    await erasing.erase_contact(db, platform.world.owner_id, ANN, tmp_path)
    await erasing.erase_contact(db, platform.world.owner_id, BOB, tmp_path)
    whole = (tmp_path / ERASURES).read_text()
    (tmp_path / ERASURES).write_text(whole[:-30])
    assert await backups.list_erasures_beside(db, tmp_path) == []
    assert (tmp_path / ERASURES).read_text() == whole
    (tmp_path / ERASURES).unlink()
    (tmp_path / ERASURES).mkdir()
    erased = await erasing.erase_contact(db, platform.world.owner_id, ALSO_ANN, tmp_path)
    assert [one.file for one in erased.unlisted] == [tmp_path / ERASURES]
    assert erased.shown.unlisted == [str(tmp_path / ERASURES)]


async def test_a_contact_that_was_unlinked_and_erased_leaves_the_other_in_a_restored_backup(
    platform: Platform, db: ScopedDatabase, database: Database, admin: psycopg.Connection[object]
) -> None:
    """In the backup the two are one; each may have been erased since they were unlinked."""
    wanted = digests_of(admin, ANN)
    await linking.link_contacts(db, platform.world.owner_id, ANN, ALSO_ANN)
    erased = await asyncio.to_thread(backups.erase_again, database.credentials, wanted)
    assert erased == 1
    assert people(admin) == {ALSO_ANN, BOB}
    said = admin.execute("SELECT text FROM discreet.messages ORDER BY text").fetchall()
    assert said == [(f"I am {BOB}.",), (f"I am {ALSO_ANN}.",)]


async def test_the_merged_one_of_two_is_erased_alone_in_a_restored_backup(
    platform: Platform, db: ScopedDatabase, database: Database, admin: psycopg.Connection[object]
) -> None:
    wanted = digests_of(admin, ALSO_ANN)
    await linking.link_contacts(db, platform.world.owner_id, ANN, ALSO_ANN)
    assert await asyncio.to_thread(backups.erase_again, database.credentials, wanted) == 1
    assert people(admin) == {ANN, BOB}
    assert await asyncio.to_thread(backups.erase_again, database.credentials, wanted) == 0
