"""Open the installation's database: start the embedded server, or connect to your own."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import structlog

from discreet.domain.errors import Unavailable
from discreet.postgres.bootstrap import initialise
from discreet.postgres.changed_schema import refuse_changes
from discreet.postgres.credentials import (
    Credentials,
    load_credentials,
    new_credentials,
    save_credentials,
)
from discreet.postgres.database_errors import outage_of, why_not_connected
from discreet.postgres.embedded import Progress, embedded_server, has_cluster
from discreet.postgres.folders import make_layout
from discreet.postgres.migrate import is_current, read_migrations
from discreet.postgres.pooler import refuse_transaction_pooling
from discreet.postgres.role_changes import any_login, describe_changes, reset_own_settings
from discreet.postgres.roles import ADMIN_ROLE, LOGIN_ROLES, check_roles
from discreet.postgres.session_defaults import limits_of_roles
from discreet.settings import Settings

__all__ = ["Database", "check_external", "check_schema", "open_database", "opened_database"]

log = structlog.get_logger(__name__)

RESET_HINT = (
    "If settings or passwords of its roles were changed, its admin can reset them: "
    "sb db init --reset-roles --admin-url postgresql://..."
)


@dataclass(frozen=True, slots=True)
class Database:
    """A database that is migrated, checked and reachable while it is open.

    ``remarks``: what was reset when it was opened, and what may end connections later.
    """

    credentials: Credentials
    remarks: tuple[str, ...] = ()

    @property
    def ticket_key(self) -> bytes:
        """The 32-byte key that signs tickets."""
        return bytes.fromhex(self.credentials.ticket_key)

    @property
    def sealing_key(self) -> bytes:
        """The 32-byte key that encrypts secrets in the database."""
        return self.credentials.sealing_key

    def conninfo(self, role: str) -> str:
        """Return a libpq connection string for one of ``LOGIN_ROLES``."""
        return self.credentials.conninfo(role)


@asynccontextmanager
async def open_database(
    settings: Settings, progress: Progress = lambda _: None
) -> AsyncIterator[Database]:
    """Open the database of ``settings.home``; create and migrate it if it is the embedded one.

    ``progress`` may be called from another thread.

    Raises:
        Unavailable: it can't be created, started, reached or trusted; a server of your own must
            first
            be migrated by its admin.
    """
    opened = opened_database(settings.home, progress)
    database = await asyncio.to_thread(opened.__enter__)
    try:
        yield database
    finally:
        opened.__exit__(None, None, None)


@contextmanager
def opened_database(home: Path, progress: Progress = lambda _: None) -> Iterator[Database]:
    """Open the database like ``open_database``, for a program without an event loop."""
    credentials = load_credentials(home) or _first_credentials(home)
    if not credentials.embedded:
        yield Database(credentials, check_external(credentials, progress))
        return
    with embedded_server(home, credentials.passwords[ADMIN_ROLE], progress=progress) as sockets:
        credentials = replace(credentials, host=str(sockets))
        yield Database(credentials, _bring_up_to_date(credentials, progress))


def _first_credentials(home: Path) -> Credentials:
    """Create credentials. If several processes start at the same time, one creates them."""
    make_layout(home)
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        credentials = load_credentials(home)
        if credentials is not None:
            return credentials
        if has_cluster(home):
            raise Unavailable(
                f"There is a database in {home}, but its passwords are missing (credentials.json).",
                hint="Restore that file, or restore a backup into another home: sb restore FILE.",
            )
        credentials = new_credentials(embedded=True)
        save_credentials(home, credentials)
        return credentials
    finally:
        os.close(folder)


def _bring_up_to_date(credentials: Credentials, progress: Progress) -> tuple[str, ...]:
    """Migrate the embedded database, and reset what was changed. Return what was reset."""
    news = "Migrating the database."
    changes: list[str] = []
    try:
        with psycopg.connect(credentials.conninfo("discreet_worker"), autocommit=True) as conn:
            if is_current(conn, read_migrations()):
                changes = [*describe_changes(conn, credentials), *_limits(conn, credentials)]
                if not changes:
                    check_roles(conn, credentials.installation)
                    return ()
                news = f"Resetting what was changed in the database: {'; '.join(changes)}."
                log.warning("roles_were_changed", changes=changes)
    except psycopg.OperationalError as error:
        # There is no database yet; if the cause is another, the admin's connection reports it.
        if (outage := outage_of(error)) is not None:
            raise outage from error
    progress(news)
    initialise(credentials.conninfo(ADMIN_ROLE, dbname="postgres"), credentials)
    try:
        with psycopg.connect(credentials.conninfo("discreet_worker"), autocommit=True) as conn:
            _refuse_changes(conn, credentials)
            check_roles(conn, credentials.installation)
    except psycopg.OperationalError as error:
        raise why_not_connected(error, "this machine") from error
    return tuple(f"Reset: {one}" for one in changes)


def check_external(
    credentials: Credentials, progress: Progress = lambda _: None
) -> tuple[str, ...]:
    """Refuse a server of your own that can't be reached, isn't migrated or can't be trusted.

    Return what was reset, and what limits the roles.

    Raises:
        Unavailable: says what is wrong.
    """
    place = ", ".join(credentials.places)
    try:
        with any_login(credentials) as conn:
            refuse_transaction_pooling(conn, credentials)
            put_right = reset_own_settings(conn, credentials)
            if put_right:
                progress(f"Reset what was changed in the database: {'; '.join(put_right)}.")
                log.warning("roles_were_changed", changes=put_right)
            _refuse_changes(conn, credentials)
            limits = _limits(conn, credentials)
        with psycopg.connect(credentials.conninfo("discreet_worker"), autocommit=True) as conn:
            if not is_current(conn, read_migrations()):
                raise Unavailable(
                    f"The database on {place} isn't migrated to this version.",
                    hint="Ask its admin to run: sb db migrate --admin-url postgresql://...",
                )
            check_roles(conn, credentials.installation)
    except psycopg.OperationalError as error:
        raise why_not_connected(error, place, if_refused=RESET_HINT) from error
    return (*(f"Reset: {one}" for one in put_right), *(f"Note: {one}" for one in limits))


def check_schema(database: Database, progress: Progress = lambda _: None) -> tuple[str, ...]:
    """Refuse a database whose policies, rights, triggers or functions were changed.

    The embedded server restores its functions first. Return the changes that don't matter.

    Raises:
        Unavailable: it lists what was changed.
    """
    credentials = database.credentials

    def restore(changed: str) -> None:
        progress(f"Restoring what was changed in the database: {changed}.")
        log.warning("schema_was_changed", changes=changed)
        initialise(credentials.conninfo(ADMIN_ROLE, dbname="postgres"), credentials)

    with psycopg.connect(database.conninfo("discreet_worker"), autocommit=True) as conn:
        found = refuse_changes(
            conn, credentials.installation, restore if credentials.embedded else None
        )
    return tuple(f"Note: {line}" for line in found.others)


def _limits(conn: psycopg.Connection[Any], credentials: Credentials) -> list[str]:
    return limits_of_roles(conn, list(map(credentials.login, LOGIN_ROLES)), credentials.dbname)


def _refuse_changes(conn: psycopg.Connection[Any], credentials: Credentials) -> None:
    changes = describe_changes(conn, credentials)
    if changes:
        raise Unavailable(
            f"A login of the database was changed: {'; '.join(changes)}.",
            hint=RESET_HINT,
        )
