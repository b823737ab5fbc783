"""What isolates people holds in an installation that isn't called ``discreet``: the same tests, in
a database that shares its server with the default one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from discreet.postgres.credentials import load_credentials
from discreet.postgres.roles import LOGIN_ROLES
from discreet.postgres.server import Database
from tests.conftest import RUN_FOLDER, Server
from tests.isolation.test_layers import (  # noqa: F401 - run here again
    everything,
    test_a_scope_wakes_and_ends_its_own_sessions_and_routes_and_no_others,
    test_functions_that_act_for_a_scope_refuse_who_has_none,
)
from tests.isolation.test_policies import (  # noqa: F401
    entered,
    tables,
    test_each_role_sees_the_rows_of_its_scope_and_no_others,
    test_without_a_ticket_there_is_no_row_in_any_table,
)
from tests.isolation.test_raw_sql import (  # noqa: F401
    test_an_id_that_is_somebody_elses_answers_as_one_that_does_not_exist,
    test_each_hostile_statement_ends_as_it_must_and_shows_or_touches_nobody_elses_rows,
    test_one_scopes_own_rows_are_there_so_the_emptiness_means_something,
    test_what_a_sender_has_used_can_not_be_made_less_by_its_own_statements,
    test_without_a_ticket_in_the_transaction_there_are_no_rows,
)
from tests.isolation.test_tickets import (  # noqa: F401
    shown,
    test_a_ticket_of_another_connection_or_role_shows_nothing,
    test_a_ticket_that_holds_shows_its_scope,
    test_a_ticket_that_was_changed_in_any_way_shows_nothing_and_is_refused,
)
from tests.support.installations import installation


@pytest.fixture(scope="session")
def server(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same server; the template is the database of an installation of another name."""
    home = tmp_path_factory.mktemp("installation") / "home"
    with installation(server.admin_conninfo, home) as credentials:
        yield Server(
            replace(credentials, embedded=server.credentials.embedded), server.admin_conninfo
        )


def test_it_has_logins_of_its_own_and_those_of_the_default_one_are_refused(
    server: Server, database: Database, pytestconfig: pytest.Config
) -> None:
    default = load_credentials(pytestconfig.stash[RUN_FOLDER])
    assert default is not None
    name = server.credentials.installation
    for role in LOGIN_ROLES:
        with psycopg.connect(database.conninfo(role)) as conn:
            assert conn.execute("SELECT session_user").fetchone() == (
                role.replace("discreet", name),
            )
        stranger = replace(default, host=database.credentials.host)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(stranger.conninfo(role, dbname=database.credentials.dbname))
