"""The schedule of backups of this home, ``HOME/backup-schedule.json``, and its result.

It belongs to the machine, not to the database: the folder is the machine's, and a restored database
must not begin to write somewhere.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from discreet.domain.errors import Unavailable
from discreet.postgres.backup_encryption import PLAIN, BackupKeys, Plain
from discreet.postgres.private_files import read_private, write_private

__all__ = [
    "BackupOutcome",
    "Schedule",
    "backup_name",
    "backups_in",
    "load_outcome",
    "load_schedule",
    "remove_schedule",
    "save_outcome",
    "save_schedule",
    "time_of",
]

SCHEDULE, OUTCOME = "backup-schedule.json", "backup-outcome.json"
NAME_FORMAT = "discreet-%Y-%m-%dT%H%M%SZ.backup"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When and where a server writes backups. No private key is in it.

    Attributes:
        folder: Where to.
        every: Time between two backups.
        keep: How many to keep; older ones that the schedule wrote are deleted.
        keys: For whom they are encrypted.
    """

    folder: Path
    every: timedelta
    keep: int
    keys: BackupKeys | Plain


@dataclass(frozen=True, slots=True)
class BackupOutcome:
    """The results of the schedule: the last backup, and the last attempt.

    ``error``: why that attempt failed; empty if it succeeded.
    """

    file: str = ""
    made_at: datetime | None = None
    bytes: int = 0
    tried_at: datetime | None = None
    error: str = ""


def backup_name(now: datetime) -> str:
    """Name a backup after its time."""
    return now.astimezone(UTC).strftime(NAME_FORMAT)


def time_of(file: Path) -> datetime | None:
    """Return when a file that ``backup_name`` named was made, or None for another file."""
    try:
        return datetime.strptime(file.name, NAME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def backups_in(folder: Path) -> list[Path]:
    """Return the scheduled backups in a folder, oldest first."""
    return sorted(file for file in folder.glob("discreet-*.backup") if time_of(file) is not None)


def load_schedule(home: Path) -> Schedule | None:
    """Return the schedule, or None if there is none.

    Raises:
        Unavailable: the file is damaged or open to others.
    """
    text = read_private(home / SCHEDULE, "the schedule of backups")
    if text is None:
        return None
    try:
        found = json.loads(text)
        keys = BackupKeys(tuple(found["recipients"]), found["locked_key"])
        return Schedule(
            Path(found["folder"]),
            timedelta(seconds=found["every_seconds"]),
            int(found["keep"]),
            keys if keys.recipients else PLAIN,
        )
    except (ValueError, KeyError, TypeError):
        raise Unavailable(
            f"{home / SCHEDULE} is damaged.", hint="Set it again: sb backup --to FOLDER --every 24h"
        ) from None


def save_schedule(home: Path, schedule: Schedule) -> None:
    """Store the schedule. Running servers follow it from now on."""
    keys = schedule.keys if isinstance(schedule.keys, BackupKeys) else BackupKeys(())
    text = {
        "folder": str(schedule.folder),
        "every_seconds": int(schedule.every.total_seconds()),
        "keep": schedule.keep,
        "recipients": keys.recipients,
        "locked_key": keys.locked_key,
    }
    write_private(home / SCHEDULE, json.dumps(text, indent=2))


def remove_schedule(home: Path) -> bool:
    """End the schedule; its backups stay. Return whether there was one."""
    existed = (home / SCHEDULE).exists()
    for name in (SCHEDULE, OUTCOME):
        (home / name).unlink(missing_ok=True)
    return existed


def load_outcome(home: Path) -> BackupOutcome:
    """Return the schedule's results so far."""
    text = read_private(home / OUTCOME, "the outcome of backups")
    try:
        found = BackupOutcome(**json.loads(text or "{}"))
    except (ValueError, TypeError):
        return BackupOutcome()
    return replace(found, made_at=_time(found.made_at), tried_at=_time(found.tried_at))


def save_outcome(home: Path, outcome: BackupOutcome) -> None:
    """Store the result of the last attempt."""
    write_private(home / OUTCOME, json.dumps(asdict(outcome), indent=2, default=str))


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None
