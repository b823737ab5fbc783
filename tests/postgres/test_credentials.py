"""The credentials file is private to its user, and is written whole or not at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from discreet.domain.errors import Unavailable
from discreet.postgres.credentials import load_credentials, new_credentials, save_credentials
from discreet.postgres.roles import LOGIN_ROLES


def test_saved_credentials_are_loaded(tmp_path: Path) -> None:
    assert load_credentials(tmp_path) is None
    made = new_credentials(embedded=False, host="db.example", sslmode="verify-full")
    save_credentials(tmp_path, made)
    assert load_credentials(tmp_path) == made
    assert [path.name for path in tmp_path.iterdir()] == ["credentials.json"]
    assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600


def test_a_file_that_names_no_installation_is_of_the_default_one(tmp_path: Path) -> None:
    made = new_credentials(embedded=True)
    save_credentials(tmp_path, made)
    path = tmp_path / "credentials.json"
    fields = json.loads(path.read_text())
    assert fields.pop("installation") == "discreet"
    path.write_text(json.dumps(fields))
    assert load_credentials(tmp_path) == made
    assert made.login("discreet_contact") == "discreet_contact"


def test_secrets_are_random_and_long_and_show_in_no_repr() -> None:
    one, other = new_credentials(embedded=True), new_credentials(embedded=True)
    secrets = {*one.passwords.values(), *other.passwords.values(), one.ticket_key, other.ticket_key}
    assert len(secrets) == 2 * (len(LOGIN_ROLES) + 2)
    assert all(len(bytes.fromhex(secret)) == 32 for secret in secrets)
    assert not any(secret in repr(one) for secret in secrets)


def test_an_external_server_has_no_stored_admin_password() -> None:
    assert set(new_credentials(embedded=False).passwords) == set(LOGIN_ROLES)


def test_a_connection_hands_its_password_to_nobody_in_the_clear() -> None:
    made = new_credentials(embedded=False, host="db.example")
    assert "require_auth=scram-sha-256" in made.conninfo("discreet_contact")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    save_credentials(tmp_path, new_credentials(embedded=True))
    (tmp_path / "credentials.json").chmod(mode)
    with pytest.raises(Unavailable, match="chmod 600"):
        load_credentials(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", json.dumps({"embedded": True})])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "credentials.json").write_text(text)
    (tmp_path / "credentials.json").chmod(0o600)
    with pytest.raises(Unavailable, match="is damaged"):
        load_credentials(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    save_credentials(tmp_path, new_credentials(embedded=True))
    (tmp_path / "credentials.json").rename(tmp_path / "elsewhere")
    (tmp_path / "credentials.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="can't be read"):
        load_credentials(tmp_path)
