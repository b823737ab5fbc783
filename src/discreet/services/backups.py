"""Backups: which there are, those that a server writes on schedule, and restoring them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import structlog

from discreet.domain.ids import OwnerId
from discreet.postgres.backup_encryption import BackupKeys, lock_of
from discreet.postgres.backup_list import backups_made
from discreet.postgres.backup_schedule import (
    BackupOutcome,
    Schedule,
    backups_in,
    load_outcome,
    load_schedule,
    save_outcome,
    time_of,
)
from discreet.postgres.credentials import Credentials
from discreet.postgres.erasure_list import ErasureReceipt, Unlisted, append_receipts
from discreet.queue.failing_jobs import Recurring
from discreet.queue.leases import leader_lock
from discreet.schemas.backups import BackupFile, BackupList, BackupSchedule
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope
from discreet.settings import Settings

__all__ = [
    "back_up_if_due",
    "back_up_on_schedule",
    "backup_problem",
    "erase_again",
    "is_due",
    "list_backups",
    "list_erasures_beside",
]

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
"""Seconds between two looks at the schedule."""
LIST_SECONDS = 60.0
"""Seconds between two looks for erasures that a list beside the backups lacks."""
RETRY = timedelta(minutes=10)
"""Time until a failed backup is tried again, or the schedule's own if that is shorter."""
POLL_SECONDS = 0.1
STOP_SECONDS = 5.0
LATE = 2
"""A backup is overdue after as many times the schedule's own interval."""


def list_backups(home: Path) -> BackupList:
    """List this home's backups that still exist, oldest first."""
    schedule, outcome = load_schedule(home), load_outcome(home)
    files = {made.file: made.made_at for made in backups_made(home)}
    if schedule is not None:
        files |= {file: made for file in backups_in(schedule.folder) if (made := time_of(file))}
    return BackupList(
        items=[
            BackupFile(file=str(file), made_at=made_at, bytes=file.stat().st_size,
                       encrypted=lock_of(file) is not None)
            for file, made_at in sorted(files.items(), key=lambda one: one[1])
        ],
        schedule=None if schedule is None else _shown(schedule, outcome),
    )  # fmt: skip


def _shown(schedule: Schedule, outcome: BackupOutcome) -> BackupSchedule:
    last = outcome.made_at or outcome.tried_at
    overdue = last is not None and datetime.now(UTC) - last > LATE * schedule.every
    return BackupSchedule(
        folder=str(schedule.folder),
        every_seconds=int(schedule.every.total_seconds()),
        keep=schedule.keep,
        encrypted=isinstance(schedule.keys, BackupKeys),
        last_file=outcome.file or None,
        last_made_at=outcome.made_at,
        last_bytes=outcome.bytes,
        last_tried_at=outcome.tried_at,
        error=outcome.error,
        overdue=overdue,
    )


def backup_problem(home: Path) -> str:
    """Return the problems of this home's scheduled backups; empty if there are none."""
    schedule = list_backups(home).schedule
    if schedule is None:
        return ""
    if schedule.error:
        return f"The last backup failed: {schedule.error}"
    if schedule.overdue:
        return "The last backup is overdue; no server with this home may be running"
    return ""


def is_due(schedule: Schedule, outcome: BackupOutcome, now: datetime) -> bool:
    """Return whether a backup is to be written now.

    The newest in the folder counts, whichever server wrote it.
    """
    if outcome.error and outcome.tried_at is not None:
        return now >= outcome.tried_at + min(RETRY, schedule.every)
    made = [time_of(file) for file in backups_in(schedule.folder)[-1:]]
    return all(at is not None and now >= at + schedule.every for at in made)


async def back_up_on_schedule(db: ScopedDatabase, conninfo: str, settings: Settings) -> NoReturn:
    """Write the backups of this home's schedule, and keep the lists of erasures beside them.

    One server at a time writes one. A process of its own does the work, so that answers don't wait
    for it. ``conninfo``: the worker's.
    """
    backing_up = Recurring(db, "backups", partial(back_up_if_due, conninfo, settings))
    listing = Recurring(
        db, "lists of erasures", partial(_list_erasures, db, settings.home), LIST_SECONDS
    )
    while True:
        await backing_up.run_if_due()
        await listing.run_if_due()
        await asyncio.sleep(LOOK_SECONDS)


async def _list_erasures(db: ScopedDatabase, home: Path) -> None:
    for unlisted in await list_erasures_beside(db, home):
        log.warning("erasures could not be listed", file=str(unlisted.file), why=unlisted.why)


async def back_up_if_due(conninfo: str, settings: Settings) -> bool:
    """Write a backup if one is due and no other server writes it; return whether one was tried."""
    if not _due_now(settings.home):
        return False
    async with leader_lock(conninfo, "backup"):
        if not _due_now(settings.home):  # another server wrote it meanwhile
            return False
        await _write_one(settings)
        return True


def _due_now(home: Path) -> bool:
    schedule = load_schedule(home)
    return schedule is not None and is_due(schedule, load_outcome(home), datetime.now(UTC))


async def _write_one(settings: Settings) -> None:
    began = datetime.now(UTC)
    process = subprocess.Popen(  # noqa: ASYNC220 - our own words; it is polled below
        [sys.executable, "-m", "discreet.services.scheduled_backup"],
        env={**os.environ, "DISCREET_HOME": str(settings.home)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while process.poll() is None:  # noqa: ASYNC110 - a process sets no event
            await asyncio.sleep(POLL_SECONDS)
    finally:
        process.terminate()  # if it still runs, it removes what it began
        for _ in range(int(STOP_SECONDS / POLL_SECONDS)):
            if process.poll() is not None:
                break
            await asyncio.sleep(POLL_SECONDS)
        else:
            process.kill()
    outcome = load_outcome(settings.home)
    if process.returncode and (outcome.tried_at is None or outcome.tried_at < began):
        # It was killed, and has said nothing.
        why = f"The process that wrote it ended with code {process.returncode}."
        outcome = replace(outcome, tried_at=began, error=why)
        save_outcome(settings.home, outcome)
    if outcome.error:
        log.error("the backup failed", why=outcome.error)
    else:
        log.info("a backup was written and checked", file=outcome.file, bytes=outcome.bytes)


async def list_erasures_beside(db: ScopedDatabase, home: Path) -> list[Unlisted]:
    """Bring the lists of erasures beside the backups up to date.

    Return the lists that could not be written.
    """
    async with db.begin(WorkScope()) as tx:
        found = await tx.fetch("SELECT * FROM gate.erased_contacts()")
    receipts = [
        ErasureReceipt(row["receipt"], row["erased_at"], tuple(row["digests"])) for row in found
    ]
    return await asyncio.to_thread(append_receipts, home, receipts)


def erase_again(credentials: Credentials, digests: Sequence[str]) -> int:
    """Erase the contacts with these digests in a database that is being restored.

    Links between one of them and a contact that wasn't erased were undone before the erasure, so
    they are undone first. Return how many contacts there were.

    Raises:
        Unavailable: the database can't be reached, or a link can't be undone.
    """
    return asyncio.run(_erase_again(credentials, list(digests)))


async def _erase_again(credentials: Credentials, digests: list[str]) -> int:
    db = ScopedDatabase(credentials.conninfo, bytes.fromhex(credentials.ticket_key))
    try:
        async with db.begin(WorkScope()) as tx:
            found = await tx.fetch("SELECT * FROM gate.contacts_with_digests(%s)", (digests,))
        for owner_id in {row["owner_id"] for row in found}:
            ids = [row["contact_id"] for row in found if row["owner_id"] == owner_id]
            await _erase_of_owner(db, OwnerId(owner_id), ids)
    finally:
        await db.close()
    return len(found)


async def _erase_of_owner(db: ScopedDatabase, owner_id: OwnerId, ids: list[UUID]) -> None:
    """Erase contacts; all of them in one transaction, so that a link never hides one."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        # The newest first: a survivor that was merged later can't give back what it had taken.
        links = await tx.fetch(
            "SELECT id FROM discreet.links WHERE undone_at IS NULL"
            " AND (survivor_id = ANY(%(ids)s)) <> (merged_id = ANY(%(ids)s))"
            " ORDER BY linked_at DESC",
            {"ids": ids},
        )
        # What is erased now was released from its hold before.
        await tx.execute(
            "UPDATE discreet.contacts SET on_hold_at = NULL"
            " WHERE on_hold_at IS NOT NULL AND (id = ANY(%(ids)s) OR merged_into = ANY(%(ids)s)"
            " OR id IN (SELECT survivor_id FROM discreet.links WHERE merged_id = ANY(%(ids)s)))",
            {"ids": ids},
        )
        for link in links:
            await tx.execute("SELECT gate.undo_link(%(link)s)", {"link": link["id"]})
        whole = await tx.fetch(
            "SELECT id FROM discreet.contacts WHERE id = ANY(%(ids)s) AND merged_into IS NULL"
            " ORDER BY id",
            {"ids": ids},
        )
        for contact in whole:
            await tx.execute("SELECT gate.erase_contact(%(contact)s)", {"contact": contact["id"]})
