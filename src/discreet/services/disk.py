"""The disk of the installation: what is free, and what the database takes."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from discreet.domain.ids import OwnerId
from discreet.scope import OwnerScope, ScopedDatabase

LOW_SHARE, LOW_BYTES = 0.1, 2_000_000_000
"""A disk is low with less than this share free, and with less than this many bytes."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Sizes in bytes. ``total`` and ``free`` are of the disk that the home is on.

    ``database``: the size of the database, wherever it is, when it was last vacuumed. The exact
    size is of no concern to most roles, so nobody may ask for it.
    """

    total: int
    free: int
    database: int

    @property
    def is_low(self) -> bool:
        """Whether the disk is nearly full: backups and files have no room soon."""
        return self.free < LOW_BYTES and self.free < self.total * LOW_SHARE


async def disk_of(db: ScopedDatabase, owner_id: OwnerId, home: Path) -> Disk:
    """Return what is free on the disk of a home, and the size of the database."""
    found = await asyncio.to_thread(shutil.disk_usage, home)
    async with db.begin(OwnerScope(owner_id)) as tx:
        size = await tx.value(
            "SELECT sum(relpages::bigint) * current_setting('block_size')::bigint FROM pg_class"
        )
    return Disk(found.total, found.free, int(size or 0))
