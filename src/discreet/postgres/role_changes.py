"""Find and reset changes that a login role made to itself: settings and password.

PostgreSQL lets every role change both, for all later connections, and this can't be forbidden. So
both are compared with the expected values whenever the database is opened.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from discreet.postgres.credentials import Credentials
from discreet.postgres.database_errors import is_wrong_password, reason_of, server_refused
from discreet.postgres.roles import LOGIN_ROLES, ROLE_SETTINGS
from discreet.postgres.session_defaults import unsuitable_defaults

__all__ = [
    "ChangedSetting",
    "any_login",
    "changed_settings",
    "describe_changes",
    "reset_own_settings",
    "reset_settings",
]

# Tuning a database is its admin's business and changes no result. Any other setting of a database
# affects all our roles and isn't one of the declared ones.
CHANGED = """
WITH stored AS (
  SELECT s.setdatabase, s.setrole, split_part(c, '=', 1) AS name,
         substr(c, strpos(c, '=') + 1) AS value
    FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c
   WHERE s.setdatabase = 0
      OR s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = %(dbname)s)
), declared AS (
  SELECT * FROM unnest(%(roles)s::text[], %(names)s::text[], %(values)s::text[])
    AS d (role, name, value)
)
SELECT r.rolname, s.setdatabase <> 0, s.name, d.value
  FROM stored s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
  LEFT JOIN declared d ON d.role = r.rolname AND d.name = s.name
 WHERE r.rolname = ANY (%(login)s)
   AND (s.setdatabase <> 0 OR d.value IS DISTINCT FROM s.value)
UNION ALL
SELECT r.rolname, false, d.name, d.value
  FROM declared d JOIN pg_catalog.pg_roles r ON r.rolname = d.role
 WHERE NOT EXISTS (SELECT FROM stored s
                    WHERE s.setrole = r.oid AND s.setdatabase = 0 AND s.name = d.name)
UNION ALL
SELECT NULL, true, s.name, NULL
  FROM stored s
 WHERE s.setrole = 0 AND s.setdatabase <> 0 AND NOT EXISTS (
   SELECT FROM pg_catalog.pg_settings p
    WHERE p.name = s.name AND p.category ~ '^(Query Tuning|Resource Usage)')
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """A setting of a role, or of the database if ``role`` is None, that isn't as declared.

    The role has its name on the server. ``in_database``: it applies only to connections to our
    database. ``wanted``: the declared value, or None if there is none.
    """

    role: str | None
    in_database: bool
    name: str
    wanted: str | None

    def __str__(self) -> str:
        whose = f"role {self.role}" if self.role else "database"
        where = " in the database" if self.role and self.in_database else ""
        return f"the {whose} has a different setting of {self.name}{where}"


def changed_settings(
    conn: psycopg.Connection[Any], credentials: Credentials
) -> list[ChangedSetting]:
    """Return the stored settings that differ from ``ROLE_SETTINGS``. Any role may call this."""
    declared = [
        (credentials.login(role), name, value)
        for role, settings in ROLE_SETTINGS.items()
        for name, value in settings.items()
    ]
    rows = conn.execute(
        CHANGED,
        {
            "dbname": credentials.dbname,
            "login": [credentials.login(role) for role in LOGIN_ROLES],
            "roles": [role for role, _, _ in declared],
            "names": [name for _, name, _ in declared],
            "values": [value for _, _, value in declared],
        },
    )
    return [ChangedSetting(*row) for row in rows]


def describe_changes(conn: psycopg.Connection[Any], credentials: Credentials) -> list[str]:
    """Return a line for each changed setting, and for each role that can't log in because of one.

    Others are for defaults of the server that our roles can't work with.

    Raises:
        psycopg.OperationalError: a role gets no connection for another reason, such as a server
            that is stopping or has no connections left. Whether its password was changed is then
            unknown.
    """
    changed = changed_settings(conn, credentials)
    lines = [str(one) for one in changed]
    named = {one.name for one in changed}
    defaults: dict[str, None] = {}
    for role in LOGIN_ROLES:
        login = credentials.login(role)
        try:
            with psycopg.connect(credentials.conninfo(role), autocommit=True) as own:
                defaults.update(dict.fromkeys(unsuitable_defaults(own, without=named)))
        except psycopg.OperationalError as error:
            has_changes = any(one.role in (login, None) for one in changed)
            if not is_wrong_password(error) and not (has_changes and server_refused(error)):
                raise
            lines.append(f"the role {login} can't log in ({reason_of(error)})")
    return [*lines, *defaults]


def any_login(credentials: Credentials) -> psycopg.Connection[Any]:
    """Return a connection of the first login role that gets one, for reading the catalogue.

    Raises:
        psycopg.OperationalError: none gets one: the server can't be reached, or knows none of them.
    """
    first: psycopg.OperationalError | None = None
    for role in reversed(LOGIN_ROLES):  # the worker first: a sender's role is more likely to fail
        try:
            return psycopg.connect(credentials.conninfo(role), autocommit=True)
        except psycopg.OperationalError as error:
            first = first or error
    assert first is not None  # noqa: S101 - there are roles, and none got a connection
    raise first


def reset_settings(conn: psycopg.Connection[Any], credentials: Credentials) -> None:
    """Reset every role and the database to the declared settings, as an admin.

    What is set for all roles of a server of your own may be meant for other databases, and stays.

    Raises:
        psycopg.errors.InsufficientPrivilege: the admin didn't create the roles or the database.
    """
    for changed in changed_settings(conn, credentials):
        _reset(conn, credentials.dbname, changed)
    if credentials.embedded:
        conn.execute("ALTER ROLE ALL RESET ALL")


def reset_own_settings(conn: psycopg.Connection[Any], credentials: Credentials) -> list[str]:
    """Let each role reset its own settings, and return a line for each; for when there is no admin.

    Settings that a role may not reset stay. ``conn`` reads the catalogue. A role's own connection
    starts with the server's values instead of the stored ones, which may prevent it from working at
    all.
    """
    done: list[str] = []
    all_changed = changed_settings(conn, credentials)
    for role in sorted(LOGIN_ROLES):
        changed = [one for one in all_changed if one.role == credentials.login(role)]
        if not changed:
            continue
        names = [one.name for one in changed]
        rows = conn.execute(
            "SELECT name, boot_val FROM pg_catalog.pg_settings WHERE name = ANY (%s)", [names]
        )
        options = " ".join(f"-c {name}={_escaped(value or '')}" for name, value in rows)
        conninfo = make_conninfo(credentials.conninfo(role), options=options)
        with suppress(psycopg.Error), psycopg.connect(conninfo, autocommit=True) as own:
            for one in changed:
                _reset(own, credentials.dbname, one)
                done.append(str(one))
    return done


def _escaped(value: str) -> str:
    """Escape a value for libpq's ``options``, where a space ends an argument."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _reset(conn: psycopg.Connection[Any], dbname: str, changed: ChangedSetting) -> None:
    database = sql.SQL("DATABASE {}").format(sql.Identifier(dbname))
    if changed.role is None:
        whose = database
    else:
        whose = sql.SQL("ROLE {}").format(sql.Identifier(changed.role))
        if changed.in_database:
            whose = sql.SQL("{} IN {}").format(whose, database)
    name = sql.Identifier(changed.name)
    if changed.wanted is None or changed.in_database:
        conn.execute(sql.SQL("ALTER {} RESET {}").format(whose, name))
        return
    # The items of a list (a search path) are passed one by one; one literal would be one name.
    items = sql.SQL(", ").join(map(sql.Literal, changed.wanted.split(", ")))
    conn.execute(sql.SQL("ALTER {} SET {} TO {}").format(whose, name, items))
