"""Erase a contact: from the database, in one transaction, and from the home."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from discreet.contacts import Entry
from discreet.contacts.lookup import find_entry
from discreet.domain.ids import OwnerId
from discreet.domain.paging import MAX_LISTED
from discreet.postgres.backup_list import BackupMade, backups_made
from discreet.postgres.erasure_list import Unlisted
from discreet.schemas import links as schemas
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.backups import list_erasures_beside
from discreet.services.lost_races import retry_lost_races
from discreet.services.revoking import revoking
from discreet.services.tool_access import ToolAccess
from discreet.settings import line_history


@dataclass(frozen=True, slots=True)
class Erasure:
    """A receipt.

    ``counts``: deleted rows by kind. ``prompts_elsewhere``: other people's turns whose prompt was
    emptied because it may have quoted the contact.
    """

    id: UUID
    counts: Mapping[str, int]
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class Erased:
    """The result.

    ``backups``: older files that still contain the contact. A restore erases it again, because the
    erasure is in a list beside them; ``unlisted``: the lists that could not be written.
    """

    erasure: Erasure
    backups: tuple[BackupMade, ...]
    unlisted: tuple[Unlisted, ...] = ()

    @property
    def shown(self) -> schemas.Erased:
        """The receipt as every entry point shows it."""
        return schemas.Erased(
            id=self.erasure.id,
            counts=dict(self.erasure.counts),
            erased_at=self.erasure.erased_at,
            backups=[
                schemas.Backup(file=str(one.file), made_at=one.made_at) for one in self.backups
            ],
            unlisted=[str(one.file) for one in self.unlisted],
        )


@dataclass(frozen=True, slots=True)
class ErasurePreview:
    """What an erasure would delete now."""

    entry: Entry
    counts: Mapping[str, int]


class _NotMeant(Exception):
    """Rolls back a preview."""


async def preview_erasure(db: ScopedDatabase, owner_id: OwnerId, who: str) -> ErasurePreview:
    """Return what ``erase_contact`` would delete: run it, count, and roll back.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    with suppress(_NotMeant):
        async with db.begin(OwnerScope(owner_id)) as tx:
            entry = await find_entry(tx, who)
            found = ErasurePreview(entry, (await _erase(tx, entry)).counts)
            raise _NotMeant
    return found


async def erase_contact(
    db: ScopedDatabase, owner_id: OwnerId, who: str, home: Path, tools: ToolAccess | None = None
) -> Erased:
    """Delete a contact and all its data, including its messages in shared conversations.

    Lines typed at terminals are deleted too, because they don't say as whom they were typed. This
    can't be undone. ``tools``: used to revoke the contact's connected accounts at their servers.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """

    async def work() -> Erasure:
        async with db.begin(OwnerScope(owner_id)) as tx:
            return await _erase(tx, await find_entry(tx, who))

    owner = OwnerScope(owner_id)
    async with db.begin(owner) as tx:
        contact = (await find_entry(tx, who)).contact.id
    async with revoking(tools, owner, contact=contact):
        erasure = await retry_lost_races(work)
    line_history(home).unlink(missing_ok=True)
    unlisted = await list_erasures_beside(db, home)
    return Erased(erasure, tuple(backups_made(home)), tuple(unlisted))


async def list_erasures(
    db: ScopedDatabase, owner_id: OwnerId, *, limit: int = MAX_LISTED, skip: int = 0
) -> list[Erasure]:
    """Return receipts, newest first. None identifies the contact."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            "SELECT id, counts, erased_at FROM discreet.erasures ORDER BY erased_at DESC, id"
            " LIMIT %(limit)s OFFSET %(skip)s",
            {"limit": limit, "skip": skip},
        )
    return [_as_erasure(row) for row in found]


async def _erase(tx: Transaction, entry: Entry) -> Erasure:
    receipt = await tx.value(
        "SELECT gate.erase_contact(%(contact)s)", {"contact": entry.contact.id}
    )
    row = await tx.fetch_one(
        "SELECT id, counts, erased_at FROM discreet.erasures WHERE id = %(id)s", {"id": receipt}
    )
    assert row is not None  # noqa: S101 - written in this transaction
    return _as_erasure(row)


def _as_erasure(row: Mapping[str, Any]) -> Erasure:
    return Erasure(row["id"], dict(sorted(row["counts"].items())), row["erased_at"])
