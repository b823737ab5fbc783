"""The workspace: one server with a migrated database, and a copy of the checkout per process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from discreet.postgres.bootstrap import prepare_database, prepare_roles
from discreet.postgres.credentials import Credentials, new_credentials, save_credentials
from discreet.postgres.embedded import embedded_server
from discreet.postgres.folders import make_layout
from discreet.postgres.migrate import read_migrations
from discreet.postgres.roles import ADMIN_ROLE
from tests.mutation.mutant import ROOT, Mutant, mutated

COPIED = ("src", "tests", "docs", "scripts", "pyproject.toml", "README.md")


@dataclass(frozen=True, slots=True)
class Workspace:
    """``credentials`` are for the database migrated without mutations."""

    folder: Path
    credentials: Credentials
    admin_conninfo: str

    def admin(self, dbname: str) -> psycopg.Connection[Any]:
        """Return an autocommit connection of the admin."""
        return psycopg.connect(make_conninfo(self.admin_conninfo, dbname=dbname), autocommit=True)

    def lane(self, number: int) -> Path:
        """Return a copy of the checkout in which one mutant at a time is made.

        The first is copied for the others, with the compiled files of a run in it.
        """
        lane = self.folder / f"lane{number}"
        if not lane.exists():
            original = ROOT if number == 0 else self.lane(0)
            for name in COPIED:
                if (original / name).is_dir():
                    shutil.copytree(original / name, lane / name)
                elif (original / name).exists():
                    shutil.copy2(original / name, lane / name)
        return lane

    @contextmanager
    def settled(self, mutant: Mutant | None, number: int) -> Iterator[Path]:
        """Yield the lane with this mutant applied; None: the program unchanged."""
        lane = self.lane(number)
        changed = {} if mutant is None else mutated(mutant, lane)
        kept = {path: (lane / path).read_bytes() for path in changed}
        times = {path: (lane / path).stat().st_mtime_ns for path in changed}
        try:
            for path, text in changed.items():
                (lane / path).write_text(text, encoding="utf-8")
                # A different second, or the compiled file of the original would be considered
                # current.
                os.utime(lane / path, ns=(times[path], times[path] + 10**10))
            yield lane
        finally:
            for path, data in kept.items():
                (lane / path).write_bytes(data)
                os.utime(lane / path, ns=(times[path], times[path]))

    def prepare(self, mutant: Mutant | None, number: int) -> Path:
        """Return the folder for the tests, with the credentials of a template that has the mutant.

        It runs in the mutant's process, whose migrations are mutated.
        """
        folder = self.folder / f"run{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        credentials = self.credentials
        if mutant is not None and (mutant.statements or mutant.changes_schema):
            credentials = replace(credentials, dbname=f"mutant{number}")
            self.clear(number)
            if mutant.changes_schema:
                prepare_database(self.admin_conninfo, credentials, read_migrations())
            else:
                with self.admin("postgres") as conn:
                    conn.execute(
                        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                            sql.Identifier(credentials.dbname),
                            sql.Identifier(self.credentials.dbname),
                        )
                    )
            if mutant.statements:
                with self.admin(credentials.dbname) as conn:
                    conn.execute(mutant.statements.encode())
        save_credentials(folder, credentials)
        return folder

    def clear(self, number: int) -> None:
        """Drop what a mutant may have left: its template and clones of it."""
        with self.admin("postgres") as conn:
            names = conn.execute(
                "SELECT datname FROM pg_database WHERE datname ~ %s", (f"^mutant{number}(_|$)",)
            ).fetchall()
            for (name,) in names:
                conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def open_workspace(folder: Path) -> Iterator[Workspace]:
    """Yield a workspace with a server in a folder and the unmutated database."""
    make_layout(folder)
    credentials = new_credentials(embedded=True, dbname="original")
    password = credentials.passwords[ADMIN_ROLE]
    with embedded_server(folder, password, durable=False, grace_seconds=0) as sockets:
        credentials = replace(credentials, host=str(sockets))
        admin = credentials.conninfo(ADMIN_ROLE, dbname="postgres")
        prepare_roles(admin, credentials)
        prepare_database(admin, credentials, read_migrations())
        yield Workspace(folder, credentials, admin)
