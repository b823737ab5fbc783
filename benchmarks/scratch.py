"""A server of its own for a benchmark: as durable as a real one, thrown away afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from statistics import quantiles
from typing import get_args

import psycopg

from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database, open_database
from discreet.scope import ScopedDatabase
from discreet.scope.scopes import Role
from discreet.settings import Settings


@contextmanager
def scratch_home() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="discreet-bench-") as folder:
        yield Path(folder) / "home"


@asynccontextmanager
async def scratch_database(size: int = 8) -> AsyncIterator[tuple[Database, ScopedDatabase]]:
    """Yield a fresh database and its ScopedDatabase, with ``size`` connections of each role."""
    with scratch_home() as home:
        async with open_database(Settings(home=home), print) as database:
            db = ScopedDatabase(
                database.conninfo, database.ticket_key, dict.fromkeys(get_args(Role), size)
            )
            try:
                yield database, db
            finally:
                await db.close()


def data_folder(database: Database) -> str:
    """Return the data folder of a database's server."""
    with psycopg.connect(database.conninfo(ADMIN_ROLE)) as admin:
        row = admin.execute("SHOW data_directory").fetchone()
    assert row is not None
    return str(row[0])


def cpu_of_postgres(home_of: str) -> float:
    """Seconds of processor that the server of a data folder and its backends have used so far."""
    parents, spent = {}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            number = int(entry.parent.name)
            parents[number] = int(fields[1])
            # What its ended children used is counted with a process.
            spent[number] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    postmaster = int((Path(home_of) / "postmaster.pid").read_text().split()[0])
    return sum(
        seconds for number, seconds in spent.items() if postmaster in (number, parents[number])
    )


def p50_p95(seconds: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    cuts = quantiles(seconds, n=20)
    return cuts[9], cuts[18]
