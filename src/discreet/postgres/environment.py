"""The environment variables of libpq, and which of them are honoured.

libpq uses these variables for every option that a connection string leaves open. A string can't
override
some of them (PGDATESTYLE, PGTZ, PGGEQO, PGSERVICE), so they are removed from the process.
"""

from __future__ import annotations

import os
from functools import cache

from psycopg import pq

__all__ = ["honoured_variables", "ignore_libpq_variables", "variable_of_option"]

WITHOUT_OPTION = frozenset(
    {
        "PGDATESTYLE",
        "PGGEQO",
        "PGLOCALEDIR",
        "PGOAUTHDEBUG",
        "PGREQUIRESSL",
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGSYSCONFDIR",
        "PGTZ",
    }
)
"""Variables that libpq reads but that have no connection option."""

HONOURED = frozenset(
    {
        "PGCHANNELBINDING",
        "PGPASSFILE",
        "PGPASSWORD",
        "PGSSLCERT",
        "PGSSLCERTMODE",
        "PGSSLCRL",
        "PGSSLCRLDIR",
        "PGSSLKEY",
        "PGSSLMAXPROTOCOLVERSION",
        "PGSSLMINPROTOCOLVERSION",
        "PGSSLMODE",
        "PGSSLNEGOTIATION",
        "PGSSLROOTCERT",
        "PGSSLSNI",
    }
)
"""The variables that apply to a server of your own: how TLS is done, and an admin's password that
the URL leaves out. Never the server's location or the state of a session.
"""


@cache
def variable_of_option() -> dict[str, str]:
    """Return the variable of each connection option of the installed libpq."""
    return {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar
    }


def ignore_libpq_variables(*, embedded: bool) -> None:
    """Remove libpq's variables from this process, except the honoured ones.

    Call it before using a connection string. None is honoured for the embedded server.
    """
    ignored = WITHOUT_OPTION.union(variable_of_option().values())
    for name in ignored if embedded else ignored - HONOURED:
        os.environ.pop(name, None)


def honoured_variables(*, tls: bool = True) -> dict[str, str]:
    """Return the variables that a child process needs to connect to a server of your own.

    ``tls``: it does TLS by itself.
    """
    names = HONOURED if tls else HONOURED & {"PGPASSFILE", "PGPASSWORD"}
    return {name: os.environ[name] for name in {*names, "HOME"} if name in os.environ}
