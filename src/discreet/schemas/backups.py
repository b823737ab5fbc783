"""Backups of the installation."""

from __future__ import annotations

from pydantic import BaseModel

from discreet.schemas.links import Backup


class BackupList(BaseModel):
    """Backups on the server that are still in their place, oldest first."""

    items: list[Backup]
