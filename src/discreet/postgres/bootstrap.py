"""Prepare an empty server: roles, database, rights, schema, ticket key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from discreet.domain.errors import Conflict, Unavailable
from discreet.domain.policy import Policy
from discreet.domain.sender_notices import sender_notices
from discreet.postgres.changed_schema import restore_functions
from discreet.postgres.credentials import Credentials
from discreet.postgres.database_errors import server_refused
from discreet.postgres.installation import in_installation
from discreet.postgres.migrate import Migration, migrate, read_migrations
from discreet.postgres.other_databases import refuse_other_database
from discreet.postgres.pooler import refuse_transaction_pooling_of_admin
from discreet.postgres.role_changes import reset_settings
from discreet.postgres.roles import GATE_ROLE, LOGIN_ROLES, create_roles, existing_roles

__all__ = ["initialise", "let_roles_connect", "prepare_database", "prepare_roles"]

MINIMUM_VERSION = 170000
"""The first version with a locale provider that sorts the same everywhere."""

LOCK = "SELECT pg_advisory_lock(hashtextextended('discreet: bootstrap', 0))"

# Functions that show what other sessions do, affect them, or leave something behind for them. They
# are revoked from everybody; on a server of your own, only those that the admin owns.
REVOKE_FUNCTIONS = """
DO $$
DECLARE
  it    regprocedure;
  locks boolean;
BEGIN
  FOR it, locks IN
    SELECT p.oid, p.proname LIKE '%advisory%' FROM pg_catalog.pg_proc p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION')
       AND p.proname ~ (
         '^(lo_.*|loread|lowrite|pg_cancel_backend|pg_terminate_backend|pg_stat_get_.*'
         '|pg_lock_status|pg_(try_)?advisory_(xact_)?lock(_shared)?|pg_export_snapshot'
         '|currtid2|pg_logical_emit_message|pg_get_multixact_members|pg_column_toast_chunk_id'
         '|pg_isolation_test_session_is_blocked|pg_(database|tablespace|relation|total_relation|table'
         '|indexes)_size)$')
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', it);
    IF locks THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO discreet_schema, discreet_gate, '
                     'discreet_worker, discreet_owner', it);
    END IF;
  END LOOP;
END $$
"""
# A second layer below the policies, if the admin is a superuser: operators that compare texts and
# other values by order aren't evaluated before a policy. Those that our own statements need for
# indexes stay leakproof: equality of texts, and the order of ids, numbers and times.
KEEP_ORDER_BEHIND_POLICIES = """
DO $$
DECLARE
  it regprocedure;
BEGIN
  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    RETURN;
  END IF;
  FOR it IN
    SELECT p.oid FROM pg_catalog.pg_proc p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proleakproof AND p.prokind = 'f'
       AND p.oid <> 'pg_catalog.texteq(text, text)'::regprocedure
       AND NOT EXISTS (
         SELECT FROM pg_catalog.pg_amop m
           JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
           JOIN pg_catalog.pg_am a ON a.oid = m.amopmethod
          WHERE o.oprcode = p.oid AND a.amname = 'btree'
            AND m.amoplefttype IN ('uuid'::regtype, 'int2'::regtype, 'int4'::regtype,
                                   'int8'::regtype, 'timestamptz'::regtype, 'bool'::regtype))
  LOOP
    EXECUTE format('ALTER FUNCTION %s NOT LEAKPROOF', it);
  END LOOP;
END $$
"""
READ_LEDGER = "GRANT SELECT ON public.schema_migrations TO discreet_worker"
REVOKE_VIEWS = ("pg_catalog.pg_stat_activity", "pg_catalog.pg_locks", "pg_stat_statements")


def initialise(admin_conninfo: str, credentials: Credentials) -> None:
    """Create the missing parts; if none is missing, only set the same passwords again.

    ``admin_conninfo`` is for a superuser, or a role with CREATEROLE and CREATEDB, and any database
    of the server.

    Raises:
        Conflict: on a server of your own the roles exist with other passwords, or the database
            belongs to another installation or program.
        Unavailable: the server can't be reached, is too old, or lacks pgvector or a privilege.
    """
    prepare_roles(admin_conninfo, credentials)
    prepare_database(admin_conninfo, credentials, read_migrations())


def prepare_roles(
    admin_conninfo: str, credentials: Credentials, *, reset_roles: bool = False
) -> None:
    """Create all roles or none. ``reset_roles`` gives existing roles new passwords.

    Raises:
        Conflict: as for ``initialise``; the roles only where ``reset_roles`` is false.
        Unavailable: as for ``initialise``.
    """
    with _admin(admin_conninfo) as conn:
        if not credentials.embedded:
            refuse_transaction_pooling_of_admin(conn, admin_conninfo, credentials)
        conn.execute(LOCK)
        _check_server(conn)
        refuse_other_database(admin_conninfo, conn, credentials, credentials.dbname)
        if not credentials.embedded and not reset_roles:
            _refuse_foreign_roles(conn, credentials)
        with conn.transaction():
            create_roles(conn, credentials.passwords, credentials.installation)


def prepare_database(
    admin_conninfo: str, credentials: Credentials, migrations: list[Migration]
) -> None:
    """Create the database, revoke public rights on it, apply the migrations, store the key.

    Raises:
        Unavailable: as for ``initialise``.
    """
    with _admin(admin_conninfo) as conn:
        conn.execute(LOCK)
        _create_database(conn, credentials.dbname)
        let_roles_connect(conn, credentials)
        reset_settings(conn, credentials)
        with _admin(make_conninfo(admin_conninfo, dbname=credentials.dbname)) as inside:
            _restrict_public(inside, credentials.installation)
            _create_extension(inside)
            named = [_named(one, credentials.installation) for one in migrations]
            migrate(inside, named)
            if named:
                restore_functions(inside, credentials.installation, named)
            inside.execute(in_installation(READ_LEDGER, credentials.installation).encode())
            _put_ticket_key(inside, credentials)
            _put_policy(inside)


def _named(migration: Migration, installation: str) -> Migration:
    """Return a migration for the roles of an installation. It keeps the file's checksum."""
    return replace(migration, text=in_installation(migration.text, installation))


@contextmanager
def _admin(conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    try:
        with psycopg.connect(conninfo, autocommit=True) as conn:
            conn.execute("SET client_encoding = 'UTF8'")  # pgbouncer may not pass the option on
            yield conn
    except psycopg.errors.InsufficientPrivilege as error:
        raise Unavailable(
            f"The admin lacks a privilege: {_first_line(error)}.",
            hint="Use the URL of a superuser, or of the role with CREATEROLE and CREATEDB "
            "that created these roles.",
        ) from error
    except psycopg.OperationalError as error:
        raise Unavailable(f"The server can't be used: {_first_line(error)}.") from error


def let_roles_connect(conn: psycopg.Connection[Any], credentials: Credentials) -> None:
    """Let only the login roles connect to their database, and let them create nothing there.

    These rights aren't copied with a template.
    """
    name = sql.Identifier(credentials.dbname)
    logins = [credentials.login(role) for role in LOGIN_ROLES]
    roles = sql.SQL(", ").join(map(sql.Identifier, logins))
    conn.execute(
        sql.SQL(
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {roles}"
        ).format(name=name, roles=roles)
    )


def _create_extension(conn: psycopg.Connection[Any]) -> None:
    command = "CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public"
    try:
        conn.execute(command)
    except psycopg.errors.InsufficientPrivilege:
        raise Unavailable(
            "Only a superuser can add pgvector to a database on this server.",
            hint=f"Ask one to run, in the database {conn.info.dbname}: {command}; then try again.",
        ) from None


def _restrict_public(conn: psycopg.Connection[Any], installation: str) -> None:
    """Revoke the rights that PostgreSQL grants to PUBLIC in a database."""
    conn.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    conn.execute(in_installation(REVOKE_FUNCTIONS, installation).encode())
    conn.execute(KEEP_ORDER_BEHIND_POLICIES)
    for view in REVOKE_VIEWS:
        with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
            name = sql.Identifier(*view.split("."))
            conn.execute(sql.SQL("REVOKE SELECT ON {} FROM PUBLIC").format(name))


def _put_ticket_key(conn: psycopg.Connection[Any], credentials: Credentials) -> None:
    """Store the key (hex) as the two pads of RFC 2104, which are enough to check a ticket."""
    if conn.execute("SELECT to_regclass('gate.secrets')").fetchone() == (None,):
        return
    key = bytes.fromhex(credentials.ticket_key).ljust(64, b"\0")
    gate = sql.Identifier(credentials.login(GATE_ROLE))
    with conn.transaction():
        conn.execute(sql.SQL("SET LOCAL ROLE {}").format(gate))
        conn.execute(
            "INSERT INTO gate.secrets (inner_pad, outer_pad) VALUES (%s, %s) ON CONFLICT (one)"
            " DO UPDATE SET inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad",
            [bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)],
        )


def _put_policy(conn: psycopg.Connection[Any]) -> None:
    """Store this version's texts, and the default policy if there is none."""
    if conn.execute("SELECT to_regclass('gate.policy')").fetchone() == (None,):
        return
    row = conn.execute("SELECT to_jsonb(p) - 'one' FROM gate.policy p").fetchone()
    policy = Policy.model_validate({} if row is None else row[0])
    conn.execute(
        "SELECT gate.configure(%s, %s)",
        [Jsonb(policy.model_dump()), Jsonb(sender_notices(policy))],
    )


def _check_server(conn: psycopg.Connection[Any]) -> None:
    if conn.info.server_version < MINIMUM_VERSION:
        raise Unavailable(
            f"The server is PostgreSQL {conn.info.server_version // 10000}; "
            f"{MINIMUM_VERSION // 10000} or newer is needed."
        )
    found = conn.execute("SELECT FROM pg_available_extensions WHERE name = 'vector'").fetchone()
    if found is None:
        raise Unavailable(
            "The server lacks the extension pgvector.",
            hint="Install it there (on Debian: postgresql-18-pgvector) and try again.",
        )


def _refuse_foreign_roles(conn: psycopg.Connection[Any], credentials: Credentials) -> None:
    """Refuse existing roles that can't log in with our passwords.

    Roles belong to the whole server: another installation, or another program, may be using them.
    All of ours are created together, so if some can't log in, they aren't ours.
    """
    found = existing_roles(conn, credentials.installation)
    for role in sorted(found & set(LOGIN_ROLES)) or sorted(found):
        if role not in LOGIN_ROLES or not _can_log_in(conn, credentials, role):
            raise Conflict(
                f"The role {credentials.login(role)} already exists on that server, and this home "
                "doesn't have its password. Another installation may be using it.",
                hint="To add an installation, give it a different name: --name NAME. If nothing "
                "uses the role any more: --reset-roles",
            )


def _can_log_in(conn: psycopg.Connection[Any], credentials: Credentials, role: str) -> bool:
    """Return whether our password lets a role in, to our database or the admin's.

    Raises:
        psycopg.OperationalError: unknown, because the server accepts no connection now.
    """
    for dbname in (credentials.dbname, conn.info.dbname):
        try:
            psycopg.connect(credentials.conninfo(role, dbname=dbname)).close()
        except psycopg.OperationalError as error:
            if not server_refused(error):
                raise
        else:
            return True
    return False


def _create_database(conn: psycopg.Connection[Any], name: str) -> None:
    if conn.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
        conn.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin"
                " BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
            ).format(sql.Identifier(name))
        )


def _first_line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error).splitlines()[0]).rstrip(".")
