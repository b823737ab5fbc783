"""The start-up check refuses roles that could bypass row-level security; PUBLIC has few rights."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres.credentials import Credentials
from discreet.postgres.installation import DEFAULT_INSTALLATION
from discreet.postgres.roles import GATE_ROLE, LOGIN_ROLES, SCHEMA_ROLE, check_roles
from discreet.postgres.server import Database

BAD = {
    "is a superuser": "ALTER ROLE discreet_contact SUPERUSER",
    "has BYPASSRLS": "ALTER ROLE discreet_owner BYPASSRLS",
    "has CREATEROLE": "ALTER ROLE discreet_worker CREATEROLE",
    "CREATEDB or": "ALTER ROLE discreet_worker CREATEDB",
    "or REPLICATION": "ALTER ROLE discreet_worker REPLICATION",
    "can log in": "ALTER ROLE discreet_gate LOGIN",
    "discreet_gate has BYPASSRLS": "ALTER ROLE discreet_gate BYPASSRLS",
    "discreet_contact is a member of discreet_owner": "GRANT discreet_owner TO discreet_contact",
    "is a member of pg_read_all_data": "GRANT pg_read_all_data TO discreet_shared",
    "is a member of discreet_schema": "GRANT discreet_schema TO discreet_intake",
    "somebody is a member": "CREATE ROLE somebody; GRANT discreet_owner TO somebody",
    "owns something": "ALTER TABLE discreet.owners OWNER TO discreet_owner",
    "owns something in": "ALTER DATABASE discreet OWNER TO discreet_worker",
    "may create objects": "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "may create objects in": "GRANT TEMP ON DATABASE discreet TO discreet_contact",
    "may create objects in the": "GRANT CREATE ON SCHEMA gate TO discreet_contact",
    "forced on discreet.owners": "ALTER TABLE discreet.owners NO FORCE ROW LEVEL SECURITY",
    "enabled and forced on": "ALTER TABLE discreet.owners DISABLE ROW LEVEL SECURITY",
    "forced on discreet.forgotten": "CREATE TABLE discreet.forgotten (id uuid)",
}


@pytest.fixture(scope="module")
def module_conn(module_server: Credentials) -> Any:
    with psycopg.connect(module_server.conninfo("discreet_admin")) as conn:
        yield conn
        conn.rollback()


@pytest.mark.parametrize("reason", BAD)
def test_the_start_up_check_refuses(reason: str, module_conn: psycopg.Connection[Any]) -> None:
    check_roles(module_conn, DEFAULT_INSTALLATION)
    module_conn.execute(BAD[reason])
    with pytest.raises(Unavailable) as refused:
        check_roles(module_conn, DEFAULT_INSTALLATION)
    module_conn.rollback()
    assert reason in str(refused.value)


def test_the_start_up_check_refuses_a_role_that_is_missing(
    module_conn: psycopg.Connection[Any],
) -> None:
    module_conn.execute("ALTER ROLE discreet_shared RENAME TO other")
    with pytest.raises(Unavailable, match="discreet_shared is missing"):
        check_roles(module_conn, DEFAULT_INSTALLATION)
    module_conn.rollback()


def test_every_login_role_may_ask_for_the_check(database: Database) -> None:
    for role in LOGIN_ROLES:
        with psycopg.connect(database.conninfo(role)) as conn:
            check_roles(conn, DEFAULT_INSTALLATION)


FORBIDDEN = [
    "CREATE TEMP TABLE mine (id int)",
    "CREATE TABLE public.mine (id int)",
    "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "SELECT pid, query FROM pg_stat_activity",
    "SELECT * FROM pg_catalog.pg_stat_get_activity(NULL)",
    "SELECT relname, n_live_tup FROM pg_stat_user_tables",
    "SELECT pg_catalog.pg_stat_get_live_tuples('discreet.messages'::regclass)",
    "SELECT * FROM pg_locks",
    "SELECT * FROM pg_catalog.pg_lock_status()",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT lo_creat(-1)",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_get(1)",
    "SELECT loread(0, 1)",
    "SELECT pg_total_relation_size('discreet.messages')",
    "SELECT pg_database_size(current_database())",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT rolpassword FROM pg_authid",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "SET SESSION AUTHORIZATION discreet_owner",
    "SET ROLE discreet_owner",
    "SET ROLE discreet_schema",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "TABLE gate.secrets",
    "SELECT public.dblink('')",
]


@pytest.mark.parametrize("role", ["discreet_contact", "discreet_shared", "discreet_intake"])
def test_the_role_of_a_sender_may_neither_create_nor_watch_nor_become(
    role: str, database: Database
) -> None:
    refused = (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.UndefinedFunction,
        psycopg.errors.InvalidParameterValue,
    )
    with psycopg.connect(database.conninfo(role), autocommit=True) as conn:
        for statement in FORBIDDEN:
            with pytest.raises(refused):
                conn.execute(statement)
        for statement in ("SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock(1, 2)"):
            with pytest.raises(refused):
                conn.execute(statement)


def test_nobody_else_may_connect(database: Database, admin: psycopg.Connection[Any]) -> None:
    row = admin.execute(
        "SELECT count(*) FROM pg_roles WHERE rolcanlogin AND NOT rolsuper"
        " AND rolname <> ALL(%s) AND rolname <> current_user"
        " AND has_database_privilege(oid, current_database(), 'CONNECT')",
        [list(LOGIN_ROLES)],
    ).fetchone()
    assert row == (0,)
    public = admin.execute(
        "SELECT count(*) FROM pg_database, aclexplode(datacl)"
        " WHERE datname = current_database() AND grantee = 0"
    ).fetchone()
    assert public == (0,)


def test_the_owners_of_tables_and_functions_cannot_log_in(database: Database) -> None:
    with psycopg.connect(database.conninfo("discreet_worker")) as conn:
        rows = conn.execute(
            "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = ANY(%s)",
            [[SCHEMA_ROLE, GATE_ROLE]],
        ).fetchall()
    assert sorted(rows) == [(GATE_ROLE, False), (SCHEMA_ROLE, False)]
