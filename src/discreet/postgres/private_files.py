"""Files with secrets: readable only by their user, and written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from discreet.domain.errors import Unavailable

__all__ = ["read_private", "sync_folder", "write_private"]


def read_private(path: Path, holds: str) -> str | None:
    """Return the text of a file, or None if it doesn't exist.

    ``holds`` describes the content in errors.

    Raises:
        Unavailable: others can read the file or own it, or it can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"{path} can't be read: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unavailable(f"{path} can't be read: it is not a file.")
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(status.st_mode) & 0o077:
            raise Unavailable(
                f"{path} contains {holds} and is open to others.",
                hint=f"Make it private: chmod 600 {path}",
            )
        try:
            return file.read().decode()
        except (OSError, UnicodeDecodeError):
            raise Unavailable(f"{path} can't be read: it is not text.") from None


def write_private(path: Path, text: str) -> None:
    """Write the file with mode 0600, replace an existing one, and sync it to disk."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder to disk after files in it were created, renamed or removed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
