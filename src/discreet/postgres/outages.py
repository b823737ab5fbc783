"""Explain why a reachable database can't serve: a full disk, or no free connections."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg

from discreet.domain.errors import Unavailable
from discreet.postgres.credentials import load_credentials
from discreet.postgres.database_errors import outage_of
from discreet.postgres.folders import Layout, socket_folder
from discreet.postgres.roles import ADMIN_ROLE

__all__ = [
    "connections_held",
    "why_unreachable",
]

PROBE_SECONDS = 2
"""Seconds to wait for the server's reason for refusing a connection."""

RESERVED_TRIES, RESERVED_WAIT_SECONDS = 20, 0.1

_HELD = """
SELECT coalesce(nullif(application_name, ''), usename), count(*) FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
 GROUP BY 1 ORDER BY 2 DESC, 1
"""


def why_unreachable(conninfo: str) -> Unavailable | None:
    """Ask the server why it refuses connections; None if it accepts one. Blocks for up to 2 s."""
    try:
        psycopg.connect(conninfo, connect_timeout=PROBE_SECONDS).close()
    except psycopg.OperationalError as error:
        return outage_of(error) or Unavailable(
            "The database can't be reached.", hint="Is it running? Try again."
        )
    return None


def connections_held(home: Path) -> list[tuple[str, int]]:
    """Return the number of connections held per program, most first, of the embedded server.

    PostgreSQL reserves three connections for its superuser; this uses one of them. The list is
    empty for a server of your own, whose superuser isn't known, and if nothing answers.
    """
    credentials = load_credentials(home)
    if credentials is None or not credentials.embedded:
        return []
    sockets = socket_folder(Layout(home), make=False)
    if sockets is None:
        return []
    conninfo = replace(credentials, host=str(sockets)).conninfo(ADMIN_ROLE)
    for _ in range(RESERVED_TRIES):
        # Connections about to be refused briefly occupy these three too.
        with (
            suppress(psycopg.Error),
            psycopg.connect(conninfo, connect_timeout=PROBE_SECONDS) as connection,
        ):
            return connection.execute(_HELD).fetchall()
        time.sleep(RESERVED_WAIT_SECONDS)
    return []
