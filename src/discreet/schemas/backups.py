"""Backups of the installation."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from discreet.schemas.links import Backup


class BackupFile(Backup):
    """A backup on the server."""

    bytes: int
    encrypted: bool


class BackupSchedule(BaseModel):
    """The schedule of the server that answers, and the last backup that it wrote.

    A backup counts as written once it has been restored as a trial.
    """

    folder: str
    every_seconds: int
    keep: int
    encrypted: bool
    last_file: str | None
    last_made_at: datetime | None
    last_bytes: int
    last_tried_at: datetime | None
    error: str = Field(description="Why the last attempt failed; empty if it succeeded.")
    overdue: bool = Field(description="The last backup is older than twice the interval.")


class BackupList(BaseModel):
    """Backups on the server that are still in their place, oldest first."""

    items: list[BackupFile]
    schedule: BackupSchedule | None = None
