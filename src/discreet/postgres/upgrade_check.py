"""Compare the database of a home with this program, without changing either."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from discreet.domain.errors import NotFound, Unavailable
from discreet.postgres.credentials import Credentials, load_credentials
from discreet.postgres.database_errors import outage_of
from discreet.postgres.embedded import embedded_server
from discreet.postgres.migrate import APPLIED, read_migrations
from discreet.postgres.role_changes import any_login
from discreet.postgres.roles import ADMIN_ROLE

__all__ = ["UpgradeCheck", "check_upgrade"]


@dataclass(frozen=True, slots=True)
class UpgradeCheck:
    """How the database and this program fit.

    Attributes:
        version: Of this program.
        postgres: Version of the server.
        embedded: Whether the server is the embedded one, which is migrated when it starts.
        schema: The newest migration that the database has; empty if it has none.
        pending: Migrations that this program would apply, in order.
        functions: How many files of functions it would apply again.
        unknown: Migrations of the database that this program doesn't know: it is too old.
    """

    version: str
    postgres: str
    embedded: bool
    schema: str
    pending: tuple[str, ...]
    functions: int
    unknown: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        return not (self.pending or self.functions or self.unknown)


def check_upgrade(home: Path) -> UpgradeCheck:
    """Read which migrations the database has. Starts the embedded server if it doesn't run.

    Raises:
        NotFound: there is no installation in ``home``.
        Unavailable: the database can't be reached, or has files of another major version.
    """
    credentials = load_credentials(home)
    if credentials is None:
        raise NotFound(f"There is no installation in {home} yet.", hint="Start one: sb serve")
    with _reached(home, credentials) as conn:
        try:
            applied: dict[str, str] = dict(conn.execute(APPLIED).fetchall())
        except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
            applied = {}
        postgres = conn.info.parameter_status("server_version") or ""
    known = read_migrations()
    of_tables = [one.name for one in known if not one.repeatable]
    made = sorted(name for name in applied if "/" not in name)
    return UpgradeCheck(
        version=version("discreet"),
        postgres=postgres,
        embedded=credentials.embedded,
        schema=made[-1] if made else "",
        pending=tuple(name for name in of_tables if name not in applied),
        functions=sum(one.repeatable and applied.get(one.name) != one.checksum for one in known),
        unknown=tuple(name for name in made if name not in of_tables),
    )


@contextmanager
def _reached(home: Path, credentials: Credentials) -> Iterator[psycopg.Connection[Any]]:
    try:
        if credentials.embedded:
            with embedded_server(home, credentials.passwords[ADMIN_ROLE]) as sockets:
                credentials = replace(credentials, host=str(sockets))
                with any_login(credentials) as conn:
                    yield conn
        else:
            with any_login(credentials) as conn:
                yield conn
    except psycopg.OperationalError as error:
        if (outage := outage_of(error)) is not None:
            raise outage from error
        raise Unavailable(
            f"The database can't be reached: {str(error).splitlines()[0]}.", hint="See: sb status"
        ) from error
