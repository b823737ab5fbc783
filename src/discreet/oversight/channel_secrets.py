"""The secrets of channels: ``HOME/channels.json``, for its user only, and never in the database."""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from discreet.domain.errors import Unavailable
from discreet.domain.platform import ChannelSecret

FILE_NAME = "channels.json"


def load_secret(home: Path, platform: str, account: str) -> ChannelSecret | None:
    """The secret of an account; None where there is none.

    Raises:
        Unavailable: others may read the file, or it can't be understood.
    """
    return _load(home).get(f"{platform}:{account}")


def save_secret(home: Path, platform: str, account: str, secret: ChannelSecret) -> None:
    """Keeps a secret, in place of the one before."""
    _change(home, lambda kept: kept.update({f"{platform}:{account}": secret}))


def drop_secret(home: Path, platform: str, account: str) -> None:
    """Forgets a secret."""
    _change(home, lambda kept: kept.pop(f"{platform}:{account}", None))


def _load(home: Path) -> dict[str, ChannelSecret]:
    path = home / FILE_NAME
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Unavailable(f"{path} can't be read: {error.strerror}.") from None
    with open(descriptor, encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        if status.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(status.st_mode) & 0o077:
            raise Unavailable(
                f"{path} holds tokens and is open to others.",
                hint=f"Make it yours alone: chmod 600 {path}",
            )
        try:
            return {name: ChannelSecret(**kept) for name, kept in json.load(file).items()}
        except (ValueError, TypeError, AttributeError):
            raise Unavailable(
                f"{path} is damaged.", hint="Remove it, and add the channels again."
            ) from None


def _change(home: Path, change: Callable[[dict[str, ChannelSecret]], object]) -> None:
    kept = _load(home)
    change(kept)
    path, draft = home / FILE_NAME, home / f".{FILE_NAME}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump({name: asdict(secret) for name, secret in kept.items()}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
