"""A temporary server with as many databases as needed."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from discreet.postgres.bootstrap import prepare_database, prepare_roles
from discreet.postgres.credentials import Credentials, new_credentials
from discreet.postgres.embedded import embedded_server
from discreet.postgres.folders import make_layout
from discreet.postgres.migrate import read_migrations
from discreet.postgres.roles import ADMIN_ROLE
from tests.schema.sources import whole_schema


@dataclass(frozen=True, slots=True)
class Server:
    """Where databases are created; ``admin``: an admin's conninfo to any of its databases."""

    admin: str
    credentials: Credentials

    def named(self, dbname: str) -> Credentials:
        """Return the same for another database, which need not exist."""
        return replace(self.credentials, dbname=dbname)

    def inside(self, dbname: str) -> str:
        """Return an admin's conninfo of a database."""
        return psycopg.conninfo.make_conninfo(self.admin, dbname=dbname)

    def from_migrations(self, dbname: str) -> str:
        """Create a database as the program does; return an admin's conninfo of it."""
        prepare_database(self.admin, self.named(dbname), read_migrations())
        return self.inside(dbname)

    def from_sources(self, dbname: str) -> str:
        """Create a database from ``tables/`` and ``functions/``."""
        prepare_database(self.admin, self.named(dbname), [])
        with psycopg.connect(self.inside(dbname), autocommit=True) as conn, conn.transaction():
            conn.execute("SET LOCAL check_function_bodies = off")
            conn.execute(whole_schema().encode())
        return self.inside(dbname)

    def from_dump(self, dbname: str, file: Path) -> str:
        """Create a database from a dump of ``tests/schema/versions``."""
        with psycopg.connect(self.admin, autocommit=True) as conn:
            words = "CREATE DATABASE {} TEMPLATE template0 LOCALE_PROVIDER builtin"
            words += " BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
            conn.execute(sql.SQL(words).format(sql.Identifier(dbname)))  # type: ignore[arg-type]
        text = gzip.decompress(file.read_bytes()).decode()
        with psycopg.connect(self.inside(dbname), autocommit=True) as conn:
            conn.execute(text.encode())
        return self.inside(dbname)

    def drop(self, dbname: str) -> None:
        """Drop a database even if it is in use."""
        with psycopg.connect(self.admin, autocommit=True) as conn:
            words = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            conn.execute(words.format(sql.Identifier(dbname)))


@contextmanager
def scratch_server() -> Iterator[Server]:
    """Yield an embedded server with the roles, in a folder that is removed."""
    with tempfile.TemporaryDirectory(prefix="discreet-schema-") as folder:
        home = Path(folder)
        make_layout(home)
        credentials = new_credentials(embedded=True, dbname="scratch")
        password = credentials.passwords[ADMIN_ROLE]
        with embedded_server(home, password, durable=False, grace_seconds=0) as sockets:
            credentials = replace(credentials, host=str(sockets))
            admin = credentials.conninfo(ADMIN_ROLE, dbname="postgres")
            prepare_roles(admin, credentials)
            yield Server(admin, credentials)
