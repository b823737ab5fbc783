"""Open a backup file, decrypted if it is encrypted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discreet.postgres.backup_encryption import Unlocking, decrypt, lock_of
from discreet.postgres.folders import make_layout

__all__ = ["opened_backup"]


@contextmanager
def opened_backup(home: Path, file: Path, unlocking: Unlocking) -> Iterator[Path]:
    """Yield the path of the plain archive: a private copy below ``home``, or the file itself.

    Raises:
        BadInput: it can't be read or decrypted.
        Unavailable: the disk is full.
    """
    if lock_of(file) is None:
        yield file
        return
    folder = make_layout(home).run
    with tempfile.TemporaryDirectory(prefix="decrypting-", dir=folder) as scratch:
        plain = Path(scratch) / "plain"
        decrypt(file, unlocking, plain)
        yield plain
