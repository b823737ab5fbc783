"""The database roles, and the check that none has more rights than it should.

They have the names of the default installation here (``installation.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from discreet.domain.errors import Unavailable
from discreet.postgres.installation import in_installation

__all__ = [
    "ADMIN_ROLE",
    "GATE_ROLE",
    "LOGIN_ROLES",
    "ROLES",
    "ROLE_SETTINGS",
    "SCHEMA_ROLE",
    "check_roles",
    "create_roles",
    "existing_roles",
]

ADMIN_ROLE = "discreet_admin"
"""The superuser of the embedded server. A server of your own has no such role."""

LOGIN_ROLES = (
    "discreet_contact",
    "discreet_shared",
    "discreet_owner",
    "discreet_intake",
    "discreet_worker",
)
SCHEMA_ROLE = "discreet_schema"
GATE_ROLE = "discreet_gate"
NOLOGIN_ROLES = (SCHEMA_ROLE, GATE_ROLE)
ROLES = (*LOGIN_ROLES, *NOLOGIN_ROLES)

_TIMEOUTS = {
    "statement_timeout": "60s",
    # A process that hangs (stopped, swapped out) in a transaction keeps its locks no longer than
    # this; another server takes over within fifteen seconds.
    "idle_in_transaction_session_timeout": "10s",
    # The server doesn't count a session as idle while it waits for the rest of a message or of a
    # pipeline, so a process that hangs there is ended by this limit.
    "transaction_timeout": "120s",
}
ROLE_SETTINGS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(LOGIN_ROLES, _TIMEOUTS),
    # The queue's statements are procrastinate's and don't name their schema.
    "discreet_worker": {**_TIMEOUTS, "search_path": "queue"},
}
"""The exact settings of each login role (``ALTER ROLE ... SET``): role, setting, value.

The value is written as in the catalogue (``pg_db_role_setting``), list items separated by a comma
and a space. ``role_changes.py`` applies and compares them. They belong to the role rather than the
connection because pgbouncer accepts no settings from clients. No transaction stays open during a
model or network call, so the timeouts affect only processes that hang.
"""

LIMITS = sql.SQL("NOINHERIT NOCREATEDB NOCREATEROLE")  # the others are off unless added


def existing_roles(conn: psycopg.Connection[Any], installation: str) -> set[str]:
    """Return which of ``ROLES`` exist on this server."""
    known = {name for (name,) in conn.execute("SELECT rolname FROM pg_catalog.pg_roles")}
    return {role for role in ROLES if in_installation(role, installation) in known}


def create_roles(
    conn: psycopg.Connection[Any], passwords: Mapping[str, str], installation: str
) -> None:
    """Create the missing roles and give each login role its password.

    An admin who isn't a superuser becomes a member of the two owner roles, to act as them.

    Raises:
        psycopg.errors.InsufficientPrivilege: the admin is neither superuser nor has CREATEROLE.
    """
    known = existing_roles(conn, installation)
    admin = conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    for role in NOLOGIN_ROLES:
        name = sql.Identifier(in_installation(role, installation))
        if role not in known:
            conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN {}").format(name, LIMITS))
        if admin != (True,):
            grant = sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE")
            conn.execute(grant.format(name))
    for role in LOGIN_ROLES:
        verb = sql.SQL("ALTER ROLE" if role in known else "CREATE ROLE")
        login = in_installation(role, installation)
        secret = sql.Literal(_secret(conn, login, passwords[role]))
        name = sql.Identifier(login)
        conn.execute(
            sql.SQL("{} {} LOGIN {} PASSWORD {} VALID UNTIL 'infinity' CONNECTION LIMIT -1").format(
                verb, name, LIMITS, secret
            )
        )


def _secret(conn: psycopg.Connection[Any], login: str, password: str) -> str:
    """Return the SCRAM verifier of a password, computed here so that the server never sees it."""
    made = conn.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
    return made.decode()


CHECK = """
WITH ours AS (
  SELECT r.*, r.rolname = ANY(%(login)s) AS logs_in
    FROM pg_catalog.pg_roles r WHERE r.rolname = ANY(%(login)s) OR r.rolname = ANY(%(nologin)s)
)
SELECT format('the role %%s is missing', wanted)
  FROM unnest(%(login)s::text[] || %(nologin)s::text[]) AS wanted
 WHERE NOT EXISTS (SELECT FROM ours WHERE rolname = wanted)
UNION ALL
SELECT format('%%s is a superuser', rolname) FROM ours WHERE rolsuper
UNION ALL
SELECT format('%%s has BYPASSRLS', rolname) FROM ours WHERE rolbypassrls
UNION ALL
SELECT format('%%s has CREATEROLE, CREATEDB or REPLICATION', rolname) FROM ours
 WHERE rolcreaterole OR rolcreatedb OR rolreplication
UNION ALL
SELECT format('%%s can log in', rolname) FROM ours WHERE NOT logs_in AND rolcanlogin
UNION ALL
SELECT format('%%s is a member of %%s', o.rolname, m.roleid::regrole)
  FROM ours o JOIN pg_catalog.pg_auth_members m ON m.member = o.oid
UNION ALL
-- Whoever may create roles is made ADMIN of those he creates; that alone acts for nobody.
SELECT format('%%s is a member of %%s', m.member::regrole, o.rolname)
  FROM ours o JOIN pg_catalog.pg_auth_members m ON m.roleid = o.oid
 WHERE o.logs_in AND (m.inherit_option OR m.set_option)
UNION ALL
SELECT format('%%s owns something in the database', o.rolname)
  FROM ours o
 WHERE o.logs_in AND EXISTS (
   SELECT FROM pg_catalog.pg_shdepend d
    WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = o.oid
      AND d.deptype = 'o'
      -- A role may set privileges for what it will create; it can create nothing.
      AND d.classid <> 'pg_catalog.pg_default_acl'::regclass
      AND d.dbid IN (0, (SELECT oid FROM pg_catalog.pg_database
                          WHERE datname = pg_catalog.current_database())))
UNION ALL
SELECT format('%%s may create objects in the database', o.rolname)
  FROM ours o
 WHERE o.logs_in AND (
   has_database_privilege(o.oid, current_database(), 'CREATE, TEMP')
   OR EXISTS (SELECT FROM pg_catalog.pg_namespace n
               WHERE has_schema_privilege(o.oid, n.oid, 'CREATE')))
UNION ALL
SELECT format('row-level security is not enabled and forced on %%s', c.oid::regclass)
  FROM pg_catalog.pg_class c
 WHERE c.relnamespace = to_regnamespace('discreet') AND c.relkind IN ('r', 'p')
   AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
"""


def check_roles(conn: psycopg.Connection[Any], installation: str) -> None:
    """Refuse a database whose roles could bypass row-level security. Any role may call this.

    Raises:
        Unavailable: lists everything that is wrong.
    """
    wrong = [
        line
        for (line,) in conn.execute(
            CHECK,
            {
                "login": [in_installation(role, installation) for role in LOGIN_ROLES],
                "nologin": [in_installation(role, installation) for role in NOLOGIN_ROLES],
            },
        )
    ]
    if wrong:
        raise Unavailable(
            f"The database does not isolate contacts: {'; '.join(sorted(wrong))}.",
            hint="The server doesn't start until this is fixed. "
            "On a server of your own: sb db init --admin-url ...",
        )
