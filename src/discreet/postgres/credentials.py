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

__all__ = ["Credentials", "load_credentials", "new_credentials", "save_credentials"]

FILE_NAME = "credentials.json"
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
    """The credentials of the installation in ``home``; None where there is none yet.

    Raises:
        Unavailable: others may read or have made the file, or it isn't ours to understand.
    """
    path = home / FILE_NAME
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
    """Writes the file whole or not at all, with mode 0600."""
    path = home / FILE_NAME
    draft = home / f".{FILE_NAME}.{secrets.token_hex(8)}"
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
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
