"""An admin prepares a server of their own, repeatedly, and nobody else can."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.postgres.bootstrap import initialise
from discreet.postgres.credentials import Credentials
from discreet.postgres.external import initialise_external, migrate_external
from discreet.postgres.roles import ADMIN_ROLE, LOGIN_ROLES, check_roles
from discreet.postgres.server import opened_database


def admin_url(server: Credentials, user: str = ADMIN_ROLE, password: str = "") -> str:
    return make_conninfo(
        host=server.host,
        port=server.port,
        dbname="postgres",
        user=user,
        password=password or server.passwords[ADMIN_ROLE],
    )


@pytest.fixture
def bare_server(own_server: Credentials) -> Credentials:
    """Return a server without our roles or database, like a fresh one."""
    with psycopg.connect(admin_url(own_server), autocommit=True) as conn:
        conn.execute("DROP DATABASE discreet")
        for role in (*LOGIN_ROLES, "discreet_gate", "discreet_schema"):
            conn.execute(f"DROP OWNED BY {role}")
            conn.execute(f"DROP ROLE {role}")
    return own_server


def test_the_key_in_the_database_is_that_of_the_credentials(
    own_server: Credentials, own_admin: psycopg.Connection[Any]
) -> None:
    row = own_admin.execute("SELECT inner_pad, outer_pad FROM gate.secrets").fetchone()
    assert row is not None
    key = bytes(byte ^ 0x36 for byte in row[0])
    assert key == bytes.fromhex(own_server.ticket_key).ljust(64, b"\0")
    assert bytes(byte ^ 0x5C for byte in row[1]) == key


def test_initialising_again_changes_nothing(own_server: Credentials) -> None:
    def state() -> list[tuple[Any, ...]]:
        with psycopg.connect(own_server.conninfo(ADMIN_ROLE)) as conn:
            return conn.execute(
                "SELECT n.nspname, relname, relacl::text FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE nspname IN ('discreet', 'gate', 'queue', 'public') ORDER BY 1, 2"
            ).fetchall()

    before = state()
    initialise(admin_url(own_server), own_server)
    assert state() == before
    psycopg.connect(own_server.conninfo("discreet_contact")).close()


def test_an_admin_without_superuser_rights_creates_everything(
    bare_server: Credentials, tmp_path: Path
) -> None:
    with psycopg.connect(admin_url(bare_server), autocommit=True) as conn:
        conn.execute("CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD 'boss'")
    boss = admin_url(bare_server, "boss", "boss")
    with pytest.raises(Unavailable, match="in the database discreet: CREATE EXTENSION"):
        initialise_external(tmp_path / "own", boss)
    with psycopg.connect(bare_server.conninfo(ADMIN_ROLE), autocommit=True) as conn:
        conn.execute("CREATE EXTENSION vector")
    made = initialise_external(tmp_path / "own", boss)
    assert stat.S_IMODE((tmp_path / "own" / "credentials.json").stat().st_mode) == 0o600
    with opened_database(tmp_path / "own") as database:
        assert database.credentials == made
        for role in LOGIN_ROLES:
            with psycopg.connect(database.conninfo(role)) as conn:
                check_roles(conn, made.installation)
    assert initialise_external(tmp_path / "own", boss) == made
    migrate_external(tmp_path / "own", boss)


def test_roles_of_another_installation_keep_their_passwords_unless_told(
    own_server: Credentials, tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match="--reset-roles"):
        initialise_external(tmp_path / "own", admin_url(own_server))
    psycopg.connect(own_server.conninfo("discreet_contact")).close()
    assert not (tmp_path / "own" / "credentials.json").exists()
    made = initialise_external(tmp_path / "own", admin_url(own_server), reset_roles=True)
    psycopg.connect(made.conninfo("discreet_contact")).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(own_server.conninfo("discreet_contact"))


def test_a_role_without_the_rights_is_told_which_are_needed(
    bare_server: Credentials, tmp_path: Path
) -> None:
    with psycopg.connect(admin_url(bare_server), autocommit=True) as conn:
        conn.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'")
    with pytest.raises(Unavailable, match="CREATEROLE"):
        initialise_external(tmp_path / "own", admin_url(bare_server, "clerk", "clerk"))


def test_an_external_database_is_never_migrated_without_its_admin(
    own_server: Credentials, tmp_path: Path
) -> None:
    initialise_external(tmp_path / "own", admin_url(own_server), reset_roles=True)
    with psycopg.connect(own_server.conninfo(ADMIN_ROLE), autocommit=True) as conn:
        conn.execute(
            "DELETE FROM public.schema_migrations"
            " WHERE name = (SELECT max(name) FROM public.schema_migrations)"
        )
    with (
        pytest.raises(Unavailable, match="sb db migrate --admin-url"),
        opened_database(tmp_path / "own"),
    ):
        pass


def test_a_database_whose_roles_can_do_more_is_not_opened(
    own_server: Credentials, tmp_path: Path
) -> None:
    initialise_external(tmp_path / "own", admin_url(own_server), reset_roles=True)
    with psycopg.connect(own_server.conninfo(ADMIN_ROLE), autocommit=True) as conn:
        conn.execute("ALTER ROLE discreet_contact BYPASSRLS")
    with (
        pytest.raises(Unavailable, match="discreet_contact has BYPASSRLS"),
        opened_database(tmp_path / "own"),
    ):
        pass


def test_an_unreachable_server_is_reported_in_one_line(
    own_server: Credentials, tmp_path: Path
) -> None:
    initialise_external(tmp_path / "own", admin_url(own_server), reset_roles=True)
    elsewhere = replace(own_server, host=str(tmp_path))
    with pytest.raises(Unavailable, match="can't be used"):
        initialise(admin_url(elsewhere), elsewhere)


@pytest.mark.parametrize("url", ["nonsense", "postgresql:///", "postgresql://a:b@h:x/"])
def test_a_url_that_leads_nowhere_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="postgresql://admin"):
        initialise_external(tmp_path, url)


def test_a_home_with_an_embedded_database_is_not_turned_to_another_server(
    own_server: Credentials, home: Path
) -> None:
    with pytest.raises(Conflict, match="already has a database"):
        initialise_external(home, admin_url(own_server))
