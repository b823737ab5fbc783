"""Settings are read from the environment once, and a wrong one is named in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from discreet.domain.errors import BadInput
from discreet.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DISCREET_{name.upper()}", raising=False)


def test_without_variables_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.home == Path.home() / ".discreet"
    assert settings.model is None


def test_variables_are_read_and_an_empty_one_counts_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISCREET_HOME", str(tmp_path))
    monkeypatch.setenv("DISCREET_MODEL", "openai:some-model")
    monkeypatch.setenv("DISCREET_MODEL_BASE_URL", "")
    monkeypatch.setenv("DISCREET_TURN_MAX_ATTEMPTS", "2")
    settings = load_settings()
    assert settings.home == tmp_path
    assert settings.model == "openai:some-model"
    assert settings.model_base_url is None
    assert settings.turn_max_attempts == 2


def test_a_home_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISCREET_HOME", "here")
    assert load_settings().home == tmp_path / "here"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISCREET_TURN_SILENCE_SECONDS", "soon"),
        ("DISCREET_TURN_SILENCE_SECONDS", "0"),
        ("DISCREET_MAX_TURNS", "-1"),
        ("DISCREET_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=name) as refused:
        load_settings()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", [one for one in Settings.model_fields if one.endswith("_url")])
def test_an_address_that_is_none_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"DISCREET_{name.upper()}"
    for wrong in (
        "foo",
        "localhost:11434",
        "ftp://example.com",
        "http://",
        "http://[::",
        "http://a:b",
    ):
        monkeypatch.setenv(variable, wrong)
        with pytest.raises(BadInput, match=f"^{variable} ") as raised:
            load_settings()
        assert wrong in str(raised.value)
    monkeypatch.setenv(variable, "https://example.com")
    load_settings()


def test_settings_that_hold_json_are_named_if_it_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCREET_MODEL_PRICES", "cheap")
    with pytest.raises(BadInput, match=r"^DISCREET_MODEL_PRICES is not valid JSON"):
        load_settings()


def test_settings_cannot_be_changed_and_read_nothing_when_constructed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISCREET_MODEL", "openai:some-model")
    settings = Settings(home=tmp_path)
    assert settings.model is None
    with pytest.raises(ValidationError):
        settings.model = "other"  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_importing_the_settings_reads_no_environment() -> None:
    program = "import discreet.settings"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DISCREET_LOG_LEVEL": "loud"},
        check=False,
    )
    assert done.returncode == 0
