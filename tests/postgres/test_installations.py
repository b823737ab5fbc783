"""Several installations share one server: each has roles and a database of its own name, and
nothing that one does touches another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.postgres.backup import backup
from discreet.postgres.backup_encryption import PLAIN
from discreet.postgres.credentials import Credentials, load_credentials, save_credentials
from discreet.postgres.external import initialise_external, migrate_external
from discreet.postgres.installation import (
    DEFAULT_INSTALLATION,
    MAX_NAME_BYTES,
    SCRATCH_SUFFIXES,
    check_installation_name,
    rename_roles,
)
from discreet.postgres.joining import invite, join
from discreet.postgres.migrate import SQL
from discreet.postgres.restore import restore_backup
from discreet.postgres.roles import LOGIN_ROLES, ROLES
from discreet.postgres.server import Database, opened_database
from discreet.settings import Settings
from tests.conftest import Server
from tests.schema.__main__ import SCHEMA
from tests.schema.dump import schema_of
from tests.schema.sample import fill, seen
from tests.support.installations import drop, installation, new_name, remove_installation
from tests.support.world import open_scoped

Admin = psycopg.Connection[Any]
ROLE = r"discreet_(?:contact|shared|owner|intake|worker|schema|gate)\b"


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return server.admin_conninfo


@pytest.fixture(scope="module")
def homes(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Of two installations with names of their own, beside the default one of all tests."""
    folder = tmp_path_factory.mktemp("installations")
    one, two = folder / "one", folder / "two"
    with installation(url, one), installation(url, two):
        yield one, two


@pytest.fixture
def installations(homes: tuple[Path, Path], server: Server) -> dict[str, Credentials]:
    found = {one.installation: one for one in (_credentials(home) for home in homes)}
    return {DEFAULT_INSTALLATION: replace(server.credentials, embedded=False), **found}


def _credentials(home: Path) -> Credentials:
    credentials = load_credentials(home)
    assert credentials is not None
    return credentials


def _state(url: str, credentials: Credentials) -> list[Any]:
    """What an installation is made of: its roles with their passwords and settings, its database,
    what is in it, and the key of its tickets."""
    logins = [credentials.login(role) for role in ROLES]
    with psycopg.connect(make_conninfo(url, dbname=credentials.dbname)) as conn:
        found = [
            conn.execute(statement, [logins] if "%s" in statement else None).fetchall()
            for statement in (
                "SELECT rolname, rolpassword, rolcanlogin FROM pg_authid"
                " WHERE rolname = ANY(%s) ORDER BY 1",
                "SELECT setrole::regrole::text, setconfig FROM pg_db_role_setting"
                " WHERE setrole::regrole::text = ANY(%s) ORDER BY 1",
                "SELECT datname, datacl::text FROM pg_database WHERE datname = current_database()",
                "SELECT nspname, relname, relowner::regrole::text, relacl::text FROM pg_class"
                " JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE nspname IN ('discreet', 'gate', 'queue') ORDER BY 1, 2",
                "SELECT polrelid::regclass::text, polname, polroles::regrole[]::text"
                " FROM pg_policy ORDER BY 1, 2",
                "SELECT name, checksum, applied_at FROM public.schema_migrations ORDER BY 1",
                "SELECT * FROM gate.secrets",
            )
        ]
    assert all(found)
    return found


def test_each_installation_has_roles_that_no_other_installation_admits(
    installations: dict[str, Credentials],
) -> None:
    for of, at in permutations(installations.values(), 2):
        for role in LOGIN_ROLES:
            with psycopg.connect(of.conninfo(role)) as conn:
                assert conn.info.user == role.replace("discreet", of.installation)
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(of.conninfo(role, dbname=at.dbname))
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(replace(at, passwords=of.passwords).conninfo(role))


def test_the_schema_of_an_installation_is_the_committed_one_with_its_own_roles(
    installations: dict[str, Credentials], url: str
) -> None:
    for credentials in installations.values():
        inside = make_conninfo(url, dbname=credentials.dbname)
        found = schema_of(inside, credentials.installation)
        assert found.splitlines() == SCHEMA.read_text(encoding="utf-8").splitlines()


def test_managing_one_installation_leaves_the_others_unchanged(
    homes: tuple[Path, Path], installations: dict[str, Credentials], url: str
) -> None:
    home, _ = homes
    mine = _credentials(home)
    before = {name: _state(url, one) for name, one in installations.items()}
    assert initialise_external(home, url) == mine, "a home knows its names"
    migrate_external(home, url)
    with opened_database(home):
        pass
    others = [name for name in before if name != mine.installation]
    assert {name: _state(url, installations[name]) for name in others} == {
        name: before[name] for name in others
    }

    # Somebody who lost the home gives the roles new passwords, and the tickets a new key.
    stranger = home.with_name("stranger")
    with pytest.raises(Conflict, match=f"{mine.installation}_contact already exists") as refused:
        initialise_external(stranger, url, name=mine.installation)
    assert "--name" in refused.value.hint
    assert "--reset-roles" in refused.value.hint
    initialise_external(stranger, url, name=mine.installation, reset_roles=True)
    for name, one in installations.items():
        assert (_state(url, one)[-1] == before[name][-1]) is (name in others), name
        assert (_state(url, one) == before[name]) is (name in others), name
    with pytest.raises(Unavailable, match=f"{mine.installation}_worker"), opened_database(home):
        pass
    save_credentials(home, _credentials(stranger))


def test_opening_an_installation_checks_only_its_own_roles(
    homes: tuple[Path, Path], installations: dict[str, Credentials], url: str
) -> None:
    home, other = homes
    mine = _credentials(home)
    contact = mine.login("discreet_contact")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {contact} SET row_security = off")
        told: list[str] = []
        with opened_database(home, told.append):
            assert told == [
                f"Reset what was changed in the database: the role {contact} has a "
                "different setting of row_security."
            ]
        try:
            admin.execute(f"ALTER ROLE {contact} BYPASSRLS")
            with (
                pytest.raises(Unavailable, match=f"{contact} has BYPASSRLS"),
                opened_database(home),
            ):
                pass
            with opened_database(other):
                pass
        finally:
            admin.execute(f"ALTER ROLE {contact} NOBYPASSRLS")


def test_a_home_has_one_installation(homes: tuple[Path, Path], url: str) -> None:
    home, other = homes
    with pytest.raises(Conflict, match="belongs to the installation"):
        initialise_external(home, url, name=_credentials(other).installation,
                            dbname=_credentials(home).dbname)  # fmt: skip


def test_a_second_machine_joins_by_invitation(homes: tuple[Path, Path], tmp_path: Path) -> None:
    invite(homes[0], tmp_path / "invitation")
    assert join(tmp_path / "second", tmp_path / "invitation") == _credentials(homes[0])
    with opened_database(tmp_path / "second") as database:
        psycopg.connect(database.conninfo("discreet_contact")).close()


def test_a_database_of_another_installation_or_program_is_left_alone(
    homes: tuple[Path, Path], installations: dict[str, Credentials], url: str, tmp_path: Path
) -> None:
    before = {name: _state(url, one) for name, one in installations.items()}
    name = new_name()
    for other in installations.values():
        with pytest.raises(Conflict, match=f"belongs to the installation {other.installation}"):
            initialise_external(tmp_path / "own", url, name=name, dbname=other.dbname)
    with psycopg.connect(url, autocommit=True) as admin:
        try:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            with psycopg.connect(make_conninfo(url, dbname=name), autocommit=True) as inside:
                inside.execute("CREATE TABLE theirs ()")
            with pytest.raises(Conflict, match="tables of another program"):
                initialise_external(tmp_path / "own", url, name=name)
            # Whatever a restore would put beside, or take away, isn't ours either.
            for suffix in ("_restoring", "_replaced"):
                mine = _credentials(homes[0])
                taken = sql.Identifier(f"{mine.dbname}{suffix}")
                admin.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), taken)
                )
                saved = tmp_path / f"saved{suffix}"
                backup(Settings(home=homes[0]), saved, keys=PLAIN, admin_url=url)
                with pytest.raises(Conflict, match=f"{suffix} on that server contains tables"):
                    restore_backup(Settings(home=homes[0]), saved, admin_url=url, overwrite=True)
                admin.execute(
                    sql.SQL("ALTER DATABASE {} RENAME TO {}").format(taken, sql.Identifier(name))
                )
        finally:
            drop(admin, name)
        found = admin.execute("SELECT FROM pg_roles WHERE starts_with(rolname, %s)", [name])
        assert found.fetchone() is None, "no role was made"
    assert {name: _state(url, one) for name, one in installations.items()} == before
    assert not (tmp_path / "own" / "credentials.json").exists()


def test_a_role_of_another_program_is_not_taken_over(url: str, tmp_path: Path) -> None:
    name = new_name()
    with psycopg.connect(url, autocommit=True) as admin:
        try:
            admin.execute(f"CREATE ROLE {name}_schema CREATEDB")
            with pytest.raises(Conflict, match=f"{name}_schema already exists"):
                initialise_external(tmp_path / "own", url, name=name)
        finally:
            admin.execute(f"DROP ROLE {name}_schema")


async def test_a_backup_goes_to_other_names_on_the_same_server(
    database: Database, url: str, tmp_path: Path
) -> None:
    """People and all: from the default name to a second one, and from there to a third. To an
    embedded server: tests/schema/test_upgrade.py."""
    first, second, third = (tmp_path / name for name in ("1", "2", "3"))
    default = replace(database.credentials, embedded=False)
    first.mkdir()
    save_credentials(first, default)
    names = new_name(), new_name()
    said = f"{names[0]}_contact and discreet_contact are words like others"
    inside = make_conninfo(url, dbname=default.dbname)
    with psycopg.connect(inside, autocommit=True) as admin:
        async with open_scoped(database) as db:
            await fill(database, db, admin, first)
            admin.execute("UPDATE discreet.messages SET text = %s WHERE text = 'look'", [said])
            before = await seen(db, admin)
    state = _state(url, default)
    try:
        for home, to, name in ((first, second, names[0]), (second, third, names[1])):
            backup(Settings(home=home), tmp_path / f"{name}.tar", keys=PLAIN, admin_url=url)
            restore_backup(Settings(home=to), tmp_path / f"{name}.tar", admin_url=url, name=name)
            made = _credentials(to)
            assert (made.installation, made.dbname) == (name, name)
            assert not set(made.passwords.values()) & set(default.passwords.values())
            assert made.ticket_key != default.ticket_key
            inside = make_conninfo(url, dbname=made.dbname)
            with opened_database(to) as restored, psycopg.connect(inside) as admin:
                async with open_scoped(restored) as db:
                    assert await seen(db, admin) == before
                text = admin.execute("SELECT text FROM discreet.messages WHERE text = %s", [said])
                assert text.fetchone() == (said,)
            schema = schema_of(inside, name)
            assert schema.splitlines() == SCHEMA.read_text(encoding="utf-8").splitlines()
        assert _state(url, default) == state
    finally:
        for name in names:
            remove_installation(url, name)


def test_a_backup_is_not_put_over_another_installation(
    homes: tuple[Path, Path], server: Server, url: str, tmp_path: Path
) -> None:
    saved = tmp_path / "saved.tar"
    one, two = (_credentials(home) for home in homes)
    with psycopg.connect(make_conninfo(url, dbname=one.dbname)) as admin:
        admin.execute("INSERT INTO discreet.owners (name) VALUES ('Ada')")
    backup(Settings(home=homes[0]), saved, keys=PLAIN, admin_url=url)
    before = _state(url, two)
    for name, said in ((two.installation, "already exists"), (None, "already has data")):
        with pytest.raises(Conflict, match=said):
            restore_backup(Settings(home=tmp_path / "new"), saved, admin_url=url, name=name)
    with pytest.raises(Conflict, match=f"belongs to the installation {two.installation}"):
        restore_backup(
            Settings(home=homes[1]), saved, admin_url=url, name=one.installation, overwrite=True
        )
    assert _state(url, two) == before
    assert not (tmp_path / "new" / "credentials.json").exists()


@pytest.mark.parametrize(
    "name",
    [
        "", "Shop", "1shop", "_shop", "my-shop", "my shop", "shöp", "shop;", "shop\n", "pg", "pg_x",
        "postgres", "template1", "shop_restoring", "shop_replaced", "contacts", "require",
        "s" * (MAX_NAME_BYTES + 1),
    ],
)  # fmt: skip
def test_a_name_that_no_roles_can_carry_is_refused_before_anything_is_done(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="is not a valid installation name"):
        initialise_external(tmp_path / "own", "postgresql://admin@127.0.0.1:1/postgres", name=name)
    assert not (tmp_path / "own").exists()


def test_the_longest_name_leaves_room_for_all_that_is_added_to_it() -> None:
    longest = "s" * MAX_NAME_BYTES
    check_installation_name(longest)
    made = [*(rename_roles(role, "discreet", longest) for role in ROLES)]
    made += [f"{longest}{suffix}" for suffix in SCRATCH_SUFFIXES]
    assert max(map(len, made)) == 63


@pytest.mark.parametrize("dbname", ["", "shop_restoring", "s" * (MAX_NAME_BYTES + 1), "é" * 40])
def test_a_name_of_a_database_that_a_restore_could_not_add_to_is_refused(
    dbname: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="is not a valid database name"):
        initialise_external(tmp_path / "own", "postgresql://a@h/", name="shop", dbname=dbname)


def test_credentials_from_elsewhere_name_no_other_sql(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "credentials.json"
    save_credentials(tmp_path, server.credentials)
    path.write_text(path.read_text().replace('"discreet"', '"x; DROP TABLE y"'))
    with pytest.raises(BadInput, match="is not a valid installation name"):
        load_credentials(tmp_path)


def test_the_program_sends_no_role_by_name_but_through_one_place() -> None:
    """Elsewhere a role is a key: of a login, a pool, a password."""
    named = re.compile(rf"(?:\b(?:TO|FROM|ROLE|BY|FOR)\s+|,\s*|'){ROLE}")
    found = {
        path.name
        for path in (SQL.parents[1]).rglob("*.py")
        if any(named.search(text) for text in re.findall(r'"[^"]*"', path.read_text()))
    }
    assert found == {"bootstrap.py"}
    assert named.search("GRANT a TO discreet_schema, discreet_gate")


def test_every_role_is_renamed_and_nothing_else_is() -> None:
    text = "GRANT a TO discreet_contact, discreet_gate; SELECT pg_notify('discreet_answers', 'x')"
    assert rename_roles(text, "discreet", "shop") == (
        "GRANT a TO shop_contact, shop_gate; SELECT pg_notify('discreet_answers', 'x')"
    )
    assert {rename_roles(role, "discreet", "shop") for role in ROLES} == {
        f"shop_{role.partition('_')[2]}" for role in ROLES
    }
