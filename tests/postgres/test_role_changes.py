"""Changes that a login role makes to itself are reset or reported when the database is opened."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres import role_changes
from discreet.postgres.credentials import Credentials
from discreet.postgres.database_errors import why_not_connected
from discreet.postgres.external import initialise_external
from discreet.postgres.role_changes import changed_settings, describe_changes, reset_settings
from discreet.postgres.roles import ADMIN_ROLE, LOGIN_ROLES
from discreet.postgres.server import opened_database
from tests.postgres.conftest import credentials_of, server_pid
from tests.postgres.test_bootstrap import admin_url
from tests.support.waiting import until_sync

BY_ITSELF = (
    "ALTER ROLE CURRENT_USER SET local_preload_libraries = 'x'",
    "ALTER ROLE CURRENT_USER SET search_path = 'x y', 'x\\y'",
    "ALTER ROLE CURRENT_USER SET statement_timeout = '1ms'",
    "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on",
    "ALTER ROLE CURRENT_USER SET row_security = off",
    "ALTER ROLE CURRENT_USER IN DATABASE discreet SET client_encoding = 'latin1'",
    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
)
"""Changes that a role can make to itself; each breaks connections or stops a server from starting.
"""


def change(server: Credentials, role: str, *statements: str) -> None:
    with psycopg.connect(server.conninfo(role), autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement)


def not_as_declared(server: Credentials) -> list[Any]:
    with psycopg.connect(server.conninfo(ADMIN_ROLE), autocommit=True) as conn:
        return changed_settings(conn, server)


def log_in_with_every_role(server: Credentials) -> None:
    for role in LOGIN_ROLES:
        psycopg.connect(server.conninfo(role)).close()


@pytest.fixture
def own_home(own_server: Credentials, tmp_path: Path) -> Path:
    """Return a home that uses ``own_server`` as a server of its own, without its admin."""
    initialise_external(tmp_path / "own", admin_url(own_server), reset_roles=True)
    return tmp_path / "own"


def test_opening_the_embedded_database_restores_role_settings_and_passwords(
    home: Path, own_server: Credentials
) -> None:
    change(own_server, "discreet_contact", *BY_ITSELF)
    change(own_server, "discreet_worker", *BY_ITSELF[:2])
    change(own_server, "discreet_owner", "ALTER ROLE CURRENT_USER PASSWORD 'mine'")
    change(own_server, "discreet_intake", "ALTER ROLE CURRENT_USER PASSWORD NULL")
    change(own_server, ADMIN_ROLE, "ALTER DATABASE discreet SET search_path = 'x'")
    told: list[str] = []
    with opened_database(home, told.append) as opened:
        log_in_with_every_role(opened.credentials)
    assert len(told) == 1
    assert not_as_declared(own_server) == []
    with opened_database(home, told.append):
        assert len(told) == 1, "and there is nothing left to put right"


def test_reset_settings_are_reported_in_one_line(home: Path, own_server: Credentials) -> None:
    change(own_server, "discreet_contact", "ALTER ROLE CURRENT_USER SET row_security = off")
    change(own_server, "discreet_shared", "ALTER ROLE CURRENT_USER PASSWORD 'mine'")
    told: list[str] = []
    with opened_database(home, told.append):
        pass
    assert told == [
        "Resetting what was changed in the database: the role discreet_contact has a "
        "different setting of row_security; the role discreet_shared can't log in "
        '(password authentication failed for user "discreet_shared").'
    ]


def test_if_no_role_can_log_in_the_error_says_how_the_admin_resets_them(
    own_home: Path, own_server: Credentials
) -> None:
    for role in LOGIN_ROLES:
        change(credentials_of(own_home), role, *BY_ITSELF)
    with pytest.raises(Unavailable) as refused, opened_database(own_home):
        pass
    assert "could not access file" in str(refused.value)
    assert "sb db init --reset-roles --admin-url" in refused.value.hint
    initialise_external(own_home, admin_url(own_server), reset_roles=True)
    with opened_database(own_home):
        pass


@pytest.mark.parametrize("broken", ["discreet_contact", "discreet_worker"])
def test_on_an_external_server_a_role_resets_its_own_settings(
    broken: str, own_home: Path, own_server: Credentials
) -> None:
    change(credentials_of(own_home), broken, *BY_ITSELF)
    told: list[str] = []
    with opened_database(own_home, told.append) as opened:
        log_in_with_every_role(opened.credentials)
    assert not_as_declared(own_server) == []
    assert len(told) == 1
    assert f"{broken} has a different setting of local_preload_libraries" in told[0]


@pytest.mark.parametrize("broken", ["discreet_contact", "discreet_worker"])
def test_on_an_external_server_a_changed_password_is_reported_with_a_remedy(
    broken: str, own_home: Path, own_server: Credentials
) -> None:
    change(credentials_of(own_home), broken, "ALTER ROLE CURRENT_USER PASSWORD 'mine'")
    with pytest.raises(Unavailable) as refused, opened_database(own_home):
        pass
    assert f"the role {broken} can't log in" in str(refused.value)
    assert "sb db init --reset-roles --admin-url" in refused.value.hint
    initialise_external(own_home, admin_url(own_server), reset_roles=True)
    with opened_database(own_home):
        pass


NOT_THE_ROLES_DOING = {
    "ALTER ROLE discreet_contact CONNECTION LIMIT 0": (
        "The database has no connections left.",
        "sb status",
    ),
    "ALTER ROLE discreet_contact NOLOGIN": (
        'refused a connection: role "discreet_contact" is not permitted to log in.',
        "--reset-roles",
    ),
    "REVOKE CONNECT ON DATABASE discreet FROM discreet_contact": (
        'refused a connection: permission denied for database "discreet".',
        "--reset-roles",
    ),
}
TAKEN_BACK = (
    "ALTER ROLE discreet_contact LOGIN CONNECTION LIMIT -1",
    "GRANT CONNECT ON DATABASE discreet TO discreet_contact",
)


def test_a_login_that_fails_for_anything_but_its_password_is_not_called_changed(
    own_home: Path, own_server: Credentials
) -> None:
    for statement, (said, hint) in NOT_THE_ROLES_DOING.items():
        change(own_server, ADMIN_ROLE, statement)
        with pytest.raises(Unavailable) as refused, opened_database(own_home):
            pass
        assert refused.value.message.endswith(said), statement
        assert hint in refused.value.hint, statement
        change(own_server, ADMIN_ROLE, *TAKEN_BACK)
    with opened_database(own_home):
        pass


def test_a_server_that_stops_while_logins_are_checked_is_said_to_stop_or_to_be_gone(
    own_server: Credentials, home: Path
) -> None:
    with psycopg.connect(own_server.conninfo("discreet_worker"), autocommit=True) as conn:
        os.kill(server_pid(home), signal.SIGTERM)  # it ends when its last client has left
        until_sync(lambda: not _accepts(own_server), "the refusal")
        with pytest.raises(psycopg.OperationalError) as stopping:
            describe_changes(conn, own_server)
        said = str(why_not_connected(stopping.value, "db.example.com"))
        assert "on db.example.com is starting or stopping: the database system is" in said
        gone = replace(own_server, host=str(home))
        with pytest.raises(psycopg.OperationalError) as refused:
            describe_changes(conn, gone)
    said = str(why_not_connected(refused.value, "db.example.com"))
    assert "on db.example.com can't be reached: connection" in said
    assert "Is it running?" in said


def _accepts(server: Credentials) -> bool:
    try:
        psycopg.connect(server.conninfo("discreet_contact")).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_role_that_gets_no_connection_is_not_taken_for_one_of_another_installation(
    own_home: Path, own_server: Credentials
) -> None:
    for role in LOGIN_ROLES:
        change(own_server, ADMIN_ROLE, f"ALTER ROLE {role} CONNECTION LIMIT 0")
    with pytest.raises(Unavailable, match="too many connections"):
        initialise_external(own_home, admin_url(own_server))


def test_settings_of_the_database_are_its_admins_to_reset_unless_they_only_tune_it(
    own_home: Path, own_server: Credentials
) -> None:
    change(own_server, ADMIN_ROLE, "ALTER DATABASE discreet SET random_page_cost = 1.1")
    with opened_database(own_home):
        pass
    change(own_server, ADMIN_ROLE, "ALTER DATABASE discreet SET search_path = 'x'")
    with pytest.raises(Unavailable) as refused, opened_database(own_home):
        pass
    assert "the database has a different setting of search_path" in str(refused.value)
    initialise_external(own_home, admin_url(own_server))
    with opened_database(own_home):
        pass


def test_roles_have_exactly_the_settings_that_are_declared(
    own_server: Credentials, own_admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {
        "discreet_worker": {"search_path": "queue, pg_catalog", "statement_timeout": "60s"},
        "discreet_contact": {"work_mem": "8MB"},
    }
    monkeypatch.setattr(role_changes, "ROLE_SETTINGS", {})
    reset_settings(own_admin, own_server)
    monkeypatch.setattr(role_changes, "ROLE_SETTINGS", declared)
    assert [str(one) for one in changed_settings(own_admin, own_server)] == [
        "the role discreet_contact has a different setting of work_mem",
        "the role discreet_worker has a different setting of search_path",
        "the role discreet_worker has a different setting of statement_timeout",
    ]
    change(own_server, "discreet_worker", "ALTER ROLE CURRENT_USER SET statement_timeout = '1ms'")
    reset_settings(own_admin, own_server)
    assert describe_changes(own_admin, own_server) == []
    with psycopg.connect(own_server.conninfo("discreet_worker")) as conn:
        assert conn.execute("SHOW search_path").fetchone() == ("queue, pg_catalog",)
        assert conn.execute("SHOW statement_timeout").fetchone() == ("1min",)
