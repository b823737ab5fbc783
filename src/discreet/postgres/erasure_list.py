"""The list of erasures beside the backups: digests of the ids of erased contacts.

A backup that is older than an erasure still contains the contact. A restore reads the list and
erases it again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from discreet.domain.errors import BadInput
from discreet.postgres.backup_list import backups_made
from discreet.postgres.backup_schedule import load_schedule

__all__ = [
    "ERASURES",
    "ErasureReceipt",
    "Unlisted",
    "append_receipts",
    "read_list",
    "read_receipts",
]

ERASURES = "discreet-erasures.jsonl"
HAS_DIGESTS = """
SELECT FROM pg_catalog.pg_attribute
 WHERE attrelid = to_regclass('discreet.erasures') AND attname = 'digests'
"""


@dataclass(frozen=True, slots=True)
class ErasureReceipt:
    """An erasure. ``digests``: SHA-256 in hex of the contact's id and of those merged into it."""

    id: UUID
    erased_at: datetime
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A list that could not be written, and why."""

    file: Path
    why: str


def read_receipts(conn: psycopg.Connection[Any]) -> list[ErasureReceipt]:
    """Return all receipts of a database, as its admin; none if it is too old to have digests."""
    if conn.execute(HAS_DIGESTS).fetchone() is None:
        return []
    found = conn.execute(
        "SELECT id, erased_at, digests FROM discreet.erasures WHERE digests <> '{}'"
    )
    return [ErasureReceipt(receipt, at, tuple(digests)) for receipt, at, digests in found]


def folders_of_backups(home: Path) -> set[Path]:
    """Return the folders that backups of this home are in, or will be."""
    folders = {made.file.parent for made in backups_made(home)}
    schedule = load_schedule(home)
    return folders if schedule is None else {*folders, schedule.folder}


def append_receipts(home: Path, receipts: Sequence[ErasureReceipt]) -> list[Unlisted]:
    """Add the receipts that are missing to the list in each folder of backups.

    A list is written from the first backup in its folder on, even without an erasure: a restore
    then knows that none is missing. Return the lists that could not be written.
    """
    failed = []
    for folder in sorted(folders_of_backups(home)):
        try:
            _append(folder / ERASURES, receipts)
        except OSError as error:
            failed.append(Unlisted(folder / ERASURES, error.strerror or type(error).__name__))
    return failed


def read_list(file: Path) -> tuple[str, ...] | None:
    """Return the digests in a list, or None if there is no list.

    Raises:
        BadInput: it can't be read, or is damaged: a contact might come back.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return tuple(digest for line in lines if line for digest in json.loads(line)["digests"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"{file} can't be read, so erased contacts might come back.",
            hint="Repair it, use another copy (--erasures FILE), or continue without it: "
            "--without-erasures",
        ) from None


def _append(file: Path, receipts: Iterable[ErasureReceipt]) -> None:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(file, flags, 0o600), "r+", encoding="utf-8") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        text = opened.read()
        known = set()
        for line in text.splitlines():
            try:
                known.add(json.loads(line)["receipt"])
            except (ValueError, KeyError, TypeError):
                continue  # cut off by a full disk; the receipt is written again below
        news = [one for one in receipts if str(one.id) not in known]
        if not news:
            return
        whole = [json.dumps({"receipt": str(one.id), "erased_at": one.erased_at.isoformat(),
                             "digests": one.digests}) for one in news]  # fmt: skip
        cut_off = bool(text) and not text.endswith("\n")
        if cut_off:
            opened.truncate(len(text[: text.rfind("\n") + 1].encode()))
        opened.seek(0, os.SEEK_END)
        opened.write("\n".join([*whole, ""]))
        opened.flush()
        os.fsync(opened.fileno())
