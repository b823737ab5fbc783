"""The list of backups written from this home. They may still contain an erased contact."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from discreet.domain.errors import Unavailable

NOTES = "backups.jsonl"


@dataclass(frozen=True, slots=True)
class BackupMade:
    """A backup and the path it was written to. It may have been moved or deleted since."""

    file: Path
    made_at: datetime


def note_backup(home: Path, file: Path) -> None:
    """Record a backup that was just written.

    Raises:
        Unavailable: the home isn't writable.
    """
    line = {"file": str(file.absolute()), "made_at": datetime.now(UTC).isoformat()}
    try:
        with open(home / NOTES, "a", encoding="utf-8", opener=_open_private) as notes:
            notes.write(json.dumps(line) + "\n")
    except OSError as error:
        raise Unavailable(
            f"{file} was written, but could not be recorded in {home}: {error.strerror}."
        ) from error


def backups_made(home: Path) -> list[BackupMade]:
    """Return every backup of this home that is still in its place, oldest first."""
    try:
        lines = (home / NOTES).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = [json.loads(line) for line in lines if line.strip()]
    made = [BackupMade(Path(one["file"]), datetime.fromisoformat(one["made_at"])) for one in found]
    return [one for one in made if one.file.exists()]


def _open_private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)
