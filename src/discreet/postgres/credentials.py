"""The credentials file, ``HOME/credentials.json``: database location and logins of all roles.

Only its user can read it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from psycopg.conninfo import make_conninfo

from discreet.domain.errors import Unavailable
from discreet.postgres.environment import ignore_libpq_variables
from discreet.postgres.installation import (
    DEFAULT_INSTALLATION,
    check_installation_name,
    in_installation,
)
from discreet.postgres.private_files import read_private, sync_folder, write_private
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
"""The credentials during a restore into a home without data. They are renamed at the end, which
opens the home, so an interrupted restore is never mistaken for a new installation.
"""
TICKET_KEY_BYTES = 32
CONNECT_TIMEOUT_SECONDS = 10
KEEPALIVE_SECONDS, MAX_KEEPALIVES, UNACKNOWLEDGED_MS = 5, 3, 15_000
"""A host that vanishes silently is given up within 20 seconds."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Everything needed to log in to the database. ``host`` is a name, or a socket folder.

    Where PostgreSQL runs on several hosts, ``host`` and ``port`` are lists with commas, of the same
    length, and ``target_session_attrs`` says which of them is meant, as libpq has it.
    ``host`` is empty in the file of an embedded server: its socket folder is found when it runs.
    ``ticket_key`` is 32 random bytes as hex. ``installation`` is the name that the roles carry;
    ``passwords`` and everything that takes a role call it as in the default installation.
    """

    embedded: bool
    host: str
    port: int | str
    dbname: str
    passwords: Mapping[str, str] = field(repr=False)
    ticket_key: str = field(repr=False)
    sslmode: str = "prefer"
    sslrootcert: str | None = None
    target_session_attrs: str = "any"
    installation: str = DEFAULT_INSTALLATION

    def __post_init__(self) -> None:
        if self.installation != DEFAULT_INSTALLATION:
            check_installation_name(self.installation)  # it is put into SQL

    @property
    def places(self) -> tuple[str, ...]:
        """Every ``host:port`` at which the server may be."""
        hosts, ports = self.host.split(","), str(self.port).split(",")
        return tuple(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))

    def same_place(self, other: Credentials) -> bool:
        """Return whether both name the same database, judging by their hosts."""
        return (self.embedded, self.dbname) == (other.embedded, other.dbname) and not set(
            self.places
        ).isdisjoint(other.places)

    def login(self, role: str) -> str:
        """Return the server's name of a role."""
        return in_installation(role, self.installation)

    def with_password(self, role: str, password: str) -> Credentials:
        """Return them with another password for one role."""
        return replace(self, passwords={**self.passwords, role: password})

    @property
    def sealing_key(self) -> bytes:
        """The 32-byte key that encrypts secrets in the database.

        It is the same on every server with these passwords, and can't be derived from anything that
        the database stores.
        """
        password = self.passwords["discreet_owner"].encode()
        return hmac.new(password, b"discreet: sealing key", hashlib.sha256).digest()

    def conninfo(self, role: str, *, dbname: str | None = None) -> str:
        """Return a libpq connection string for logging in as ``role``.

        libpq's variables don't affect it: they are removed from this process.

        Raises:
            KeyError: there is no password for this role.
        """
        ignore_libpq_variables(embedded=self.embedded)
        return make_conninfo(
            host=self.host,
            port=self.port,
            dbname=dbname or self.dbname,
            user=self.login(role),
            password=self.passwords[role],
            sslmode=self.sslmode,
            sslrootcert=self.sslrootcert,
            target_session_attrs=self.target_session_attrs,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            keepalives_idle=KEEPALIVE_SECONDS,
            keepalives_interval=KEEPALIVE_SECONDS,
            keepalives_count=MAX_KEEPALIVES,
            tcp_user_timeout=UNACKNOWLEDGED_MS,
            # Never send the password itself to an impostor.
            require_auth="scram-sha-256",
        )


def new_credentials(
    *,
    embedded: bool,
    host: str = "",
    port: int | str = 5432,
    dbname: str = "discreet",
    sslmode: str = "prefer",
    sslrootcert: str | None = None,
    target_session_attrs: str = "any",
    installation: str = DEFAULT_INSTALLATION,
) -> Credentials:
    """Return credentials with fresh random passwords and a fresh ticket key."""
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
        target_session_attrs=target_session_attrs,
        installation=installation,
    )


def load_credentials(home: Path) -> Credentials | None:
    """Return the credentials of the installation in ``home``, or None if there is none yet.

    Raises:
        Unavailable: others can read the file or own it, its format is unknown, or a restore into
            this
            home didn't finish.
    """
    credentials = _load(home / FILE_NAME)
    if credentials is None and (home / RESTORING_NAME).exists():
        raise Unavailable(
            f"A restore into {home} did not finish.",
            hint="Run it again: sb restore FILE. To start empty instead, delete that folder.",
        )
    return credentials


def load_restoring(home: Path) -> Credentials | None:
    """Return the credentials of an unfinished restore, or None if there is none.

    Raises:
        Unavailable: as for ``load_credentials``.
    """
    return None if (home / FILE_NAME).exists() else _load(home / RESTORING_NAME)


def _load(path: Path) -> Credentials | None:
    text = read_private(path, "passwords")
    if text is None:
        return None
    try:
        return Credentials(**json.loads(text))
    except (ValueError, TypeError):
        raise Unavailable(
            f"{path} is damaged.", hint="Restore it from a backup: sb restore FILE."
        ) from None


def save_credentials(home: Path, credentials: Credentials) -> None:
    """Write the file whole or not at all, with mode 0600."""
    _save(home, FILE_NAME, credentials)


def set_restoring(home: Path, credentials: Credentials) -> None:
    """Close ``home`` to everything except a restore with these credentials."""
    _save(home, RESTORING_NAME, credentials)
    (home / FILE_NAME).unlink(missing_ok=True)
    sync_folder(home)


def set_restored(home: Path) -> None:
    """Reopen ``home`` after a restore."""
    if not (home / FILE_NAME).exists():
        (home / RESTORING_NAME).rename(home / FILE_NAME)
        sync_folder(home)


def _save(home: Path, name: str, credentials: Credentials) -> None:
    write_private(home / name, json.dumps(asdict(credentials), indent=2))
