"""One file makes a second machine a server of the same installation."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.postgres.credentials import (
    Credentials,
    load_credentials,
    new_credentials,
    save_credentials,
)
from discreet.postgres.joining import invite, join
from discreet.postgres.server import Database, opened_database


@pytest.fixture
def first(database: Database, tmp_path: Path) -> Path:
    """Return the home of a machine whose database is on a server of its own."""
    home = tmp_path / "first"
    home.mkdir()
    save_credentials(home, replace(database.credentials, embedded=False))
    return home


def test_the_file_is_enough_to_log_in_as_every_role_and_read_secrets(
    first: Path, tmp_path: Path
) -> None:
    file, second = tmp_path / "invitation", tmp_path / "second"
    invite(first, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    joined = join(second, file)
    assert joined == load_credentials(second) == load_credentials(first)
    assert stat.S_IMODE((second / "credentials.json").stat().st_mode) == 0o600
    with opened_database(first) as one, opened_database(second) as two:
        assert (one.sealing_key, one.ticket_key) == (two.sealing_key, two.ticket_key)
    assert join(second, file) == joined, "joining again changes nothing"


def test_a_server_with_other_credentials_gets_those_of_the_invitation(
    first: Path, tmp_path: Path, database: Database
) -> None:
    file, second = tmp_path / "invitation", tmp_path / "second"
    second.mkdir()
    strange = new_credentials(
        embedded=False,
        host=database.credentials.host,
        port=database.credentials.port,
        dbname=database.credentials.dbname,
    )
    save_credentials(second, strange)
    invite(first, file)
    join(second, file)
    assert load_credentials(second) == load_credentials(first)


def test_an_embedded_database_says_that_nobody_can_join_it(tmp_path: Path) -> None:
    save_credentials(tmp_path, new_credentials(embedded=True))
    with pytest.raises(Conflict, match="listen on a network") as caught:
        invite(tmp_path, tmp_path / "invitation")
    assert "--admin-url" in caught.value.hint
    assert not (tmp_path / "invitation").exists()
    with pytest.raises(BadInput, match="no database yet"):
        invite(tmp_path / "nowhere", tmp_path / "invitation")


def test_a_home_that_has_another_database_keeps_it(first: Path, tmp_path: Path) -> None:
    file, second = tmp_path / "invitation", tmp_path / "second"
    invite(first, file)
    second.mkdir()
    kept = new_credentials(embedded=False, host="elsewhere")
    for credentials in (kept, new_credentials(embedded=True)):
        save_credentials(second, credentials)
        with pytest.raises(Conflict, match="another database"):
            join(second, file)
        assert load_credentials(second) == credentials


def test_an_invitation_overwrites_nothing_and_is_refused_where_others_may_read_it(
    first: Path, tmp_path: Path
) -> None:
    file = tmp_path / "invitation"
    invite(first, file)
    with pytest.raises(Conflict, match="already exists"):
        invite(first, file)
    with pytest.raises(BadInput, match="does not exist"):
        invite(first, tmp_path / "not" / "there")
    file.chmod(0o640)
    with pytest.raises(Unavailable, match="chmod 600"):
        join(tmp_path / "second", file)
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("text", ["", "nonsense", "{}", "[]", '{"format": 1}', '{"format": 2}'])
def test_a_file_that_is_not_an_invitation_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(BadInput, match=r"not an invitation|newer version"):
        join(tmp_path / "second", file)
    with pytest.raises(BadInput, match="does not exist"):
        join(tmp_path / "second", tmp_path / "missing")


@pytest.mark.parametrize(
    "damage",
    [
        {"host": 5},
        {"host": ""},
        {"host": "one,two"},
        {"passwords": {}},
        {"passwords": None},
        {"ticket_key": "zz"},
        {"ticket_key": "00"},
        {"embedded": True},
    ],
)
def test_a_damaged_invitation_is_refused_in_one_line(
    first: Path, tmp_path: Path, damage: dict[str, object]
) -> None:
    file = tmp_path / "invitation"
    invite(first, file)
    document = json.loads(file.read_text())
    document["credentials"].update(damage)
    file.write_text(json.dumps(document))
    with pytest.raises(BadInput, match="not an invitation"):
        join(tmp_path / "second", file)
    assert load_credentials(tmp_path / "second") is None


def test_a_folder_in_the_place_of_an_invitation_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="it is not a file"):
        join(tmp_path / "second", tmp_path)


def test_a_database_that_cannot_be_reached_from_there_is_not_joined(
    first: Path, tmp_path: Path
) -> None:
    file = tmp_path / "invitation"
    credentials = load_credentials(first)
    assert credentials is not None
    save_credentials(first, replace(credentials, host="127.0.0.1", port=1))
    assert invite(first, file).only_here
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 can't be reached"):
        join(tmp_path / "second", file)
    assert load_credentials(tmp_path / "second") is None


def test_the_certificate_of_the_server_comes_along(first: Path, tmp_path: Path) -> None:
    file, second, certificate = tmp_path / "invitation", tmp_path / "second", tmp_path / "ca.pem"
    certificate.write_text("-----BEGIN CERTIFICATE-----\n")
    credentials = load_credentials(first)
    assert credentials is not None
    save_credentials(first, replace(credentials, sslrootcert=str(certificate)))
    invite(first, file)
    certificate.unlink()
    joined = join(second, file)
    assert joined.sslrootcert == str(second / "server-ca.pem")
    assert (second / "server-ca.pem").read_text() == "-----BEGIN CERTIFICATE-----\n"
    with pytest.raises(Unavailable, match="can't be read"):
        invite(first, tmp_path / "again")


def test_where_there_are_several_hosts_one_in_common_is_the_same_place() -> None:
    def at(host: str, port: str = "5432") -> Credentials:
        return new_credentials(embedded=False, host=host, port=port)

    assert at("a,b", "5432,5432").same_place(at("b"))
    assert at("a").same_place(replace(at("a"), port=5432))
    assert not at("a,b", "1,2").same_place(at("a,b", "2,1"))
    assert not at("a").same_place(replace(at("a"), dbname="other"))
    assert json.loads(json.dumps(at("a,b", "1,2").places)) == ["a:1", "b:2"]


def test_the_file_of_an_installation_from_before_several_hosts_is_read(
    first: Path, database: Database
) -> None:
    document = json.loads((first / "credentials.json").read_text())
    del document["target_session_attrs"]
    document["port"] = 5432
    (first / "credentials.json").write_text(json.dumps(document))
    credentials = load_credentials(first)
    assert credentials is not None
    with psycopg.connect(credentials.conninfo("discreet_worker")) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
