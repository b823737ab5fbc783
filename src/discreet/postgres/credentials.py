"""Where the database is and how each role logs in: ``HOME/credentials.json``, for its user only."""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from psycopg.conninfo import make_conninfo

from discreet.domain.errors import Unavailable
from discreet.postgres.environment import ignore_libpq_variables
from discreet.postgres.roles import ADMIN_ROLE, LOGIN_ROLES

__all__ = [
    "Credentials",
    "load_credentials",
    "load_restoring",
    "new_credentials",
    "save_credentials",
    "set_restored",
    "set_restoring",
]

FILE_NAME = "credentials.json"
RESTORING_NAME = "credentials.restoring.json"
"""The same while a restore into a home without data is under way. The home opens when it has been
renamed, so a restore that was interrupted is never taken for a new installation."""
TICKET_KEY_BYTES = 32
CONNECT_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything that logs in to the database. ``host`` is a name, or a socket folder.

    ``host`` is empty in the file of an embedded server: its socket folder is found when it runs.
    ``ticket_key`` is 32 random bytes as hex.
    """

    embedded: bool
    host: str
    port: int
    dbname: str
    passwords: Mapping[str, str] = field(repr=False)
    ticket_key: str = field(repr=False)
    sslmode: str = "prefer"
    sslrootcert: str | None = None

    def conninfo(self, role: str, *, dbname: str | None = None) -> str:
        """Return a libpq connection string that logs in as ``role``.

        It means the same whatever variables of libpq are set: they are removed from this process.

        Raises:
            KeyError: no password is kept for this role.
        """
        ignore_libpq_variables(embedded=self.embedded)
        return make_conninfo(
            host=self.host,
            port=self.port,
            dbname=dbname or self.dbname,
            user=role,
            password=self.passwords[role],
            sslmode=self.sslmode,
            sslrootcert=self.sslrootcert,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            # Never hand the password itself to whoever answers there.
            require_auth="scram-sha-256",
        )


def new_credentials(
    *,
    embedded: bool,
    host: str = "",
    port: int = 5432,
    dbname: str = "discreet",
    sslmode: str = "prefer",
    sslrootcert: str | None = None,
) -> Credentials:
    """Credentials with fresh random passwords and a fresh ticket key."""
    roles = (ADMIN_ROLE, *LOGIN_ROLES) if embedded else LOGIN_ROLES
    return Credentials(
        embedded=embedded,
        host=host,
        port=port,
        dbname=dbname,
        passwords={role: secrets.token_hex(32) for role in roles},
        ticket_key=secrets.token_hex(TICKET_KEY_BYTES),
        sslmode=sslmode,
        sslrootcert=sslrootcert,
    )


def load_credentials(home: Path) -> Credentials | None:
    """Return the credentials of the installation in ``home``; None where there is none yet.

    Raises:
        Unavailable: others may read or have made the file, it isn't ours to understand, or a
            restore into this home didn't finish.
    """
    credentials = _load(home / FILE_NAME)
    if credentials is None and (home / RESTORING_NAME).exists():
        raise Unavailable(
            f"A restore into {home} did not finish.",
            hint="Run it again: sb restore FILE. To start empty instead, remove that folder.",
        )
    return credentials


def load_restoring(home: Path) -> Credentials | None:
    """Return the credentials of a restore that didn't finish; None where there was none.

    Raises:
        Unavailable: as for ``load_credentials``.
    """
    return None if (home / FILE_NAME).exists() else _load(home / RESTORING_NAME)


def _load(path: Path) -> Credentials | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"{path} can't be read: {error.strerror}.") from None
    with open(descriptor, encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        if status.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(status.st_mode) & 0o077:
            raise Unavailable(
                f"{path} holds passwords and is open to others.",
                hint=f"Make it yours alone: chmod 600 {path}",
            )
        try:
            return Credentials(**json.load(file))
        except (ValueError, TypeError):
            raise Unavailable(
                f"{path} is damaged.", hint="Put it back from a backup: sb restore FILE."
            ) from None


def save_credentials(home: Path, credentials: Credentials) -> None:
    """Write the file whole or not at all, with mode 0600."""
    _save(home, FILE_NAME, credentials)


def set_restoring(home: Path, credentials: Credentials) -> None:
    """Close ``home`` to everything but a restore, which uses these credentials."""
    _save(home, RESTORING_NAME, credentials)
    (home / FILE_NAME).unlink(missing_ok=True)
    _sync(home)


def set_restored(home: Path) -> None:
    """Open ``home`` again, where a restore had closed it."""
    if not (home / FILE_NAME).exists():
        (home / RESTORING_NAME).rename(home / FILE_NAME)
        _sync(home)


def _save(home: Path, name: str, credentials: Credentials) -> None:
    path = home / name
    draft = home / f".{name}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(credentials), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync(home)


def _sync(home: Path) -> None:
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
