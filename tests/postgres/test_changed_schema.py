"""A changed policy, right, trigger or function stops the server, or is restored where it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres.changed_schema import find_changes
from discreet.postgres.credentials import Credentials
from discreet.postgres.external import initialise_external, migrate_external
from discreet.postgres.installation import DEFAULT_INSTALLATION
from discreet.postgres.role_changes import describe_changes
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database, check_schema, opened_database
from tests.postgres.test_bootstrap import admin_url

FUNCTION = """
CREATE OR REPLACE FUNCTION gate.require_owner() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
SET search_path TO pg_catalog AS 'SELECT gen_random_uuid()'
"""
CHANGES = {
    "table discreet.memories differs": "GRANT SELECT ON discreet.memories TO discreet_intake",
    "table discreet.messages differs": "ALTER TABLE discreet.messages NO FORCE ROW LEVEL SECURITY",
    "column discreet.memories.contact_id differs": (
        "GRANT UPDATE (contact_id) ON discreet.memories TO discreet_contact"
    ),
    "policy discreet.memories/everything isn't part": (
        "CREATE POLICY everything ON discreet.memories FOR SELECT TO discreet_contact USING (true)"
    ),
    "function gate.require_owner() differs": FUNCTION,
    "schema queue differs": "GRANT USAGE ON SCHEMA queue TO discreet_contact",
    "database rights of everybody differs": "GRANT CONNECT ON DATABASE discreet TO PUBLIC",
    "trigger discreet.memories/": "ALTER TABLE discreet.memories DISABLE TRIGGER USER",
    "constraint discreet.": "ALTER TABLE discreet.routes DROP CONSTRAINT routes_pkey CASCADE",
}


@pytest.fixture(scope="module")
def module_admin(module_server: Credentials) -> Any:
    with psycopg.connect(module_server.conninfo(ADMIN_ROLE)) as conn:
        yield conn
        conn.rollback()


@pytest.mark.parametrize("said", CHANGES)
def test_a_changed_guard_is_named(said: str, module_admin: psycopg.Connection[Any]) -> None:
    assert find_changes(module_admin, DEFAULT_INSTALLATION).guards == ()
    module_admin.execute(CHANGES[said].encode())
    changes = find_changes(module_admin, DEFAULT_INSTALLATION)
    module_admin.rollback()
    assert any(line.startswith(said) for line in changes.guards), changes


def test_what_an_admin_added_for_themselves_is_only_noted(
    module_admin: psycopg.Connection[Any],
) -> None:
    module_admin.execute("CREATE INDEX mine ON discreet.memories (created_at)")
    module_admin.execute("CREATE TABLE public.mine (id int)")
    module_admin.execute(
        "CREATE TRIGGER mine BEFORE UPDATE ON discreet.memories"
        " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    changes = find_changes(module_admin, DEFAULT_INSTALLATION)
    module_admin.rollback()
    assert changes.guards == ()
    assert "index discreet.mine isn't part of this version" in changes.others
    assert "table public.mine isn't part of this version" in changes.others
    assert "trigger discreet.memories/mine isn't part of this version" in changes.others


def run_as_admin(server: Credentials, *statements: str) -> None:
    with psycopg.connect(server.conninfo(ADMIN_ROLE), autocommit=True) as conn:
        conn.execute("SET default_transaction_read_only TO off")
        for statement in statements:
            conn.execute(statement.encode())


def test_the_embedded_server_restores_a_replaced_function(
    home: Path, own_server: Credentials
) -> None:
    run_as_admin(
        own_server, FUNCTION, "GRANT EXECUTE ON FUNCTION gate.require_owner() TO discreet_contact"
    )
    told: list[str] = []
    with opened_database(home) as database:
        check_schema(database, told.append)
        assert check_schema(database, told.append) == ()
    assert told == [
        "Restoring what was changed in the database: function gate.require_owner() differs from"
        " this version."
    ]


def test_a_dropped_policy_is_refused_until_it_is_back(home: Path, own_server: Credentials) -> None:
    policy = "CREATE POLICY everything ON discreet.memories TO discreet_contact USING (true)"
    run_as_admin(own_server, policy)
    with opened_database(home) as database:
        with pytest.raises(Unavailable, match="everything isn't part of this version"):
            check_schema(database)
        run_as_admin(own_server, "DROP POLICY everything ON discreet.memories")
        check_schema(database)


def test_migrating_a_server_of_your_own_restores_a_replaced_function(
    own_server: Credentials, tmp_path: Path
) -> None:
    initialise_external(tmp_path / "own", admin_url(own_server), reset_roles=True)
    run_as_admin(own_server, FUNCTION)
    with opened_database(tmp_path / "own") as database:
        with pytest.raises(Unavailable, match="require_owner") as refused:
            check_schema(database)
        assert "sb db migrate" in refused.value.hint
        migrate_external(tmp_path / "own", admin_url(own_server))
        assert check_schema(database) == ()


SET_FOR_EVERYBODY = {
    "ALTER ROLE ALL SET row_security = off": "sets row_security to off for every role",
    "ALTER ROLE ALL SET session_replication_role = replica": "sets session_replication_role to",
    "ALTER ROLE ALL SET default_transaction_read_only = on": "sets default_transaction_read_only",
    "ALTER ROLE ALL SET transform_null_equals = on": "sets transform_null_equals to on",
    "ALTER ROLE ALL SET datestyle = 'German'": "sets DateStyle to German",
}


def test_what_is_set_for_every_role_of_the_server_is_noticed(own_server: Credentials) -> None:
    with psycopg.connect(own_server.conninfo("discreet_worker"), autocommit=True) as conn:
        for statement, said in SET_FOR_EVERYBODY.items():
            assert describe_changes(conn, own_server) == []
            run_as_admin(own_server, statement)
            [line] = describe_changes(conn, own_server)
            assert said in line
            run_as_admin(own_server, "ALTER ROLE ALL RESET ALL")


def test_the_embedded_server_resets_what_is_set_for_every_role_and_what_limits_ours(
    home: Path, own_server: Credentials
) -> None:
    run_as_admin(
        own_server,
        "ALTER ROLE ALL SET row_security = off",
        "ALTER ROLE discreet_worker CONNECTION LIMIT 50",
        "ALTER ROLE discreet_owner VALID UNTIL '2020-01-01'",
        "ALTER ROLE discreet_contact VALID UNTIL '2999-01-01'",
    )
    with opened_database(home) as database:
        assert len(database.remarks) == 5
        assert any("discreet_owner can't log in" in line for line in database.remarks)
    with opened_database(home) as database:
        assert database.remarks == ()


def test_a_server_of_your_own_says_what_will_end_connections(
    own_server: Credentials, tmp_path: Path
) -> None:
    initialise_external(tmp_path / "own", admin_url(own_server), reset_roles=True)
    run_as_admin(
        own_server,
        "ALTER ROLE discreet_worker CONNECTION LIMIT 50",
        "ALTER ROLE discreet_contact VALID UNTIL '2999-01-01'",
        "ALTER DATABASE discreet CONNECTION LIMIT 60",
    )
    assert _remarks(tmp_path / "own") == (
        "Note: the database may have 60 connections only",
        "Note: the password of the role discreet_contact is valid until 2999-01-01 00:00 UTC only",
        "Note: the role discreet_worker may have 50 connections only",
    )
    run_as_admin(own_server, "ALTER ROLE discreet_contact VALID UNTIL '2020-01-01'")
    with pytest.raises(Unavailable, match="discreet_contact can't log in"):
        _remarks(tmp_path / "own")
    initialise_external(tmp_path / "own", admin_url(own_server), reset_roles=True)
    assert _remarks(tmp_path / "own") == ("Note: the database may have 60 connections only",)


def _remarks(home: Path) -> tuple[str, ...]:
    with opened_database(home) as database:
        assert isinstance(database, Database)
        return database.remarks
