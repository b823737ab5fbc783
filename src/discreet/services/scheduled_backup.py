"""Write one backup of the schedule: ``python -m discreet.services.scheduled_backup``.

The server runs it as a process of its own. Its result is in the outcome file.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from discreet.domain.errors import DiscreetError
from discreet.postgres.backup import backup
from discreet.postgres.backup_schedule import (
    BackupOutcome,
    Schedule,
    backup_name,
    backups_in,
    load_outcome,
    load_schedule,
    save_outcome,
)
from discreet.settings import Settings, load_settings

__all__ = ["back_up_once", "prune"]

NICE = 10
LEFT_SECONDS = 86_400.0
"""What a killed backup left is removed after this time."""
LEFT = ("backing-up-*", "checking-*", "decrypting-*")


def back_up_once(settings: Settings, schedule: Schedule, admin_url: str | None) -> BackupOutcome:
    """Write and check a backup, delete those beyond ``keep``, and store the result."""
    began = datetime.now(UTC)
    file = schedule.folder / backup_name(began)
    try:
        backup(settings, file, keys=schedule.keys, check=True, admin_url=admin_url)
        prune(schedule)
        outcome = BackupOutcome(str(file), began, file.stat().st_size, began)
    except (DiscreetError, OSError) as error:
        outcome = replace(load_outcome(settings.home), tried_at=began, error=_line(error))
    save_outcome(settings.home, outcome)
    return outcome


def prune(schedule: Schedule) -> None:
    """Delete the oldest of the scheduled backups, so that ``keep`` are left."""
    for file in backups_in(schedule.folder)[: -schedule.keep]:
        file.unlink(missing_ok=True)


def _line(error: DiscreetError | OSError) -> str:
    return str(error) if isinstance(error, DiscreetError) else f"{error.strerror}: {error.filename}"


def _remove_left(run: Path) -> None:
    for pattern in LEFT:
        for left in run.glob(pattern):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def run() -> int:
    """Run for the home of ``DISCREET_HOME``; 0: written, or no schedule."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.nice(NICE)
    settings = load_settings()
    _remove_left(settings.home / "run")
    schedule = load_schedule(settings.home)
    if schedule is None:
        return 0
    done = back_up_once(settings, schedule, os.environ.get("DISCREET_ADMIN_URL") or None)
    return int(bool(done.error))


if __name__ == "__main__":
    sys.exit(run())
