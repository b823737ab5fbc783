"""Backups of the installation."""

from __future__ import annotations

from pydantic import BaseModel

from discreet.schemas.links import Backup


class BackupList(BaseModel):
    """Backups that are still where they were written, on the server, oldest first."""

    items: list[Backup]
