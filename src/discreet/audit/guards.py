"""Check the guards of a database: roles, their settings and rights, policies, functions."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from discreet.audit.findings import Finding
from discreet.audit.rights import open_rights
from discreet.domain.errors import Unavailable
from discreet.postgres.role_changes import describe_changes
from discreet.postgres.roles import check_roles
from discreet.postgres.schema_state import differences, expected_state, read_state
from discreet.postgres.server import Database

__all__ = ["check_guards"]

SENDERS = ("discreet_contact", "discreet_shared")
_SHOWN = 40
_AGAIN = "Restore it: sb db migrate with the admin's URL, or a backup; then find out who did it."


def check_guards(database: Database) -> Iterator[Finding]:
    """Yield the differences from this version. Reads the catalogue only."""
    credentials = database.credentials
    with psycopg.connect(database.conninfo("discreet_worker"), autocommit=True) as conn:
        try:
            check_roles(conn, credentials.installation)
        except Unavailable as error:
            yield Finding("roles", "leak", error.message, "database roles", error.hint)
        for line in describe_changes(conn, credentials):
            yield Finding(
                "role-changed", "leak", f"{line[0].upper()}{line[1:]}.", "database roles",
                "Start the server again, or: sb db init --reset-roles --admin-url ...",
            )  # fmt: skip
        changed = differences(read_state(conn, credentials.installation), expected_state())
    for line in changed[:_SHOWN]:
        yield Finding("schema", "leak", f"The database was changed: {line}.", line, _AGAIN)
    if len(changed) > _SHOWN:
        yield Finding("schema", "leak", f"{len(changed) - _SHOWN} more differences.", "", _AGAIN)
    for role in SENDERS:
        with psycopg.connect(database.conninfo(role), autocommit=True) as conn:
            for line in open_rights(conn):
                yield Finding("rights", "leak", f"{line}.", role, _AGAIN)
